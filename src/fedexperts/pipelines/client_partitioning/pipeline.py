"""The pipeline that shares the data out among the clients."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from fedexperts.pipelines.client_partitioning.nodes import (
    fit_preprocessing,
    note_settings,
    partition_clients,
)


def create_pipeline() -> Pipeline:
    """Data set in, partition and fitted preprocessing out."""
    return Pipeline(
        [
            node(
                partition_clients,
                inputs=["examples", "params:data", "params:partition", "params:seed"],
                outputs=["clients", "assignments"],
                name="partition_clients",
            ),
            node(
                note_settings,
                inputs=["clients", "params:data", "params:partition", "params:seed"],
                outputs="partition_settings",
                name="note_settings",
            ),
            node(
                fit_preprocessing,
                inputs=["examples", "assignments", "params:data"],
                outputs="preprocessing",
                name="fit_preprocessing",
            ),
        ]
    )
