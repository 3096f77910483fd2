"""The examples that the models of a cohort are trained and measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class CohortData:
    """The examples of several clients, in one place.

    Attributes:
        inputs: What the module takes, each ``[examples, ...]``, shared by all clients.
        labels: ``[examples]``, int64.
        clients: For each client the rows that are its own, at least one each.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor
    clients: Sequence[NDArray[np.int64]]

    @property
    def lengths(self) -> list[int]:
        """How many examples each client has."""
        return [len(rows) for rows in self.clients]

    def only(self, positions: Sequence[int]) -> CohortData:
        """The data of some of the clients."""
        return CohortData(self.inputs, self.labels, [self.clients[position] for position in positions])

    def batch(self, rows: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """The inputs and labels that stand in the given rows."""
        return tuple(part[rows] for part in self.inputs), self.labels[rows]
