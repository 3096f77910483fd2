"""Label skew: a few majority classes make up a fixed part of each client's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError
from fedexperts.partitioning.demand import ShortageError
from fedexperts.partitioning.rounding import largest_that_fits, round_half_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings
    from fedexperts.partitioning.demand import Demand


def allocate(
    available: NDArray[np.int64],
    demand: Demand,
    settings: PartitionSettings,
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Give every client a fraction p in its majority classes, the rest evenly in all others.

    This is the partition of arXiv:2010.02056: with two majority classes of ten, p = 0.2 is IID and
    p = 1 leaves nothing but the two. A client's majority classes are distinct, and the numbers are exact.

    Without sizes all clients have equally many examples beyond their minimum, as many as the scarcest class
    allows; what cannot be given out in these proportions stays in the pool.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: How many examples each client gets; without sizes, as many as fit.
        settings: ``majority_fraction`` and ``majority_classes``.
        stream: Where the majority classes, and the classes that rounding favours, come from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.

    Raises:
        UserError: If there are not enough classes.
        ShortageError: If a class runs out.
    """
    _check(settings, len(available))
    hands = deal_hands(demand.clients, len(available), settings.majority_classes, stream)
    priority = _priority(hands, len(available), stream)
    fraction, majority = settings.majority_fraction, settings.majority_classes
    if demand.sizes is not None:
        counts = count_examples(demand.sizes, priority, majority, fraction)
    else:

        def enlarged(extra: int) -> NDArray[np.int64]:
            return count_examples(demand.minimum + extra, priority, majority, fraction)

        spare = int(available.sum() - demand.minimum.sum()) // demand.clients
        extra = largest_that_fits(
            spare, lambda number: bool((enlarged(number).sum(axis=0) <= available).all())
        )
        counts = enlarged(max(extra, 0))
    _check_supply(counts, available)
    return counts


def deal_hands(clients: int, classes: int, per_client: int, stream: np.random.Generator) -> NDArray[np.int64]:
    """Deal every client a hand of distinct classes.

    They are dealt like cards, one shuffled deck after the other, so that every class is in equally many
    hands, give or take one.

    Returns:
        ``[clients, per_client]``.
    """
    dealt: list[int] = []
    while len(dealt) < clients * per_client:
        deck = stream.permutation(classes)
        held = len(dealt) % per_client
        if held:
            # A hand begun with the last deck is completed with other classes.
            clash = np.isin(deck, dealt[-held:])
            completing = deck[~clash][: per_client - held]
            rest = deck[~np.isin(deck, completing)]
            deck = np.concatenate([completing, stream.permutation(rest)])
        dealt.extend(deck.tolist())
    return np.array(dealt[: clients * per_client], dtype=np.int64).reshape(clients, per_client)


def count_examples(
    sizes: NDArray[np.int64], priority: NDArray[np.int64], majority: int, fraction: float
) -> NDArray[np.int64]:
    """Count the examples of each class.

    Args:
        sizes: ``[clients]``, what each client gets in all.
        priority: ``[clients, classes]``, each row a permutation: the first are the client's majority classes,
            and within both groups the earlier classes get the examples that do not divide evenly.
        majority: Number of majority classes.
        fraction: Their share, rounded to whole examples.

    Returns:
        ``[clients, classes]``, with the sizes as row sums; no count falls where a size grows.
    """
    others = priority.shape[1] - majority
    in_majority = round_half_up(fraction * sizes)[:, None]
    in_others = sizes[:, None] - in_majority
    counts = np.empty_like(priority)
    by_priority = np.concatenate(
        [
            (in_majority + np.arange(majority)[::-1]) // majority,
            (in_others + np.arange(others)[::-1]) // max(others, 1),
        ],
        axis=1,
    )
    np.put_along_axis(counts, priority, by_priority, axis=1)
    return counts


def _priority(hands: NDArray[np.int64], classes: int, stream: np.random.Generator) -> NDArray[np.int64]:
    """Order the classes of each client: its hand first, the others at random, ``[clients, classes]``."""
    keys = stream.random((len(hands), classes))
    np.put_along_axis(keys, hands, np.arange(hands.shape[1]) - float(hands.shape[1]), axis=1)
    return np.argsort(keys, axis=1)


def _check(settings: PartitionSettings, classes: int) -> None:
    majority = settings.majority_classes
    if majority > classes:
        raise UserError(
            f"partition.majority_classes is {majority}, but the data set has {classes} classes; "
            f"at most {classes} would fit"
        )
    if majority == classes and settings.majority_fraction < 1:
        raise UserError(
            f"partition.majority_classes is {majority}, which is every class of the data set, so that "
            f"no class is left for the other {1 - settings.majority_fraction:.3g} of a client's examples; "
            f"at most {classes - 1} would fit, or partition.majority_fraction 1.0"
        )


def _check_supply(counts: NDArray[np.int64], available: NDArray[np.int64]) -> None:
    given = np.cumsum(counts, axis=0)
    if (given[-1] <= available).all():
        return
    client, label = (int(index) for index in np.argwhere(given > available)[0])
    wanted = int(counts[client, label])
    left = int(available[label] - given[client, label]) + wanted
    raise ShortageError(client, label, wanted, left)
