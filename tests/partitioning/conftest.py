"""Settings and checks that the tests of the partition share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray

from fedexperts.parameters import PartitionSettings
from fedexperts.partitioning import EVERYONE, GLOBAL_TEST, LOCAL_TEST, SPLITS, TRAIN, VALIDATION, Partition

DEFAULTS = Path(__file__).parents[2] / "conf" / "base" / "client_partitioning" / "parameters.yml"


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., PartitionSettings]:
    """The project's default settings with some of them changed."""
    defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["partition"]

    def make(**changes: Any) -> PartitionSettings:
        return PartitionSettings(**{**defaults, **changes})

    return make


@pytest.fixture(scope="session")
def make_labels() -> Callable[..., NDArray[np.int64]]:
    """Labels with so many examples of each class, mixed."""

    def make(*counts: int) -> NDArray[np.int64]:
        return np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))

    return make


@pytest.fixture(scope="session")
def count_classes() -> Callable[..., NDArray[np.int64]]:
    """Examples of each class that each client has in a split, ``[clients, classes]``."""

    def count(partition: Partition, labels: NDArray[np.int64], split: str) -> NDArray[np.int64]:
        counts = np.zeros((len(partition.clients), labels.max() + 1), dtype=np.int64)
        rows = partition.assignments
        rows = rows[rows["split"] == split]
        np.add.at(counts, (rows["client_id"].to_numpy(), labels[rows["example"].to_numpy()]), 1)
        return counts

    return count


@pytest.fixture(scope="session")
def assert_sound(count_classes) -> Callable[[Partition, NDArray[np.int64]], None]:
    """What holds for every partition: nothing twice, no split empty, a fixed order, two tables that agree."""

    def check(partition: Partition, labels: NDArray[np.int64]) -> None:
        table, rows = partition.clients, partition.assignments
        assert rows["example"].is_unique
        assert rows["example"].between(0, len(labels) - 1).all()
        assert table["client_id"].tolist() == list(range(len(table)))
        assert (rows["client_id"].eq(EVERYONE) == rows["split"].eq(GLOBAL_TEST)).all()
        assert not rows.loc[rows["split"].isin([LOCAL_TEST, GLOBAL_TEST]), "opt_in"].any()

        place = rows["split"].map({name: place for place, name in enumerate(SPLITS)})
        key = pd.DataFrame({"client": rows["client_id"], "place": place, "example": rows["example"]})
        pd.testing.assert_frame_equal(key, key.sort_values(list(key.columns), ignore_index=True))

        by_split = {split: count_classes(partition, labels, split) for split in SPLITS[:-1]}
        for split, counts in by_split.items():
            assert counts.sum(axis=1).tolist() == table[split].tolist()
        assert (table[[TRAIN, VALIDATION]] >= 1).all(axis=None)
        assert (table[LOCAL_TEST].gt(0) == table["evaluated"]).all()
        own = by_split[TRAIN] + by_split[VALIDATION]
        names = [f"class_{label}" for label in range(own.shape[1])]
        assert own.tolist() == table[names].to_numpy().tolist()

    return check
