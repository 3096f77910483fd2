"""Clients that differ in how much they have, and in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.partitioning.rounding import log_dirichlet, round_to_totals
from fedexperts.partitioning.sharing import shuffle_out

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
    """Deal an IID pool out in parts of proportions ~ Dir(alpha) (Li et al. 2022, arXiv:2102.02079).

    Every client first gets its minimum; the proportions hold for the rest. A fixed number of examples per
    client is taken as the mean.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: What the clients get together, and the least that each gets; without sizes, the whole pool.
        settings: ``alpha``.
        stream: Where the proportions and the shuffling come from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.
    """
    total = int(available.sum() if demand.sizes is None else demand.sizes.sum())
    shares = np.exp(log_dirichlet(np.full((1, demand.clients), settings.alpha), stream))
    beyond = np.array([total - demand.minimum.sum()])
    sizes = demand.minimum + round_to_totals(shares, beyond, stream)[0]
    return shuffle_out(available, sizes, stream)
