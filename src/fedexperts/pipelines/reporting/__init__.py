"""Sum the results up and show them."""

from fedexperts.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
