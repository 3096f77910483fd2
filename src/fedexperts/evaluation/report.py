"""The report of a run: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from fedexperts.evaluation.display import (
    GENERALIST,
    GROUP_LABELS,
    looks,
    percent,
    percent_interval,
    predictors,
)
from fedexperts.evaluation.faults import describe_faults
from fedexperts.evaluation.reading import describe_result
from fedexperts.evaluation.statistics import STATISTICS, mean_scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from fedexperts.parameters import EvaluationSettings

TEMPLATE_FILE = "report.html.j2"
PLOT_OPTIONS = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class Run:
    """What a report is about.

    Attributes:
        dataset: The name of the data set.
        client_metrics: A row per client, method and test set.
        summary: As :func:`fedexperts.evaluation.statistics.summarise` returns it.
        figures: Plotly figures by name, in the order in which they are shown.
        parameters: Every setting of the run, as JSON has them.
        environment: What the run was made with, as
            :func:`fedexperts.provenance.environment.describe_environment` returns it.
        evaluation: The settings of the intervals.
        seed: The seed of the run.
        history: A row per round of federated training.
    """

    dataset: str
    client_metrics: pd.DataFrame
    summary: pd.DataFrame
    figures: Mapping[str, go.Figure]
    parameters: Mapping[str, Any]
    environment: Mapping[str, str]
    evaluation: EvaluationSettings
    seed: int
    history: pd.DataFrame


def render_report(run: Run) -> str:
    """Write the report.

    Args:
        run: What it is about.

    Returns:
        A complete HTML page with all styles, scripts and figures in it. The same input gives the same page.

    Raises:
        ValueError: As :func:`fedexperts.evaluation.statistics.pair_clients`.
    """
    page = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(files("fedexperts.evaluation").joinpath(TEMPLATE_FILE).read_text(encoding="utf-8"))
    return page.render(
        dataset=run.dataset,
        paragraphs=[
            *describe_result(run.client_metrics, run.evaluation, run.seed),
            *describe_faults(run.client_metrics, run.history),
        ],
        confidence=percent(run.evaluation.confidence).removesuffix(".0"),
        resamples=run.evaluation.resamples,
        groups=_groups(run.summary),
        calibrated=bool(run.summary["calibrated"].any()),
        scores=_scores(run.client_metrics),
        figures=[_embed(name, drawn) for name, drawn in run.figures.items()],
        settings=_sections(run.parameters),
        environment=dict(run.environment),
        # Whatever its key is called, only the state of the working tree can be "dirty".
        dirty="dirty" in run.environment.values(),
        plotly_js=get_plotlyjs(),
    )


def flatten_settings(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Write every setting under its full name.

    Args:
        parameters: Plain values, lists and nested mappings, as JSON has them.

    Returns:
        A text for every value, by its keys joined with dots, such as ``federation.rounds``.
    """
    flat: dict[str, str] = {}
    for key, value in parameters.items():
        if isinstance(value, dict) and value:
            flat.update({f"{key}.{inner}": text for inner, text in flatten_settings(value).items()})
        else:
            flat[key] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat


def _sections(parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Group settings by their first key; single values come first, under no heading."""
    sections: dict[str, dict[str, str]] = {"": {}}
    for name, text in flatten_settings(parameters).items():
        group, dot, rest = name.partition(".")
        sections.setdefault(group if dot else "", {})[rest if dot else name] = text
    return {group: values for group, values in sections.items() if values}


def _groups(summary: pd.DataFrame) -> list[dict[str, Any]]:
    summary = summary.assign(method=predictors(summary))
    shown = looks(summary["method"])
    groups = []
    for group, rows in summary.groupby("clients", sort=False):
        lines = [
            {
                "method": row["method"],
                "look": shown[row["method"]],
                "cells": [
                    None
                    if name == "clients_hurt" and row["method"] == GENERALIST
                    else (percent(row[name]), percent_interval(row[f"{name}_low"], row[f"{name}_high"]))
                    for name in STATISTICS
                ],
            }
            for row in rows.to_dict("records")
        ]
        groups.append(
            {"label": GROUP_LABELS[str(group)], "clients": int(rows["n_clients"].iloc[0]), "rows": lines}
        )
    return groups


def _scores(client_metrics: pd.DataFrame) -> list[dict[str, Any]]:
    table = mean_scores(client_metrics)
    table["method"] = predictors(table)
    shown = looks(table["method"])
    return [
        {
            "method": row["method"],
            "look": shown[row["method"]],
            "cells": [
                text
                for test in ("local", "global")
                for text in (f"{row[f'{test}_loss']:.3f}", percent(row[f"{test}_ece"]))
            ],
        }
        for row in table.to_dict("records")
    ]


def _embed(name: str, drawn: go.Figure) -> dict[str, str]:
    """Turn a figure into HTML; its title becomes the page's, where it wraps on a narrow screen."""
    drawn = go.Figure(drawn)
    heading = drawn.layout.title
    title, subtitle = heading.text or name, heading.subtitle.text or ""
    # Dragging would zoom where a finger means to scroll.
    drawn.update_layout(title={"text": None, "subtitle": {"text": None}}, margin={"t": 30}, dragmode=False)
    if drawn.layout.height:
        drawn.update_layout(height=drawn.layout.height - 60)
    html = plotly.io.to_html(
        drawn, full_html=False, include_plotlyjs=False, div_id=f"figure-{name}", config=PLOT_OPTIONS
    )
    # Titles are escaped already: figures know a little HTML of their own.
    return {"name": name, "title": title, "subtitle": subtitle, "html": html}
