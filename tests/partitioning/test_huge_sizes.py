"""Sizes that no data set has are refused quickly, without room being made for them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.parameters import PartitionSettings
from fedexperts.partitioning import partition
from fedexperts.partitioning.demand import client_totals, split_sizes

SETTINGS = {
    "scheme": "iid",
    "clients": 3,
    "alpha": 1.0,
    "majority_fraction": 0.8,
    "majority_classes": 2,
    "shards_per_client": 2,
    "examples_per_client": None,
    "min_examples": 1,
    "validation_size": 0.2,
    "local_test_size": 0.2,
    "global_test_size": 10,
    "evaluated_clients": None,
    "unseen_clients": 0,
    "opt_out": 0.0,
    "opt_out_clients": (),
    "opt_out_examples": 0.0,
}


def settings(**changes):
    return PartitionSettings.model_validate({**SETTINGS, **changes})


@given(
    train=st.integers(1, 200),
    sizes=st.tuples(st.floats(0.01, 0.49), st.floats(0.01, 0.49) | st.integers(1, 20)),
)
def test_the_totals_are_the_smallest_that_leave_so_many_to_train_on(train, sizes):
    chosen = settings(validation_size=sizes[0], local_test_size=sizes[1])
    everyone = np.ones(1, dtype=np.bool_)
    (total,) = client_totals(train, everyone, chosen)
    assert split_sizes(np.array([total]), everyone, chosen)[0, 0] == train
    least = client_totals(1, everyone, chosen)[0]
    for smaller in range(max(least, total - 300), total):
        assert split_sizes(np.array([smaller]), everyone, chosen)[0, 0] != train


@pytest.mark.parametrize(
    "changes",
    [
        {"examples_per_client": 10_000_000, "validation_size": 0.78},
        {"min_examples": 10_000_000, "validation_size": 0.78, "local_test_size": 0.2},
        {"validation_size": 10_000_000},
        {"global_test_size": 10_000_000},
    ],
)
def test_the_memory_stays_small(changes):
    labels = np.arange(100) % 10
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="cannot be met"):
            partition(labels, 10, settings(**changes), 0)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
