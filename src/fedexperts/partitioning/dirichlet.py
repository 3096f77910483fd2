"""Label skew: each class is spread over the clients by a Dirichlet draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.partitioning.rounding import log_dirichlet, round_to_totals
from fedexperts.partitioning.sharing import fill, lift

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
    """Draw each class's proportions over the clients ~ Dir(alpha), as in arXiv:2010.02056.

    Without sizes every class is shared out by its proportions, and the clients differ in size too. A client
    that would end up below its minimum, as most do for a tiny alpha, is brought up to it with examples of the
    richest clients, in one pass and not by drawing again.

    With sizes each client's examples are drawn in proportion to what it would hold of each class that way;
    where a class runs out, those who asked for it turn to the next ones on their list.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        demand: How many examples each client gets; without sizes, whatever the proportions say.
        settings: ``alpha``.
        stream: Where the proportions come from.

    Returns:
        Examples of each class for each client, ``[clients, classes]``.
    """
    concentration = np.full((len(available), demand.clients), settings.alpha)
    log_shares = log_dirichlet(concentration, stream).T
    preferences = log_shares + np.log(np.maximum(available, 1))
    if demand.sizes is not None:
        return fill(preferences, demand.sizes, available, stream)
    counts = round_to_totals(np.exp(log_shares).T, available, stream).T
    return lift(counts, demand.minimum, preferences, stream)
