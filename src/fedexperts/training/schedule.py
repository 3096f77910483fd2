"""Which examples each client's model sees in which step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Steps:
    """The mini-batches of several clients, side by side.

    Attributes:
        rows: ``[steps, clients, batch size]``: which row of the examples stands in each slot.
        weights: ``[steps, clients, batch size]``: 1 over the batch's true size where a slot is filled, else
            0, so that a weighted sum over the slots is the batch's mean.
        live: ``[steps]``: how many clients still have a batch in each step. They are the first ones.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    live: NDArray[np.int64]


def longest_first(lengths: Sequence[int]) -> list[int]:
    """Order clients by falling number of examples, so that those still busy are always a prefix.

    Args:
        lengths: How many examples each client has.

    Returns:
        The clients' positions.
    """
    return sorted(range(len(lengths)), key=lambda position: -lengths[position])


def epoch(
    clients: Sequence[NDArray[np.int64]], batch_size: int, streams: Sequence[np.random.Generator]
) -> Steps:
    """Shuffle every client's examples into the batches of one epoch.

    The last batch of a client holds what is left over, as in an ordinary data loader.

    Args:
        clients: The rows that are each client's own, at least one each, longest client first.
        batch_size: Examples in a full batch.
        streams: One random stream per client; each is advanced by one permutation.

    Returns:
        The epoch's steps.
    """
    shuffled = [stream.permutation(rows) for rows, stream in zip(clients, streams, strict=True)]
    return in_order(shuffled, batch_size)


def in_order(clients: Sequence[NDArray[np.int64]], batch_size: int) -> Steps:
    """Go through every client's examples once, in their own order.

    Args:
        clients: The rows that are each client's own, at least one each, longest client first.
        batch_size: Examples in a full batch.
    """
    counts = np.array([len(rows) for rows in clients])
    steps = -(-counts // batch_size)
    slots = int(steps.max()) * batch_size
    rows = np.stack([np.concatenate([own, np.full(slots - len(own), own[0])]) for own in clients])
    shape = (len(rows), int(steps.max()), batch_size)
    weights = (np.arange(slots) < counts[:, None]).reshape(shape).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=2, keepdims=True), 1.0)
    live = (steps[:, None] > np.arange(shape[1])).sum(axis=0)
    return Steps(rows.reshape(shape).swapaxes(0, 1), weights.swapaxes(0, 1), live)
