"""Which example belongs to which client and split."""

from fedexperts.partitioning.partition import (
    EVERYONE,
    GLOBAL_TEST,
    LOCAL_TEST,
    SPLITS,
    TRAIN,
    VALIDATION,
    Partition,
    examples_by_client,
    partition,
)

__all__ = [
    "EVERYONE",
    "GLOBAL_TEST",
    "LOCAL_TEST",
    "SPLITS",
    "TRAIN",
    "VALIDATION",
    "Partition",
    "examples_by_client",
    "partition",
]
