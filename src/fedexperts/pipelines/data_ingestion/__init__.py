"""Read the data set, check it, and keep it in one file."""

from fedexperts.pipelines.data_ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
