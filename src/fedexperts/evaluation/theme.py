"""The one look that all figures share, in plotly and in matplotlib."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1F2933"
SOFT_INK = "#52606D"
RULE = "#CBD2D9"
GRID = "#EBEEF1"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_SIZE = 13

# Paul Tol's "muted" scheme and a grey: ten classes that stay apart for colour-blind eyes.
CLASS_COLOURS = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933",
    "#DDCC77", "#CC6677", "#882255", "#AA4499", "#BBBBBB",
)  # fmt: skip
BLUES = ((0.0, "#FFFFFF"), (0.25, "#C6DDF0"), (0.5, "#7FB2DC"), (0.75, "#2F7CBC"), (1.0, "#0B3C6F"))

_AXIS = {
    "gridcolor": GRID,
    "linecolor": RULE,
    "showline": True,
    "ticks": "outside",
    "tickcolor": RULE,
    "ticklen": 4,
    "zeroline": False,
    "automargin": True,
    "title": {"standoff": 12, "font": {"size": FONT_SIZE, "color": SOFT_INK}},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": FONT_SIZE, "color": INK},
        "title": {
            "x": 0.0,
            "xref": "paper",
            "xanchor": "left",
            "yref": "container",
            "y": 0.97,
            "yanchor": "top",
            "font": {"size": 18},
            "subtitle": {"font": {"size": FONT_SIZE, "color": SOFT_INK}},
        },
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "hoverlabel": {"font": {"family": FONT}, "bgcolor": "#FFFFFF", "bordercolor": RULE},
        "legend": {"title": {"font": {"color": SOFT_INK, "size": FONT_SIZE}}},
        "margin": {"l": 70, "r": 30, "t": 90, "b": 60},
    }
)


def figure(title: str, subtitle: str, height: int) -> go.Figure:
    """Start an empty figure in the common look.

    Args:
        title: What it shows.
        subtitle: How to read it, in one line.
        height: In pixels; the width follows the page.
    """
    empty = go.Figure()
    dress(empty, title, subtitle, height)
    return empty


def dress(drawn: go.Figure, title: str, subtitle: str, height: int) -> None:
    """Give a figure its title and the common look; plain text, nothing in it is taken for markup."""
    heading = {"text": escape(title), "subtitle": {"text": escape(subtitle)}}
    drawn.update_layout(template=TEMPLATE, title=heading, height=height)


def say_instead(drawn: go.Figure, message: str) -> go.Figure:
    """Show a sentence where there is nothing to draw."""
    drawn.add_annotation(
        text=escape(message),
        xref="paper",
        yref="paper",
        x=0.5,
        y=0.5,
        showarrow=False,
        font={"color": SOFT_INK, "size": 15},
    )
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    return drawn


def dress_axes(axes: Axes) -> None:
    """Give axes of matplotlib the common look."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=INK, color=RULE)
    axes.set_axisbelow(True)
    axes.grid(color=GRID)
