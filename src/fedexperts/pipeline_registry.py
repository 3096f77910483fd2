"""All pipelines, by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from fedexperts.pipelines import (
    client_partitioning,
    data_ingestion,
    evaluation,
    federated_training,
    gate_training,
    reporting,
    specialist_training,
)


def create_stages() -> dict[str, Pipeline]:
    """Create the stages of an experiment, which store what those after them read."""
    stages = {
        "data_ingestion": data_ingestion.create_pipeline(),
        "client_partitioning": client_partitioning.create_pipeline(),
        "federated_training": federated_training.create_pipeline(),
        "specialist_training": specialist_training.create_pipeline(),
        "gate_training": gate_training.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    # Kedro-Viz draws a namespace as one box that opens; the names of data and parameters stay as they are.
    return {
        name: Pipeline(stage, namespace=name, prefix_datasets_with_namespace=False)
        for name, stage in stages.items()
    }


def register_pipelines() -> dict[str, Pipeline]:
    """Register the stages, and the composites that run several of them; any others may be added."""
    stages = create_stages()
    composites = {
        "data": stages["data_ingestion"] + stages["client_partitioning"],
        "personalization": stages["specialist_training"] + stages["gate_training"],
        "__default__": sum(stages.values(), Pipeline([])),
    }
    return {**stages, **composites}
