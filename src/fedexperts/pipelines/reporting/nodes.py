"""The nodes of the reporting pipeline.

What they call is imported when they run: plotly, matplotlib and pandas would cost every command a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedexperts.parameters import EvaluationSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture
    from pandas import DataFrame
    from plotly.graph_objects import Figure

    from fedexperts.examples import Examples
else:  # Kedro resolves the annotations of every node before a run.
    DataFrame = Examples = Figure = Picture = Any


def describe_environment(device: str, _summary: DataFrame) -> dict[str, str]:
    """Note what the report is made with, once there is something to report: versions, commit, machine."""
    from fedexperts.provenance import environment
    from fedexperts.training.device import name_device, resolve_device

    return environment.describe_environment(
        name_device(resolve_device(device)), environment.describe_commit()
    )


def check_results(record: dict[str, Any], **tables: DataFrame) -> dict[str, Any]:
    """Make sure that all tables belong to one evaluation; return the settings that it was made with."""
    from fedexperts.provenance.record import check_record

    return check_record(record, tables)


def summarise_clients(client_metrics: DataFrame, evaluation: EvaluationSettings, seed: int) -> DataFrame:
    """Sum every method up over clients, with intervals."""
    from fedexperts.evaluation.statistics import summarise

    return summarise(client_metrics, evaluation, seed)


def draw_accuracy_tradeoff(summary: DataFrame) -> Figure:
    """Draw global against local accuracy, a point per method."""
    from fedexperts.evaluation.tradeoff import accuracy_tradeoff

    return accuracy_tradeoff(summary)


def draw_accuracy_frontier(frontier: DataFrame, client_metrics: DataFrame) -> Figure:
    """Draw global against local accuracy as the methods' dials move."""
    from fedexperts.evaluation.tradeoff import frontier_figure

    return frontier_figure(frontier, client_metrics)


def draw_validation_curve(federation_history: DataFrame) -> Figure:
    """Draw FedAvg's validation by round."""
    from fedexperts.evaluation.figures import validation_curve

    return validation_curve(federation_history)


def draw_client_accuracy(client_metrics: DataFrame) -> Figure:
    """Draw the local accuracy of every client."""
    from fedexperts.evaluation.distributions import client_accuracy

    return client_accuracy(client_metrics)


def draw_gate_weight(gate_weights: DataFrame) -> Figure:
    """Draw how the gates divide the weight between the experts."""
    from fedexperts.evaluation.distributions import gate_weight

    return gate_weight(gate_weights)


def draw_class_mix(clients: DataFrame, examples: Examples) -> Figure:
    """Draw which classes every client has."""
    from fedexperts.evaluation.figures import class_mix

    return class_mix(clients, examples.class_names)


def draw_comparison(summary: DataFrame) -> Picture:
    """Draw the comparison as one still picture."""
    from fedexperts.evaluation.picture import comparison

    return comparison(summary)


def write_report(
    dataset: str,
    client_metrics: DataFrame,
    summary: DataFrame,
    settings: dict[str, Any],
    environment: dict[str, str],
    evaluation: EvaluationSettings,
    seed: int,
    federation_history: DataFrame,
    **figures: Figure,
) -> str:
    """Write the report, one page that needs no network."""
    from fedexperts.evaluation.report import Run, render_report

    run = Run(
        dataset,
        client_metrics,
        summary,
        figures,
        settings,
        environment,
        evaluation,
        seed,
        federation_history,
    )
    return render_report(run)
