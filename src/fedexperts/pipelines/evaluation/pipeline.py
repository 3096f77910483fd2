"""The pipeline that measures every method for every client."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fedexperts.personalization.registry import KINDS
from fedexperts.pipelines.evaluation.nodes import evaluate_clients
from fedexperts.pipelines.personal_models import INPUTS


def create_pipeline() -> Pipeline:
    """All models in, one row per client, method and test set out."""
    return Pipeline(
        [
            node(
                evaluate_clients,
                inputs={**INPUTS, "evaluation": "params:evaluation", **{kind: kind for kind in KINDS}},
                outputs=["client_metrics", "gate_weights"],
                name="evaluate_clients",
            )
        ]
    )
