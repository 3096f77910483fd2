"""The pipeline that trains the generalist."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fedexperts.pipelines.federated_training.nodes import select_opt_in_clients, train_generalist


def create_pipeline() -> Pipeline:
    """Partition in, generalist and history out."""
    return Pipeline(
        [
            node(
                select_opt_in_clients,
                inputs=["examples", "assignments", "preprocessing"],
                outputs="opt_in_clients",
                name="select_opt_in_clients",
            ),
            node(
                train_generalist,
                inputs=[
                    "opt_in_clients",
                    "params:model",
                    "params:federation",
                    "params:seed",
                    "params:device",
                    "params:engine",
                    "checkpoints",
                ],
                outputs=["generalist", "federation_history"],
                name="train_generalist",
            ),
        ]
    )
