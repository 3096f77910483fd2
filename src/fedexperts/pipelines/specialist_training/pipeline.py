"""The pipeline that trains every client's local model and specialist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.pipelines.personal_models import create_training_pipeline

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Partition and generalist in, local models and specialists out."""
    return create_training_pipeline("specialist_training")
