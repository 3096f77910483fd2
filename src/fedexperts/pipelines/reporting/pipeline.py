"""The reporting pipeline: from the clients' metrics to tables, figures and the report."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fedexperts.pipelines.reporting import nodes
from fedexperts.provenance.record import RECORDED_TABLES

FIGURES = (
    "accuracy_tradeoff",
    "accuracy_frontier",
    "validation_curve",
    "client_accuracy",
    "gate_weight",
    "class_mix",
)


def create_pipeline() -> Pipeline:
    """Create the pipeline; its figures appear in the report in the order of :data:`FIGURES`."""
    return Pipeline(
        [
            node(
                nodes.describe_environment,
                ["params:device", "summary"],
                "environment",
                name="describe_environment",
            ),
            node(
                nodes.check_results,
                {"record": "evaluation_record", **{name: name for name in RECORDED_TABLES}},
                "run_settings",
                name="check_results",
            ),
            node(
                nodes.summarise_clients,
                ["client_metrics", "params:evaluation", "params:seed"],
                "summary",
                name="summarise_clients",
            ),
            node(nodes.draw_accuracy_tradeoff, "summary", "accuracy_tradeoff", name="draw_accuracy_tradeoff"),
            node(
                nodes.draw_accuracy_frontier,
                ["frontier", "client_metrics"],
                "accuracy_frontier",
                name="draw_accuracy_frontier",
            ),
            node(
                nodes.draw_validation_curve,
                "federation_history",
                "validation_curve",
                name="draw_validation_curve",
            ),
            node(
                nodes.draw_client_accuracy, "client_metrics", "client_accuracy", name="draw_client_accuracy"
            ),
            node(nodes.draw_gate_weight, "gate_weights", "gate_weight", name="draw_gate_weight"),
            node(nodes.draw_class_mix, ["clients", "examples"], "class_mix", name="draw_class_mix"),
            node(nodes.draw_comparison, "summary", "comparison_picture", name="draw_comparison"),
            node(
                nodes.write_report,
                {
                    "dataset": "dataset_name",
                    "client_metrics": "client_metrics",
                    "summary": "summary",
                    "settings": "run_settings",
                    "environment": "environment",
                    "evaluation": "params:evaluation",
                    "seed": "params:seed",
                    "federation_history": "federation_history",
                    **{name: name for name in FIGURES},
                },
                "report",
                name="write_report",
            ),
        ]
    )
