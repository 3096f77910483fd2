"""Which example stands in which batch."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.training import schedule

CASES = {
    "sizes": st.lists(st.integers(1, 40), min_size=1, max_size=6).map(lambda sizes: sorted(sizes)[::-1]),
    "batch_size": st.integers(1, 50),
    "seed": st.integers(0, 10**6),
}


def clients_of(sizes, seed=0):
    rows = np.random.default_rng(seed).permutation(1000)[: sum(sizes)]
    return np.split(rows, np.cumsum(sizes)[:-1])


def streams_of(sizes, seed=0):
    return [np.random.default_rng([seed, client]) for client in range(len(sizes))]


def shown(steps, client):
    """The examples that count for a client, batch by batch."""
    return [
        steps.rows[step, client][steps.weights[step, client] > 0].tolist() for step in range(len(steps.live))
    ]


def assert_sound(steps, clients, batch_size):
    assert steps.rows.shape == steps.weights.shape == (len(steps.live), len(clients), batch_size)
    assert (np.diff(steps.live) <= 0).all()
    assert steps.live[0] == len(clients)
    assert steps.live[-1] > 0
    sums = steps.weights.sum(axis=2)
    for step, live in enumerate(steps.live):
        np.testing.assert_allclose(sums[step, :live], 1.0, rtol=1e-12)
        assert (sums[step, live:] == 0).all()
    for client, own in enumerate(clients):
        batches = shown(steps, client)
        assert sorted(itertools.chain(*batches)) == sorted(own.tolist())
        # full batches, then what is left over
        sizes = [len(batch) for batch in batches if batch]
        assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
        # the slots that count for nothing hold the client's own examples as well
        assert np.isin(steps.rows[:, client], own).all()


@given(**CASES)
def test_an_epoch_shows_every_example_once_in_batches_that_are_means(sizes, batch_size, seed):
    clients = clients_of(sizes, seed)
    assert_sound(schedule.epoch(clients, batch_size, streams_of(sizes, seed)), clients, batch_size)


@given(**CASES)
def test_going_through_in_order_keeps_the_order(sizes, batch_size, seed):
    clients = clients_of(sizes, seed)
    steps = schedule.in_order(clients, batch_size)
    assert_sound(steps, clients, batch_size)
    for client, own in enumerate(clients):
        assert list(itertools.chain(*shown(steps, client))) == own.tolist()


@given(**CASES)
def test_the_shuffle_is_one_permutation_from_the_clients_own_stream(sizes, batch_size, seed):
    clients = clients_of(sizes, seed)
    used, fresh = streams_of(sizes, seed), streams_of(sizes, seed)
    steps = schedule.epoch(clients, batch_size, used)
    for client, own in enumerate(clients):
        assert list(itertools.chain(*shown(steps, client))) == fresh[client].permutation(own).tolist()
        assert used[client].bit_generator.state == fresh[client].bit_generator.state


def test_by_hand():
    clients = [np.array([7, 8, 9, 10, 11]), np.array([3, 4]), np.array([5])]
    steps = schedule.in_order(clients, batch_size=2)
    assert steps.live.tolist() == [3, 1, 1]
    assert steps.rows.tolist() == [
        [[7, 8], [3, 4], [5, 5]],
        [[9, 10], [3, 3], [5, 5]],
        [[11, 7], [3, 3], [5, 5]],
    ]
    assert steps.weights.tolist() == [
        [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]],
        [[0.5, 0.5], [0.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
    ]


def test_the_clients_own_rows_are_not_shuffled_in_place():
    clients = [np.arange(20), np.arange(20, 30)]
    schedule.epoch(clients, 4, streams_of([20, 10]))
    assert clients[0].tolist() == list(range(20))
    assert clients[1].tolist() == list(range(20, 30))


def test_epochs_of_one_stream_differ():
    clients, streams = [np.arange(30)], streams_of([30])
    first, second = (schedule.epoch(clients, 30, streams).rows.tolist() for _ in range(2))
    assert first != second
