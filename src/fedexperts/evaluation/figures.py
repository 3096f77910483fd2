"""The report's figures of what happened before any method is compared: rounds, and who has which class."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from plotly.subplots import make_subplots

from fedexperts.evaluation.display import GENERALIST, KNOWN_LOOKS
from fedexperts.evaluation.theme import (
    BLUES,
    CLASS_COLOURS,
    FONT_SIZE,
    INK,
    RULE,
    SOFT_INK,
    dress,
    figure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

MOST_BARS = 60


def validation_curve(federation_history: pd.DataFrame) -> go.Figure:
    """Draw FedAvg's loss and accuracy by round, and mark the round whose model was kept.

    Args:
        federation_history: A row per round with ``round``, ``train_loss``, ``validation_loss``,
            ``validation_accuracy`` (NaN where the round was not validated) and ``best``.
    """
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.55, 0.45])
    kept = federation_history[federation_history["best"].astype(bool)]
    number = int(kept["round"].iloc[0])
    subtitle = f"Mean over the validation clients. The model of round {number} was kept."
    dress(drawn, "FedAvg's validation curve", subtitle, height=480)
    blue = KNOWN_LOOKS[GENERALIST].colour
    curves = (
        (1, "train_loss", "training", RULE, "lines", ".3f"),
        (1, "validation_loss", "validation", blue, "lines+markers", ".3f"),
        (2, "validation_accuracy", "validation accuracy", blue, "lines+markers", ".1%"),
    )
    for row, column, name, colour, mode, form in curves:
        known = federation_history[federation_history[column].notna()]
        drawn.add_scatter(
            x=known["round"].to_numpy(),
            y=known[column].to_numpy(dtype=float),
            name=name,
            meta=column,
            mode=mode,
            line={"color": colour, "width": 2},
            marker={"size": 5},
            hovertemplate=f"round %{{x}}: %{{y:{form}}}<extra>{name}</extra>",
            showlegend=row == 1,
            row=row,
            col=1,
        )
    late = number > federation_history["round"].max() / 2
    drawn.add_vline(number, line={"dash": "dash", "width": 1, "color": INK})
    drawn.add_annotation(
        x=number,
        y=1.0,
        yref="y domain",
        text=f"kept: round {number}",
        showarrow=False,
        xanchor="right" if late else "left",
        yanchor="top",
        xshift=-5 if late else 5,
        font={"size": FONT_SIZE - 1},
    )
    drawn.update_yaxes(title_text="Loss", row=1, col=1)
    drawn.update_yaxes(title_text="Accuracy", tickformat=".0%", row=2, col=1)
    drawn.update_xaxes(title_text="Round", row=2, col=1)
    drawn.update_layout(
        legend={"orientation": "h", "x": 1.0, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        hovermode="x unified",
    )
    return drawn


def class_mix(clients: pd.DataFrame, class_names: Sequence[str]) -> go.Figure:
    """Draw which classes every client has: stacked bars, or a heat map where bars would be too many.

    Args:
        clients: A row per client with ``client_id``, ``opted_out`` and ``class_0`` to
            ``class_{classes - 1}``, the number of the client's examples of each class.
        class_names: A name for each class.
    """
    counts = clients[[f"class_{label}" for label in range(len(class_names))]].to_numpy(dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    title = "Class mix of every client"
    if len(clients) > MOST_BARS or len(class_names) > len(CLASS_COLOURS):
        return _class_heatmap(title, clients, shares, counts, class_names)
    asterisk = " An asterisk marks a client that opted out." if clients["opted_out"].any() else ""
    drawn = figure(title, f"Share of each class in the client's examples.{asterisk}", height=460)
    ticks = [f"{row.client_id}*" if row.opted_out else f"{row.client_id}" for row in clients.itertuples()]
    for label, name in enumerate(class_names):
        drawn.add_bar(
            x=ticks,
            y=shares[:, label],
            customdata=counts[:, label],
            name=escape(name),
            marker={"color": CLASS_COLOURS[label], "line": {"color": "white", "width": 0.5}},
            hovertemplate="client %{x}: %{y:.1%}, %{customdata:.0f} examples",
        )
    drawn.update_layout(
        barmode="stack", bargap=0.15, legend={"title": {"text": "Class"}, "traceorder": "reversed"}
    )
    drawn.update_xaxes(title_text="Client", type="category", tickfont={"size": 11})
    drawn.update_yaxes(title_text="Share of examples", tickformat=".0%", range=[0, 1])
    return drawn


def _class_heatmap(
    title: str,
    clients: pd.DataFrame,
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    class_names: Sequence[str],
) -> go.Figure:
    """Show clients as columns, put in order by their most frequent class and its share."""
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    drawn = figure(title, "Each column is a client, in the order of its most frequent class.", height=460)
    drawn.add_heatmap(
        z=shares[order].T,
        y=[escape(name) for name in class_names],
        customdata=np.stack(
            [np.broadcast_to(clients["client_id"].to_numpy()[order], counts.T.shape), counts[order].T], -1
        ),
        colorscale=BLUES,
        zmin=0,
        zmax=1,
        colorbar={
            "title": {"text": "Share", "font": {"size": FONT_SIZE, "color": SOFT_INK}},
            "tickformat": ".0%",
            "outlinewidth": 0,
            "thickness": 12,
        },
        hovertemplate="client %{customdata[0]}: %{z:.1%} %{y}, %{customdata[1]:.0f} examples<extra></extra>",
    )
    drawn.update_xaxes(title_text=f"{len(clients)} clients", showticklabels=False, ticks="", showgrid=False)
    drawn.update_yaxes(title_text="Class", type="category", autorange="reversed", showgrid=False)
    return drawn
