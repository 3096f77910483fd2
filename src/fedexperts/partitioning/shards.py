"""Label skew: the pool, sorted by class, is cut into shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.partitioning.rounding import round_to_totals

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
    """Sort by class, cut into shards, and deal every client some (McMahan et al. 2017, arXiv:1602.05629).

    A client's shards are equally long, within one example, so that its size is exact; most clients then hold
    as many classes as shards. Where the pool is larger than what the clients get, every class gives its part.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: How many examples each client gets; without sizes, equal parts of the whole pool.
        settings: ``shards_per_client``.
        stream: Where the order of the shards comes from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.
    """
    shards = settings.shards_per_client
    sizes = demand.equal_sizes(int(available.sum()))
    supply = round_to_totals(available[None], sizes.sum(keepdims=True), stream)[0]
    lengths = (sizes[:, None] // shards + (np.arange(shards) < sizes[:, None] % shards)).ravel()

    order = stream.permutation(len(lengths))
    ends = np.cumsum(lengths[order])
    class_ends = np.cumsum(supply)
    upper = np.minimum(ends[:, None], class_ends)
    lower = np.maximum((ends - lengths[order])[:, None], class_ends - supply)
    overlaps = np.empty((len(lengths), len(available)), dtype=np.int64)
    overlaps[order] = np.maximum(upper - lower, 0)
    counts: NDArray[np.int64] = overlaps.reshape(demand.clients, shards, -1).sum(axis=1)
    return counts
