"""The report's figures that show every single client: a dot each, or the shape of many."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.evaluation.display import KNOWN_LOOKS, looks, predictors
from fedexperts.evaluation.theme import figure, say_instead

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

MOST_DOTS = 200
GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Row:
    """One row of a figure: a name, and a value of every client.

    Attributes:
        key: What the row is called in the data.
        label: What it is called in the figure.
        colour: Its colour.
        clients: A row per client with ``client_id``, ``opted_out``, ``n`` and the value.
        column: The column that holds the value, a share.
    """

    key: str
    label: str
    colour: str
    clients: pd.DataFrame
    column: str


def client_accuracy(client_metrics: pd.DataFrame) -> go.Figure:
    """Draw every client's local accuracy, a row per method.

    Args:
        client_metrics: A row per client, method and test set with ``client_id``, ``opted_out``, ``method``,
            ``calibrated``, ``test_set``, ``n`` and ``accuracy``.
    """
    client_metrics = client_metrics.assign(method=predictors(client_metrics))
    local = client_metrics[client_metrics["test_set"] == "local"]
    rows = [
        Row(method, look.full_label, look.colour, local[local["method"] == method], "accuracy")
        for method, look in looks(client_metrics["method"]).items()
    ]
    drawn = figure("Local accuracy of every client", _how_to_read(rows), 90 + 70 * (len(rows) + 1))
    return _rows(drawn, rows, "Local accuracy")


def gate_weight(gate_weights: pd.DataFrame) -> go.Figure:
    """Draw how much weight every client's gate gives to its specialist, on four kinds of inputs.

    Args:
        gate_weights: A row per client, ``test_set`` (local, global) and ``class_group`` (majority, minority)
            with ``client_id``, ``opted_out``, ``n`` and ``mean_weight``. It may be empty.
    """
    known = gate_weights[gate_weights["mean_weight"].notna()]
    colours = {"majority": KNOWN_LOOKS["mixture"].colour, "minority": KNOWN_LOOKS["fedavg"].colour}
    rows = [
        Row(
            f"{test_set} {group}",
            f"{test_set.capitalize()} test,<br>{group} classes",
            colour,
            known[(known["test_set"] == test_set) & (known["class_group"] == group)],
            "mean_weight",
        )
        for test_set in ("local", "global")
        for group, colour in colours.items()
    ]
    how = f"The rest goes to the generalist. {_how_to_read(rows)}"
    drawn = figure("Weight that the gate gives to the specialist", how, height=90 + 70 * (len(rows) + 1))
    if known.empty:
        return say_instead(drawn, "No gate was trained in this run.")
    return _rows(drawn, rows, "Weight of the specialist").update_xaxes(range=[-0.02, 1.02])


def _how_to_read(rows: Sequence[Row]) -> str:
    if any(len(row.clients) > MOST_DOTS for row in rows):
        return "The shape shows all clients; the box holds the middle half."
    hollow = "; hollow: opted out" if any(row.clients["opted_out"].any() for row in rows) else ""
    return f"A dot per client{hollow}; the box holds the middle half."


def _rows(drawn: go.Figure, rows: Sequence[Row], axis: str) -> go.Figure:
    many = any(len(row.clients) > MOST_DOTS for row in rows)
    for position, row in enumerate(rows):
        (_add_shape if many else _add_dots)(drawn, row, position)
    labels = [row.label if "<br>" in row.label else escape(row.label) for row in rows]
    drawn.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=labels,
        range=[len(rows) - 0.4, -0.6],
        ticks="",
        showgrid=False,
    )
    drawn.update_xaxes(title_text=axis, tickformat=".0%")
    drawn.update_layout(showlegend=False)
    return drawn


def _add_dots(drawn: go.Figure, row: Row, position: int) -> None:
    values = row.clients[row.column].to_numpy(dtype=float)
    drawn.add_box(
        x=values,
        y=np.full(len(values), float(position)),
        orientation="h",
        width=0.62,
        boxpoints=False,
        line={"color": row.colour, "width": 1.3},
        fillcolor="rgba(0,0,0,0)",
        hoverinfo="skip",
        whiskerwidth=0,
    )
    # Spread evenly rather than at random: the same clients give the same picture.
    spread = (np.arange(len(values)) * GOLDEN % 1.0 - 0.5) * 0.46
    hollow = row.clients["opted_out"].to_numpy(dtype=bool)
    drawn.add_scatter(
        x=values,
        y=position + spread,
        name=escape(row.key),
        meta=row.key,
        mode="markers",
        marker={
            "size": 7,
            "opacity": 0.75,
            "color": row.colour,
            "symbol": np.where(hollow, "circle-open", "circle").tolist(),
            "line": {"width": np.where(hollow, 1.5, 0.0).tolist()},
        },
        customdata=np.stack(
            [row.clients["client_id"], row.clients["n"], np.where(hollow, "opted out", "opted in")], axis=1
        ).astype(str),
        hovertemplate="client %{customdata[0]} (%{customdata[2]}): %{x:.1%} on %{customdata[1]} examples"
        "<extra></extra>",
    )


def _add_shape(drawn: go.Figure, row: Row, position: int) -> None:
    values = row.clients[row.column].to_numpy(dtype=float)
    drawn.add_violin(
        x=values,
        y=np.full(len(values), float(position)),
        name=escape(row.key),
        meta=row.key,
        orientation="h",
        width=0.8,
        points=False,
        spanmode="hard",
        box={"visible": True, "width": 0.25, "fillcolor": "white"},
        line={"color": row.colour, "width": 1.2},
        hoverinfo="skip",
    )
