"""The pipeline that measures every method for every client."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fedexperts.personalization.registry import KINDS
from fedexperts.pipelines.evaluation.nodes import evaluate_clients, record_evaluation
from fedexperts.pipelines.personal_models import INPUTS
from fedexperts.provenance.record import RECORDED_TABLES


def create_pipeline() -> Pipeline:
    """All models in, one row per client, method and test set out."""
    return Pipeline(
        [
            node(
                evaluate_clients,
                inputs={
                    **INPUTS,
                    "evaluation": "params:evaluation",
                    "seed": "params:seed",
                    **{kind: kind for kind in KINDS},
                },
                outputs=["client_metrics", "gate_weights", "frontier"],
                name="evaluate_clients",
            ),
            node(
                record_evaluation,
                inputs={
                    **{name: name for name in RECORDED_TABLES},
                    "partition_settings": "partition_settings",
                    "generalist": "generalist",
                    "settings": "params:personalization",
                    "evaluation": "params:evaluation",
                    "seed": "params:seed",
                    **{kind: kind for kind in KINDS},
                },
                outputs="evaluation_record",
                name="record_evaluation",
            ),
        ]
    )
