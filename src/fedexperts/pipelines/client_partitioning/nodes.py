"""Nodes that share the data out among the clients."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.federation.clients import FITTED_ON, fingerprint_training, opt_in_training
from fedexperts.parameters import DataSettings, PartitionSettings
from fedexperts.partitioning import partition
from fedexperts.preprocessing import fit
from fedexperts.provenance.record import plain


def partition_clients(
    examples: Examples, data: DataSettings, settings: PartitionSettings, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decide which example belongs to which client and split, and who opts out.

    Raises:
        UserError: If the examples were read from another place than the settings name, or cannot be shared
            out as they ask.
    """
    if examples.path != data.path:
        was, now = (path or "null (the data set's own place)" for path in (examples.path, data.path))
        raise UserError(
            f"data.path was {was} when the data was read, but is {now} now; read it anew with "
            "`kedro run --pipelines data_ingestion` and the same settings, or set data.path to what it was"
        )
    tables = partition(
        examples.labels, examples.classes, settings, seed, examples.may_opt_in, examples.official_test
    )
    return tables.clients, tables.assignments


def note_settings(
    _clients: pd.DataFrame, data: DataSettings, partition: PartitionSettings, seed: int
) -> dict[str, Any]:
    """Note the settings that the partition was made with, for the report, once there is a partition."""
    return plain({"seed": seed, "data": data, "partition": partition})


def fit_preprocessing(
    examples: Examples, assignments: pd.DataFrame, settings: DataSettings
) -> dict[str, Any]:
    """Fit what makes features ready for the models, on opt-in training examples alone, and note on which."""
    state = fit(settings.preprocessing, examples.features[opt_in_training(assignments)], settings)
    return {**state, FITTED_ON: fingerprint_training(examples, assignments)}
