"""Rounding, and sharing out what all want."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fedexperts.partitioning.demand import check_sizes, client_totals, split_sizes
from fedexperts.partitioning.rounding import (
    largest_that_fits,
    log_dirichlet,
    round_half_up,
    round_to_totals,
)
from fedexperts.partitioning.sharing import fill, lift, shuffle_out

tables = arrays.array_shapes(min_dims=2, max_dims=2, max_side=8)


@settings(deadline=None)
@given(data=st.data(), shape=tables, seed=st.integers(0, 999))
def test_rounding_keeps_totals_and_stays_within_one(data, shape, seed):
    weights = data.draw(arrays.arrays(np.float64, shape, elements=st.just(0.0) | st.floats(1e-3, 1e3)))
    weights[:, 0] += 0.5
    totals = data.draw(arrays.arrays(np.int64, shape[0], elements=st.integers(0, 500)))
    counts = round_to_totals(weights, totals, np.random.default_rng(seed))
    quotas = weights / weights.sum(axis=1, keepdims=True) * totals[:, None]
    assert counts.sum(axis=1).tolist() == totals.tolist()
    assert np.abs(counts - quotas).max() < 1 + 1e-6
    assert (counts[weights == 0] == 0).all()
    assert counts.min() >= 0


def test_rounding_is_unbiased():
    weights = np.tile([0.1, 0.2, 0.3, 0.4], (20_000, 1))
    counts = round_to_totals(weights, np.full(20_000, 2), np.random.default_rng(0))
    assert counts.mean(axis=0) == pytest.approx([0.2, 0.4, 0.6, 0.8], abs=0.02)


def test_rounding_does_not_pair_neighbours():
    """In a fixed order, cells of one half would be taken alternately, giving two kinds of rows only."""
    counts = round_to_totals(np.ones((100, 6)), np.full(100, 3), np.random.default_rng(0))
    assert len({tuple(row) for row in counts.tolist()}) > 10


def test_halves_go_up():
    assert round_half_up(np.array([0.5, 1.5, 2.49, 0.15 * 30])).tolist() == [1, 2, 2, 5]


def test_the_largest_number_that_fits():
    for limit, expected in ((-1, -1), (0, 0), (7, 7), (99, 10)):
        assert largest_that_fits(10, lambda number, limit=limit: number <= limit) == expected
    assert largest_that_fits(-1, lambda _: True) == -1


@pytest.mark.parametrize("alpha", [1e-300, 1e-6, 0.3, 1e6])
def test_dirichlet_shares_add_up_at_any_concentration(alpha):
    log_shares = log_dirichlet(np.full((50, 7), alpha), np.random.default_rng(0))
    assert np.isfinite(log_shares).all()
    assert np.exp(log_shares).sum(axis=1) == pytest.approx(np.ones(50))


@settings(deadline=None)
@given(data=st.data(), shape=tables, seed=st.integers(0, 999))
def test_filling_meets_every_size_within_the_supply(data, shape, seed):
    available = data.draw(arrays.arrays(np.int64, shape[1], elements=st.integers(0, 40)))
    cuts = data.draw(arrays.arrays(np.int64, shape[0], elements=st.integers(0, int(available.sum()))))
    sizes = np.diff(np.sort(cuts), prepend=0)
    log_weights = data.draw(arrays.arrays(np.float64, shape, elements=st.floats(-1e300, 0)))
    counts = fill(log_weights, sizes, available, np.random.default_rng(seed))
    assert counts.sum(axis=1).tolist() == sizes.tolist()
    assert (counts.sum(axis=0) <= available).all()
    assert counts.min() >= 0


@settings(deadline=None)
@given(data=st.data(), shape=tables, seed=st.integers(0, 999))
def test_lifting_meets_the_minimum_and_cuts_only_the_richest(data, shape, seed):
    counts = data.draw(arrays.arrays(np.int64, shape, elements=st.integers(0, 30)))
    least = data.draw(st.integers(0, int(counts.sum()) // shape[0]))
    minimum = np.full(shape[0], least)
    lifted = lift(counts, minimum, np.zeros(shape), np.random.default_rng(seed))
    before, after = counts.sum(axis=1), lifted.sum(axis=1)
    assert lifted.sum(axis=0).tolist() == counts.sum(axis=0).tolist()
    assert lifted.min() >= 0
    assert after.tolist() == np.where(before < least, least, after).tolist()
    cut = after < before
    assert (lifted[(before >= least) & ~cut] == counts[(before >= least) & ~cut]).all()
    if cut.any():
        # All who were cut are level, and nobody above them was spared.
        assert after[cut].max() - after[cut].min() <= 1
        assert after.max() <= after[cut].min() + 1


def test_dealing_gives_out_what_is_asked_for():
    counts = shuffle_out(np.array([5, 0, 9]), np.array([4, 0, 8]), np.random.default_rng(0))
    assert counts.sum(axis=1).tolist() == [4, 0, 8]
    assert (counts.sum(axis=0) <= [5, 0, 9]).all()


sizes = st.integers(1, 50) | st.floats(0.001, 0.495)


@settings(deadline=None, max_examples=200)
@given(train=st.integers(1, 400), validation=sizes, local_test=sizes)
def test_totals_and_splits_undo_each_other(make_settings, train, validation, local_test):
    chosen = make_settings(validation_size=validation, local_test_size=local_test)
    check_sizes(chosen)
    evaluated = np.array([True, False])
    totals = client_totals(train, evaluated, chosen)
    splits = split_sizes(totals, evaluated, chosen)
    assert splits.sum(axis=1).tolist() == totals.tolist()
    assert splits[:, 0].tolist() == [train, train]
    assert splits[0].min() >= 1
    if isinstance(validation, int):
        assert splits[:, 1].tolist() == [validation] * 2
    if isinstance(local_test, int):
        assert splits[:, 2].tolist() == [local_test, 0]
    # More examples never leave fewer to train on.
    more = np.arange(totals[0], totals[0] + 50)
    assert np.diff(split_sizes(more, np.ones(50, dtype=bool), chosen)[:, 0]).min() >= 0
