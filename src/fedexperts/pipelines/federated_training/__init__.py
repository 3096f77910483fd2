"""Trains the generalist."""

from fedexperts.pipelines.federated_training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
