"""Measures every method for every client."""

from fedexperts.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
