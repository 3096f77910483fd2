"""Trains mixtures of specialist and generalist."""

from fedexperts.pipelines.gate_training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
