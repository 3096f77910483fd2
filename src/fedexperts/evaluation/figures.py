"""The report's figures of the federation as a whole; :mod:`distributions` has those of single clients."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from plotly.subplots import make_subplots

from fedexperts.evaluation.display import ALL, GENERALIST, KNOWN_LOOKS, looks, percent, percent_interval
from fedexperts.evaluation.labels import place_labels
from fedexperts.evaluation.theme import (
    BLUES,
    CLASS_COLOURS,
    FONT_SIZE,
    INK,
    RULE,
    SOFT_INK,
    dress,
    figure,
    say_instead,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

MOST_BARS = 60
CANVAS = (760.0, 390.0)


def padded_range(low: float, high: float) -> tuple[float, float]:
    """Widen the range of an axis of shares so that points and their names keep off its ends."""
    pad = max(0.12 * (high - low), 0.02)
    return low - pad, high + pad


def accuracy_tradeoff(summary: pd.DataFrame) -> go.Figure:
    """Draw global against local accuracy, one point per method (figure 3 of arXiv:2010.02056).

    Args:
        summary: As :func:`fedexperts.evaluation.statistics.summarise` returns it; the rows of
            all clients count.
    """
    rows = summary[summary["clients"] == ALL].set_index("method")
    drawn = figure(
        "Global against local accuracy",
        "Mean over clients with intervals. Up and to the right is better; dotted lines mark FedAvg.",
        height=540,
    )
    x_range = padded_range(rows["local_accuracy_low"].min(), rows["local_accuracy_high"].max())
    y_range = padded_range(rows["global_accuracy_low"].min(), rows["global_accuracy_high"].max())
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
            f"{test} {percent(row[name])}% {percent_interval(row[f'{name}_low'], row[f'{name}_high'])}"
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
    _name_points(drawn, rows, [look.full_label for look in shown.values()], x_range, y_range)
    return drawn


def _name_points(
    drawn: go.Figure,
    rows: pd.DataFrame,
    names: Sequence[str],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> None:
    offsets = label_offsets(rows, names, (x_range, y_range), CANVAS, FONT_SIZE)
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


def label_offsets(
    rows: pd.DataFrame,
    names: Sequence[str],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    canvas: tuple[float, float],
    font: float,
) -> list[tuple[float, float]]:
    """Choose where the methods' names go in a plot of global against local accuracy.

    Args:
        rows: A row of the summary for each method.
        names: What to write beside each.
        ranges: The lowest and the highest value of the horizontal and of the vertical axis.
        canvas: The size of the plot in pixels.
        font: The size of the letters in pixels.

    Returns:
        The offset of each name's centre from its point in pixels, upwards.
    """

    def pixels(axis: int, column: str) -> list[float]:
        (low, high), size = ranges[axis], canvas[axis]
        return [float((value - low) / (high - low) * size) for value in rows[column]]

    points = list(zip(pixels(0, "local_accuracy"), pixels(1, "global_accuracy"), strict=True))
    across = zip(pixels(0, "local_accuracy_low"), pixels(0, "local_accuracy_high"), points, strict=True)
    along = zip(pixels(1, "global_accuracy_low"), pixels(1, "global_accuracy_high"), points, strict=True)
    bars = [(low, y - 2, high, y + 2) for low, high, (_, y) in across]
    bars += [(x - 2, low, x + 2, high) for low, high, (x, _) in along]
    return place_labels(points, names, canvas, font, avoid=bars)


def validation_curve(federation_history: pd.DataFrame) -> go.Figure:
    """Draw FedAvg's loss and accuracy by round, and mark the round whose model was kept.

    Args:
        federation_history: A row per round with ``round``, ``train_loss``, ``validation_loss``,
            ``validation_accuracy`` (NaN where the round was not validated) and ``best``.
    """
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.55, 0.45])
    kept = federation_history[federation_history["best"].astype(bool)].tail(1)
    number = int(kept["round"].iloc[0]) if len(kept) else None
    told = f"The model of round {number} was kept." if number is not None else "No round was marked as kept."
    dress(drawn, "FedAvg's validation curve", f"Mean over the validation clients. {told}", height=480)
    blue = KNOWN_LOOKS[GENERALIST].colour
    curves = (
        (1, "train_loss", "training", RULE, "lines", ".3f"),
        (1, "validation_loss", "validation", blue, "lines+markers", ".3f"),
        (2, "validation_accuracy", "validation accuracy", blue, "lines+markers", ".1%"),
    )
    for row, column, name, colour, mode, form in curves:
        known = federation_history[federation_history[column].notna()]
        if known.empty:
            continue
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
    if number is not None:
        drawn.add_vline(number, line={"dash": "dash", "width": 1, "color": INK})
        drawn.add_annotation(
            x=number,
            y=1.0,
            yref="y domain",
            text=f"kept: round {number}",
            showarrow=False,
            xanchor="right" if number > federation_history["round"].max() / 2 else "left",
            yanchor="top",
            xshift=-5 if number > federation_history["round"].max() / 2 else 5,
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
    if not len(clients):
        return say_instead(figure(title, "", height=300), "There are no clients.")
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
