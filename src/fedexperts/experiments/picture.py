"""A chart as a still picture, for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter, StrMethodFormatter

from fedexperts.evaluation.display import GENERALIST, KNOWN_LOOKS
from fedexperts.evaluation.theme import INK, SOFT_INK, dress_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fedexperts.experiments.charts import Chart, Curve, Panel

LEAST_WIDTH = 8.0
NEAR = 0.05
"""Ends of curves so close together have one name, if it is the same."""
HALO = withStroke(linewidth=2, foreground="white")
"""What makes names readable that stand on a curve."""
ON_TOP = 10
"""The order of what no curve may cover."""
MOST_TICKS = 6
"""With more, the names of the places along would run into each other."""


def as_picture(chart: Chart) -> Figure:
    """Draw a chart with matplotlib, as a figure of its own that no global state knows."""
    rows, columns = chart.shape
    shown = {curve.look.full_label: curve for panel in chart.panels for curve in panel.curves}
    width = max(LEAST_WIDTH, 1.2 + 4.0 * columns)
    entries = max(1, int(width / (0.7 + 0.085 * max(map(len, shown)))))
    legend = 0.15 + 0.25 * -(-len(shown) // entries)
    size = (width, 1.2 + 3.4 * rows + legend)
    # What is left free above and below the panels, as parts of the height, is for title and legend.
    head, foot = 0.75 / size[1], legend / size[1]
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, rect=(0, foot, 1, 1 - head - foot))
    drawn = Figure(figsize=size, layout=layout, facecolor="white")
    grid = drawn.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, chart.panels, strict=False):
        _draw(axes, chart, panel)
    for axes in list(grid.flat)[len(chart.panels) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(chart.y_label, color=SOFT_INK)
    handles = [Line2D([], [], label=label, **_style(curve)) for label, curve in shown.items()]
    drawn.legend(handles=handles, loc="lower center", ncols=min(entries, len(handles)), frameon=False)
    margin = 0.12 / size[0]
    drawn.text(margin, 1 - 0.35 / size[1], chart.title, color=INK, fontsize=13)
    drawn.text(margin, 1 - 0.6 / size[1], chart.subtitle, color=SOFT_INK, fontsize=9)
    # A layout's last digits differ from run to run; without them, the same chart makes the same file.
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    for axes in drawn.axes:
        axes.set_position(axes.get_position().from_bounds(*(round(x, 5) for x in axes.get_position().bounds)))
    return drawn


def _draw(axes: Axes, chart: Chart, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlabel(chart.x_label, color=SOFT_INK)
    dress_axes(axes)
    if chart.y_ratio:
        axes.axhline(1.0, color=KNOWN_LOOKS[GENERALIST].colour, ls=":", lw=1)
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))
    if chart.x_share:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if chart.x_log:
        axes.set_xscale("log")
        if len(panel.places) <= MOST_TICKS:
            axes.set_xticks(panel.places)
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", labelsize=8)
    for curve in panel.curves:
        _add(axes, curve)
    if chart.x_share:
        _name_ends(axes, panel)


def _name_ends(axes: Axes, panel: Panel) -> None:
    """Name the ends of curves: the points between are in order, and names for all would cover each other."""
    named: list[tuple[str, float, float]] = []
    for curve in panel.curves:
        if curve.published or not curve.names:
            continue
        for end in (0, -1):
            name, x, y = curve.names[end], curve.x[end], curve.y[end]
            if any(name == other and abs(x - right) + abs(y - up) < NEAR for other, right, up in named):
                continue
            named.append((name, x, y))
            axes.annotate(
                name,
                (x, y),
                (5, 5),
                textcoords="offset points",
                fontsize=7,
                color=SOFT_INK,
                zorder=ON_TOP,
                path_effects=[HALO],
            )


def _add(axes: Axes, curve: Curve) -> None:
    if curve.published:
        colour, marker = curve.look.colour, curve.look.marker
        axes.plot(curve.x, curve.y, color=colour, marker=marker, ls="--", lw=1, mfc="white", ms=5, alpha=0.7)
        return
    bars = [curve.below, curve.above] if curve.bounds else None
    axes.errorbar(curve.x, curve.y, bars, elinewidth=1, capsize=2, **_style(curve))


def _style(curve: Curve) -> dict[str, Any]:
    """How a curve of ours is drawn: a calibrated one dashed and hollow, a bare one without markers."""
    look = curve.look
    return {
        "color": look.colour,
        "marker": look.marker if curve.names else "",
        "ls": (0, (4, 1.5)) if look.calibrated else "-",
        "lw": 1.6,
        "ms": 6,
        "mec": look.colour if look.calibrated else "white",
        "mfc": "white" if look.calibrated else look.colour,
    }
