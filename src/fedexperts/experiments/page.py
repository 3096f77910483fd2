"""A chart as an interactive page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from plotly.subplots import make_subplots

from fedexperts.evaluation.display import GENERALIST, KNOWN_LOOKS
from fedexperts.evaluation.theme import dress

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from fedexperts.experiments.charts import Chart, Curve


def as_page(chart: Chart) -> go.Figure:
    """Draw a chart with plotly."""
    rows, columns = chart.shape
    titles = [escape(panel.title) for panel in chart.panels]
    drawn = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.07, vertical_spacing=0.3 / rows
    )
    dress(drawn, chart.title, chart.subtitle, height=150 + 380 * rows)
    named: set[str] = set()
    for number, panel in enumerate(chart.panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        for curve in panel.curves:
            first = not curve.published and curve.look.label not in named
            named |= {curve.look.label} if first else set()
            drawn.add_scatter(**_trace(chart, curve), showlegend=first, **place)
        if chart.y_ratio:
            line = {"dash": "dot", "width": 1, "color": KNOWN_LOOKS[GENERALIST].colour}
            drawn.add_hline(1.0, line=line, layer="below", **place)
        drawn.update_xaxes(title_text=chart.x_label, type="log" if chart.x_log else "linear", **place)
        if chart.x_log:
            ticks = panel.places
            drawn.update_xaxes(tickvals=ticks, ticktext=[f"{x:g}" for x in ticks], **place)
        drawn.update_yaxes(title_text=chart.y_label if place["col"] == 1 else "", **place)
    if chart.x_share:
        drawn.update_xaxes(tickformat=".0%")
    drawn.update_yaxes(tickformat=".2f" if chart.y_ratio else ".1~%")
    drawn.update_layout(margin={"t": 120})
    return drawn


def _trace(chart: Chart, curve: Curve) -> dict[str, Any]:
    look = curve.look
    value = ".3f" if chart.y_ratio else ".1%"
    source = " (published)" if curve.published else ""
    bars = {
        "type": "data",
        "symmetric": False,
        "array": curve.above,
        "arrayminus": curve.below,
        "thickness": 1.2,
        "width": 3,
    }
    bare = not curve.names
    width, dash = (1.2, "dash") if curve.published else (2, "dash" if look.calibrated else "solid")
    symbol = f"{look.symbol}-open" if curve.published else look.symbol
    where = "%{x:.1%}" if bare else "%{customdata}"
    position = f"{where}: %{{y:{value}}}<extra></extra>"
    return {
        "x": curve.x,
        "y": curve.y,
        "name": escape(look.full_label),
        "legendgroup": look.label,
        "mode": "lines" if bare else "lines+markers",
        "opacity": 0.7 if curve.published else 1.0,
        "line": {"color": look.colour, "width": width, "dash": dash},
        "marker": {"symbol": symbol, "size": 9, "color": look.colour},
        "customdata": curve.names,
        "hovertemplate": f"<b>{escape(look.full_label)}{source}</b><br>{position}",
        "error_y": bars if curve.bounds else None,
    }
