"""The report's figures of global against local accuracy."""

from __future__ import annotations

from html import escape
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.evaluation.display import (
    ALL,
    CALIBRATED,
    GENERALIST,
    KNOWN_LOOKS,
    looks,
    percent,
    percent_estimate,
    predictors,
)
from fedexperts.evaluation.frontier import area_under_frontier, mean_curves, specialist_accuracy
from fedexperts.evaluation.labels import place_labels
from fedexperts.evaluation.theme import FONT_SIZE, INK, RULE, SOFT_INK, figure, say_instead

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

CANVAS = (760.0, 390.0)


def padded_range(rows: pd.DataFrame, name: str) -> tuple[float, float]:
    """Choose the range of an axis of shares so that points, intervals and names keep off its ends."""
    drawn = rows[[name, f"{name}_low", f"{name}_high"]].to_numpy(dtype=np.float64)
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    pad = max(0.12 * (high - low), 0.02)
    return low - pad, high + pad


def accuracy_tradeoff(summary: pd.DataFrame) -> go.Figure:
    """Draw global against local accuracy, one point per method (figure 3 of arXiv:2010.02056).

    Args:
        summary: As :func:`fedexperts.evaluation.statistics.summarise` returns it; the rows of
            all clients count.
    """
    rows = rows_by_predictor(summary)
    how = "Mean over clients with intervals. Up and to the right is better; dotted lines mark FedAvg."
    if rows["calibrated"].any():
        how += " Hollow: the same method with a calibrated generalist."
    drawn = figure("Global against local accuracy", how, height=540)
    x_range, y_range = (padded_range(rows, name) for name in ("local_accuracy", "global_accuracy"))
    drawn.update_xaxes(title_text="Local accuracy", tickformat=".0%", range=x_range)
    drawn.update_yaxes(title_text="Global accuracy", tickformat=".0%", range=y_range)
    drawn.update_layout(showlegend=False)
    if GENERALIST in rows.index:
        line = {"dash": "dot", "width": 1, "color": KNOWN_LOOKS[GENERALIST].colour}
        drawn.add_vline(rows.loc[GENERALIST, "local_accuracy"], line=line, opacity=0.5, layer="below")
        drawn.add_hline(rows.loc[GENERALIST, "global_accuracy"], line=line, opacity=0.5, layer="below")
    shown = looks(rows.index)
    rows = rows.loc[list(shown)]
    for (method, look), row in zip(shown.items(), rows.to_dict("records"), strict=True):
        bars = {
            axis: {
                "type": "data",
                "symmetric": False,
                "array": [row[f"{name}_high"] - row[name]],
                "arrayminus": [row[name] - row[f"{name}_low"]],
                "thickness": 1.2,
                "width": 3,
            }
            for axis, name in (("error_x", "local_accuracy"), ("error_y", "global_accuracy"))
        }
        lines = [
            f"{test} {percent_estimate(row[name], row[f'{name}_low'], row[f'{name}_high'], '%')}"
            for test, name in (("local", "local_accuracy"), ("global", "global_accuracy"))
        ]
        drawn.add_scatter(
            x=[row["local_accuracy"]],
            y=[row["global_accuracy"]],
            name=escape(look.full_label),
            meta=method,
            mode="markers",
            marker={
                "symbol": look.symbol,
                "size": 13,
                "color": look.colour,
                "line": {"color": "white", "width": 1},
            },
            hovertemplate=f"<b>{escape(look.full_label)}</b><br>{'<br>'.join(lines)}<extra></extra>",
            **bars,
        )
    for start, end in calibrated_pairs(rows):
        drawn.add_scatter(
            x=[start[0], end[0]],
            y=[start[1], end[1]],
            mode="lines",
            line={"color": SOFT_INK, "width": 1},
            hoverinfo="skip",
        )
    plain = [method for method, look in shown.items() if not look.calibrated]
    _name_points(drawn, rows.loc[plain], [shown[method].full_label for method in plain], x_range, y_range)
    return drawn


