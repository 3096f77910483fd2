"""Data sets of which Kedro keeps every version."""

from __future__ import annotations

from typing import Any, TypeGuard

from kedro.io.core import AbstractVersionedDataset


def is_versioned(dataset: object) -> TypeGuard[AbstractVersionedDataset[Any, Any]]:
    """Whether the catalog says ``versioned: true`` of a data set; Kedro has no public way to ask."""
    return isinstance(dataset, AbstractVersionedDataset) and dataset._version is not None  # noqa: SLF001
