"""Shares the data out among the clients."""

from fedexperts.pipelines.client_partitioning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
