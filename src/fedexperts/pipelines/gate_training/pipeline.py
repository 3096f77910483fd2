"""The pipeline that trains every client's mixture: a specialist and a gate together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.pipelines.personal_models import create_training_pipeline

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Partition and generalist in, mixtures out."""
    return create_training_pipeline("gate_training")
