"""Trains local models and specialists."""

from fedexperts.pipelines.specialist_training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
