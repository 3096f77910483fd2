"""Every client draws from the same distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.partitioning.sharing import shuffle_out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings
    from fedexperts.partitioning.demand import Demand


def allocate(
    available: NDArray[np.int64],
    demand: Demand,
    settings: PartitionSettings,  # noqa: ARG001 - every scheme is called alike
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Shuffle the pool and deal it out in equal parts (McMahan et al. 2017, arXiv:1602.05629).

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: How many examples each client gets; without sizes, equal parts of the whole pool.
        settings: Not used.
        stream: Where the shuffling comes from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.
    """
    return shuffle_out(available, demand.equal_sizes(int(available.sum())), stream)
