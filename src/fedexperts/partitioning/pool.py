"""From counts to examples: the global test, and what every client draws from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError
from fedexperts.partitioning.rounding import round_half_up, round_to_totals

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_global_test(
    labels: NDArray[np.int64],
    may_share: NDArray[np.bool_],
    classes: int,
    size: float,
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw the class-balanced test set that all clients share.

    Args:
        labels: ``[examples]``.
        may_share: ``[examples]``, which may be drawn; the labels of the others make no difference.
        classes: Number of classes.
        size: A count, or a fraction of the data set, which makes one example at least. Where it is not a
            multiple of the number of classes, random classes get one example more.
        stream: Where the draw comes from.

    Returns:
        The examples' rows, in ascending order.

    Raises:
        UserError: If a class has too few examples.
    """
    total = size if isinstance(size, int) else max(int(round_half_up(size * len(labels))), 1)
    available = np.bincount(labels[may_share], minlength=classes)
    wanted = total // classes + (stream.permutation(classes) < total % classes)
    if (wanted > available).any():
        scarce = int(np.argmax(wanted - available))
        which = "" if may_share.all() else " that may opt in"
        raise UserError(
            f"partition.global_test_size {size} cannot be met: a class-balanced test set of {total} takes "
            f"{wanted[scarce]} examples of class {scarce}, which has {available[scarce]}{which}; "
            f"at most {classes * available.min()} would fit"
        )
    order = _shuffled_by_class(labels, may_share, stream)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(available) - available, available)
    return np.sort(order[rank < wanted[labels[order]]])


def draw_official_test(
    labels: NDArray[np.int64],
    may_share: NDArray[np.bool_],
    classes: int,
    official_test: NDArray[np.bool_] | None,
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Take the test set that the data set itself sets aside, as much of it as is class-balanced.

    Args:
        labels: ``[examples]``.
        may_share: ``[examples]``, which may be taken; the labels of the others make no difference.
        classes: The number of classes.
        official_test: ``[examples]``, bool: which examples those are; None if there are none.
        stream: Where the draw comes from, for a class that has more examples than another.

    Returns:
        The examples' rows, in ascending order.

    Raises:
        UserError: If there is no such test set, or what may be taken of it lacks a class.
    """
    none = np.zeros(len(labels), dtype=np.bool_)
    rows = np.flatnonzero(may_share & (none if official_test is None else official_test))
    fewest = int(np.bincount(labels[rows], minlength=classes).min())
    if fewest == 0:
        raise UserError(
            "partition.global_test_size is all, but this data set has no test set of its own with examples "
            "of every class, not counting those that opt out; give a number of examples, or a fraction of "
            "the data set"
        )
    return rows[draw_global_test(labels[rows], may_share[rows], classes, fewest * classes, stream)]


def split_counts(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], stream: np.random.Generator
) -> NDArray[np.int64]:
    """Divide every client's classes into splits that all follow the client's distribution.

    First the training examples are parted from the others, then validation from test. Each time every class
    gives its share, rounded up or down so that the sizes are exact.

    Args:
        counts: ``[clients, classes]``.
        sizes: ``[clients, 3]``, train, validation and local test, with the clients' totals as row sums.
        stream: Where the rounding comes from.

    Returns:
        ``[clients, 3, classes]``.
    """
    held_out = round_to_totals(counts, sizes[:, 1] + sizes[:, 2], stream)
    local_test = round_to_totals(held_out, sizes[:, 2], stream)
    return np.stack([counts - held_out, held_out - local_test, local_test], axis=1)


def draw_examples(
    labels: NDArray[np.int64],
    in_pool: NDArray[np.bool_],
    counts: NDArray[np.int64],
    stream: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw examples from the pool, without putting any back.

    Args:
        labels: ``[examples]``.
        in_pool: ``[examples]``, which may be drawn.
        counts: ``[clients, splits, classes]``, together at most what the pool has of each class.
        stream: Where the draw comes from.

    Returns:
        Client, split and example of everything drawn, each ``[drawn]``, sorted by the three.
    """
    clients, splits, classes = counts.shape
    order = _shuffled_by_class(labels, in_pool, stream)
    available = np.bincount(labels[order], minlength=classes)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(available) - available, available)
    example = order[rank < counts.sum(axis=(0, 1))[labels[order]]]
    # Both lists go class by class; within one, each client in turn takes what it gets for each of its splits.
    slot = np.tile(np.arange(clients * splits), classes)
    slot = np.repeat(slot, counts.transpose(2, 0, 1).ravel())
    key = np.sort(slot * len(labels) + example)
    slot, example = np.divmod(key, len(labels))
    client, split = np.divmod(slot, splits)
    return client, split, example


def _shuffled_by_class(
    labels: NDArray[np.int64], chosen: NDArray[np.bool_], stream: np.random.Generator
) -> NDArray[np.int64]:
    """The chosen rows, class by class, in random order within each."""
    order = stream.permutation(len(labels))
    order = order[chosen[order]]
    return order[np.argsort(labels[order], kind="stable")]
