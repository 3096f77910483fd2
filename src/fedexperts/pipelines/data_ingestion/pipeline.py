"""Wiring of the data ingestion."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from fedexperts.pipelines.data_ingestion.nodes import count_classes, read_examples


def create_pipeline() -> Pipeline:
    """From the raw data to checked examples, and their number per class."""
    return Pipeline(
        [
            Node(read_examples, inputs=["raw_data", "params:data"], outputs="examples", name="read_examples"),
            Node(count_classes, inputs="examples", outputs="class_counts", name="count_classes"),
        ]
    )
