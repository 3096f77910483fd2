"""Sharing out the pool among clients that all want something of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.partitioning.rounding import largest_that_fits, round_to_totals

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fill(
    log_weights: NDArray[np.float64],
    sizes: NDArray[np.int64],
    available: NDArray[np.int64],
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Give every client its number of examples, by its own preferences, as far as each class goes.

    All ask for their examples in proportion to their weights. A class that is asked for more often than it
    has examples is shared out in proportion to what was asked for, and closed; those turned away ask again
    among the classes that are still open. Each turn closes a class, so there are at most as many turns as
    classes.

    Args:
        log_weights: ``[clients, classes]``, logarithms of the preferences, finite.
        sizes: ``[clients]``, exact; together at most what is available.
        available: ``[classes]``.
        stream: Where the rounding comes from.

    Returns:
        Counts ``[clients, classes]`` with the sizes as row sums and no column sum above what is available.
    """
    counts = np.zeros(log_weights.shape, dtype=np.int64)
    is_open = available > 0
    missing = sizes
    while missing.any():
        asking = np.flatnonzero(missing)
        wishes = np.where(is_open, log_weights[asking], -np.inf)
        weights = np.exp(wishes - wishes.max(axis=1, keepdims=True))
        counts[asking] += round_to_totals(weights, missing[asking], stream)
        over = np.flatnonzero(counts.sum(axis=0) > available)
        counts[:, over] = round_to_totals(counts[:, over].T, available[over], stream).T
        is_open[over] = False
        missing = sizes - counts.sum(axis=1)
    return counts


def lift(
    counts: NDArray[np.int64],
    minimum: NDArray[np.int64],
    log_weights: NDArray[np.float64],
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Bring every client up to its minimum with examples of the richest ones.

    The richest are cut down to one level, which is as high as it can be, and lose examples of their classes
    in proportion to what they hold; the poor pick among those by their own preferences. Nobody else is
    touched.

    Args:
        counts: ``[clients, classes]``, together at least the sum of the minimum.
        minimum: ``[clients]``.
        log_weights: ``[clients, classes]``, logarithms of the preferences, finite.
        stream: Where the rounding comes from.

    Returns:
        Counts ``[clients, classes]`` with the same column sums.
    """
    sizes = counts.sum(axis=1)
    missing = np.maximum(minimum - sizes, 0)
    needed = int(missing.sum())
    if needed == 0:
        return counts
    surplus = np.maximum(sizes - minimum, 0)
    level = largest_that_fits(
        int(surplus.max()), lambda height: int(np.maximum(surplus - height, 0).sum()) >= needed
    )
    given = np.maximum(surplus - level, 0)
    too_many = int(given.sum()) - needed
    given[stream.choice(np.flatnonzero(given), too_many, replace=False)] -= 1
    taken = round_to_totals(counts, given, stream)
    return counts - taken + fill(log_weights, missing, taken.sum(axis=0), stream)


def shuffle_out(
    available: NDArray[np.int64], sizes: NDArray[np.int64], stream: np.random.Generator
) -> NDArray[np.int64]:
    """Shuffle the pool like cards and deal every client its number of examples.

    Args:
        available: ``[classes]``.
        sizes: ``[clients]``, exact; together at most what is available.
        stream: Where the shuffling comes from.

    Returns:
        Counts ``[clients, classes]``.
    """
    clients, classes = len(sizes), len(available)
    labels = np.repeat(np.arange(classes), available)
    stream.shuffle(labels)
    cells = np.repeat(np.arange(clients), sizes) * classes + labels[: sizes.sum()]
    return np.bincount(cells, minlength=clients * classes).reshape(clients, classes).astype(np.int64)
