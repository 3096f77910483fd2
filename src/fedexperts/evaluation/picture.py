"""The comparison as one still picture, for a README or a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fedexperts.evaluation.display import GENERALIST, KNOWN_LOOKS, Look, looks, percent
from fedexperts.evaluation.theme import INK, SOFT_INK, dress_axes
from fedexperts.evaluation.tradeoff import calibrated_pairs, padded_range, rows_by_predictor

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DOTS_PER_INCH = 160
FONT = 10.0


def comparison(summary: pd.DataFrame) -> Figure:
    """Draw global against local accuracy, and beside it how the worse-off clients fare.

    Args:
        summary: As :func:`fedexperts.evaluation.statistics.summarise` returns it; the rows of
            all clients count.

    Returns:
        A figure of its own that no global state of matplotlib knows, 12 x 4.8 inches at 160 dots per inch;
        higher for more than a dozen rows.
    """
    rows = rows_by_predictor(summary)
    shown = looks(rows.index)
    rows = rows.loc[list(shown)]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    drawn = Figure(
        figsize=(12, max(4.8, 0.32 * len(rows) + 1)), dpi=DOTS_PER_INCH, layout=layout, facecolor="white"
    )
    left, right = drawn.subplots(1, 2, width_ratios=[1.25, 1])
    for axes in (left, right):
        _dress(axes)
    _tradeoff(left, rows, shown)
    _worse_off(right, rows, shown)
    return drawn


def _dress(axes: Axes) -> None:
    dress_axes(axes)
    axes.tick_params(labelsize=FONT)
    axes.margins(x=0.07)
    # Steps of 2.5 would be rounded in the labels.
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _title(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(title, loc="left", fontsize=13, color=INK, pad=24)
    below = axes.annotate(
        subtitle, (0, 1), (0, 8), "axes fraction", "offset points", color=SOFT_INK, fontsize=FONT - 0.5
    )
    below.set_in_layout(False)  # a line that is longer than the panel must not shrink it


def _tradeoff(axes: Axes, rows: pd.DataFrame, shown: dict[str, Look]) -> None:
    clients = int(rows["n_clients"].iloc[0])
    # The other panel names the markers: here some lie too close together for names of their own.
    subtitle = f"mean over {clients} clients with intervals; markers as on the right, dotted: FedAvg"
    if rows["calibrated"].any():
        subtitle = f"mean over {clients} clients; markers as on the right, hollow: calibrated, dotted: FedAvg"
    _title(axes, "Global against local accuracy", subtitle)
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("Local accuracy", color=SOFT_INK)
    axes.set_ylabel("Global accuracy", color=SOFT_INK)
    x_range, y_range = (padded_range(rows, name) for name in ("local_accuracy", "global_accuracy"))
    axes.set(xlim=x_range, ylim=y_range)
    if GENERALIST in rows.index:
        blue = KNOWN_LOOKS[GENERALIST].colour
        reference = rows.to_dict("index")[GENERALIST]
        axes.axvline(reference["local_accuracy"], color=blue, ls=":", lw=1, alpha=0.6, zorder=1)
        axes.axhline(reference["global_accuracy"], color=blue, ls=":", lw=1, alpha=0.6, zorder=1)
    for (x, y), (x_now, y_now) in calibrated_pairs(rows):
        axes.plot([x, x_now], [y, y_now], color=SOFT_INK, lw=0.8, zorder=2)
    for look, row in zip(shown.values(), rows.to_dict("records"), strict=True):
        x, y = row["local_accuracy"], row["global_accuracy"]
        axes.errorbar(
            x,
            y,
            # An interval of few resamples may lie beside its value.
            xerr=np.maximum(0.0, [[x - row["local_accuracy_low"]], [row["local_accuracy_high"] - x]]),
            yerr=np.maximum(0.0, [[y - row["global_accuracy_low"]], [row["global_accuracy_high"] - y]]),
            color=look.colour,
            marker=look.marker,
            markersize=9,
            markerfacecolor="white" if look.calibrated else look.colour,
            markeredgecolor=look.colour if look.calibrated else "white",
            elinewidth=1.2,
            capsize=2,
            zorder=3,
        )


def _worse_off(axes: Axes, rows: pd.DataFrame, shown: dict[str, Look]) -> None:
    _title(axes, "Who gains, who loses", "local accuracy: mean (filled), bottom decile (hollow)")
    axes.set_xlabel("Local accuracy", color=SOFT_INK)
    axes.grid(visible=False, axis="y")
    # A calibrated form follows its method, so it needs no long name.
    labels = ["+ calibrated" if look.calibrated else look.full_label for look in shown.values()]
    axes.set_yticks(range(len(rows)), labels, parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for position, (look, row) in enumerate(zip(shown.values(), rows.to_dict("records"), strict=True)):
        value, worst = row["local_accuracy"], row["bottom_decile"]
        axes.plot([worst, value], [position, position], color=look.colour, lw=2, alpha=0.35, zorder=2)
        axes.plot(value, position, look.marker, color=look.colour, ms=9, mec="white", zorder=3)
        axes.plot(worst, position, look.marker, mfc="white", mec=look.colour, ms=7, mew=1.4, zorder=3)
    axes.annotate(
        "clients\nhurt", (1, 1), (46, 8), "axes fraction", "offset points", ha="right", color=SOFT_INK
    )
    for position, (method, hurt) in enumerate(rows["clients_hurt"].items()):
        axes.annotate(
            "ref." if method == GENERALIST else f"{percent(hurt)}%",
            (1, position),
            (46, 0),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            va="center",
            color=INK,
            fontsize=FONT,
        )
