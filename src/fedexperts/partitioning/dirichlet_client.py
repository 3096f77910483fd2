"""Label skew: each client draws its own class distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.partitioning.rounding import log_dirichlet
from fedexperts.partitioning.sharing import fill

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
    """Draw each client's proportions over the classes ~ Dir(alpha) (Hsu et al. 2019, arXiv:1909.06335).

    The draws are centred on the class frequencies of the pool, with a concentration of alpha per class on
    average; Hsu et al. state the sum of the concentrations, which is the number of classes times as large.
    All clients have the same size. Where a class runs out, those who asked for it turn to their next classes,
    so that sharing out the whole pool flattens the distributions somewhat.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: How many examples each client gets; without sizes, equal parts of the whole pool.
        settings: ``alpha``.
        stream: Where the proportions come from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.
    """
    # An empty class gets a concentration for form's sake; nothing can be drawn from it.
    frequencies = np.maximum(available, 1) / np.maximum(available, 1).sum()
    concentration = np.tile(settings.alpha * len(available) * frequencies, (demand.clients, 1))
    sizes = demand.equal_sizes(int(available.sum()))
    return fill(log_dirichlet(concentration, stream), sizes, available, stream)