def rows_by_predictor(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary's rows of all clients, by the names that :func:`display.predictors` gives them."""
    rows = summary[summary["clients"] == ALL]
    return rows.set_index(predictors(rows).rename("method"))


def calibrated_pairs(rows: pd.DataFrame) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Local and global accuracy of every method that is there in both forms, plain and calibrated."""
    both = [name for name in rows.index if f"{name}{CALIBRATED}" in rows.index]
    points = {name: (row["local_accuracy"], row["global_accuracy"]) for name, row in rows.iterrows()}
    return [(points[name], points[f"{name}{CALIBRATED}"]) for name in both]


def _name_points(
    drawn: go.Figure,
    rows: pd.DataFrame,
    names: Sequence[str],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> None:
    offsets = _label_offsets(rows, names, (x_range, y_range))
    for name, x, y, (right, up) in zip(
        names, rows["local_accuracy"], rows["global_accuracy"], offsets, strict=True
    ):
        drawn.add_annotation(
            x=x,
            y=y,
            ax=right,
            ay=-up,
            text=escape(name),
            arrowhead=0,
            arrowwidth=0.8,
            arrowcolor=RULE,
            standoff=9,
            borderpad=1,
            bgcolor="rgba(255,255,255,0.75)",
            font={"color": INK, "size": FONT_SIZE},
        )


def _label_offsets(
    rows: pd.DataFrame, names: Sequence[str], ranges: tuple[tuple[float, float], tuple[float, float]]
) -> list[tuple[float, float]]:
    """The offset of each name's centre from its method's point, in pixels, upwards."""

    def pixels(axis: int, column: str) -> list[float]:
        (low, high), size = ranges[axis], CANVAS[axis]
        return [float((value - low) / (high - low) * size) for value in rows[column]]

    points = list(zip(pixels(0, "local_accuracy"), pixels(1, "global_accuracy"), strict=True))
    across = zip(pixels(0, "local_accuracy_low"), pixels(0, "local_accuracy_high"), points, strict=True)
    along = zip(pixels(1, "global_accuracy_low"), pixels(1, "global_accuracy_high"), points, strict=True)
    bars = [(low, y - 2, high, y + 2) for low, high, (_, y) in across]
    bars += [(x - 2, low, x + 2, high) for low, high, (x, _) in along]
    return place_labels(points, names, CANVAS, FONT_SIZE, avoid=[bar for bar in bars if not isnan(sum(bar))])


def frontier_figure(frontier: pd.DataFrame, client_metrics: pd.DataFrame) -> go.Figure:
    """Draw every method's global against its local accuracy as its dial moves.

    Args:
        frontier: As for :func:`fedexperts.evaluation.frontier.mean_curves`. It may be empty.
        client_metrics: As for :func:`fedexperts.evaluation.frontier.specialist_accuracy`.
    """
    drawn = figure(
        "Global accuracy for local accuracy",
        "Each method with its dial moved, alike for all clients; dashed: with a calibrated generalist. "
        "AUF: mean global accuracy at losses of 0.5 to 10 points against the specialist (dotted).",
        height=180 if frontier.empty else 540,
    )
    if frontier.empty:
        return say_instead(drawn, "No dial was moved in this run; evaluation.frontier: true measures it.")
    specialist = specialist_accuracy(client_metrics)
    curves = mean_curves(frontier)
    named = dict(iter(curves.groupby(predictors(curves))))
    for name, look in looks(named).items():
        curve = named[name].sort_values("dial")
        area = percent(area_under_frontier(curve, specialist))
        drawn.add_scatter(
            x=curve["local"].to_numpy(),
            y=curve["global"].to_numpy(),
            customdata=curve["dial"].to_numpy(),
            name=f"{escape(look.full_label)} (AUF {area})",
            meta=name,
            mode="lines",
            line={"color": look.colour, "width": 2, "dash": "dash" if look.calibrated else "solid"},
            hovertemplate=f"<b>{escape(look.full_label)}</b>, dial at %{{customdata:.3g}}"
            "<br>local %{x:.1%}, global %{y:.1%}<extra></extra>",
        )
    drawn.add_vline(specialist, line={"dash": "dot", "width": 1, "color": INK}, opacity=0.6, layer="below")
    drawn.update_xaxes(title_text="Local accuracy", tickformat=".0%")
    drawn.update_yaxes(title_text="Global accuracy", tickformat=".0%")
    return drawn
