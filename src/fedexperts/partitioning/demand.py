"""How many examples every client asks for, and how they are divided into splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError
from fedexperts.partitioning.rounding import round_half_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings


LARGEST_HELD_OUT = 0.99
"""The largest part of a client's examples that validation and local test may take together, as fractions."""


class ShortageError(Exception):
    """A class has fewer examples than the scheme must give out.

    Attributes:
        client: The first client, by id, that goes short.
        label: The class that has run out.
        wanted: What the client should get of it.
        left: What is left of it for that client.
    """

    def __init__(self, client: int, label: int, wanted: int, left: int) -> None:
        super().__init__(
            f"client {client} should get {wanted} examples of class {label}, but {left} are left"
        )
        self.client = client
        self.label = label
        self.wanted = wanted
        self.left = left


@dataclass(frozen=True)
class Demand:
    """How many examples the clients ask for, over all their splits.

    Attributes:
        sizes: ``[clients]``, what each client gets exactly, or None where the scheme shares out the whole
            pool.
        minimum: ``[clients]``, the least that each client must get; nobody's size is below it.
    """

    sizes: NDArray[np.int64] | None
    minimum: NDArray[np.int64]

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self.minimum)

    def equal_sizes(self, total: int) -> NDArray[np.int64]:
        """Give the sizes asked for, or else equal parts of a total, counted beyond the minimum.

        Local test examples given as a count are part of the minimum, so that clients with and without a local
        test have the same number of examples to train on.
        """
        if self.sizes is not None:
            return self.sizes
        share, rest = divmod(total - int(self.minimum.sum()), self.clients)
        sizes: NDArray[np.int64] = self.minimum + share + (np.arange(self.clients) < rest)
        return sizes


def check_sizes(settings: PartitionSettings) -> None:
    """Refuse fractions that leave nothing to train on.

    Raises:
        UserError: If validation and local test together are more than :data:`LARGEST_HELD_OUT`.
    """
    if sum(_fractions(settings)) > LARGEST_HELD_OUT:
        raise UserError(
            f"partition.validation_size {settings.validation_size} and partition.local_test_size "
            f"{settings.local_test_size} leave a client hardly anything to train on; as fractions they may "
            f"add up to at most {LARGEST_HELD_OUT}"
        )


def client_totals(train: int, evaluated: NDArray[np.bool_], settings: PartitionSettings) -> NDArray[np.int64]:
    """Count the examples that give every client some training examples and its other splits besides.

    Args:
        train: Training examples of every client.
        evaluated: ``[clients]``, who gets a local test where that is a count.
        settings: The sizes of the other splits.

    Returns:
        ``[clients]``: the smallest totals that :func:`split_sizes` divides into that many training examples
        and the rest.
    """
    fractions = _fractions(settings)
    # One example more adds one to the training split or none, so no number of training examples is skipped.
    longest = int((train + 1) / (1 - sum(fractions))) + len(fractions) + 1
    # No fewer will do: at most half an example is rounded in favour of the training split.
    shortest = max(train, int((train - 0.5) / (1 - sum(fractions))) - 1)
    candidates = np.arange(shortest, longest + 1, dtype=np.int64)
    left = candidates - _held_out(fractions, candidates)
    shared = int(candidates[np.argmax(left == train)])
    totals: NDArray[np.int64] = shared + _counted(evaluated, settings).sum(axis=1)
    return totals


def split_sizes(
    totals: NDArray[np.int64], evaluated: NDArray[np.bool_], settings: PartitionSettings
) -> NDArray[np.int64]:
    """Divide each client's total into train, validation and local test.

    A local test that is a fraction is set aside for every client, evaluated or not, so that who is evaluated
    does not change what anyone trains on. A client that has more examples never has fewer to train on.

    Args:
        totals: ``[clients]``, none below :func:`client_totals` of one training example.
        evaluated: ``[clients]``, who gets a local test where that is a count.
        settings: The sizes of the splits.

    Returns:
        ``[clients, 3]``, each at least one, except for no local test where that is a count.
    """
    counted = _counted(evaluated, settings)
    rest = totals - counted.sum(axis=1)
    fractions = _fractions(settings)
    held_out = _held_out(fractions, rest)
    validation, local_test = counted[:, 0], counted[:, 1]
    if len(fractions) == 2:
        validation = np.clip(round_half_up(fractions[0] * rest), 1, held_out - 1)
        local_test = held_out - validation
    elif isinstance(settings.validation_size, float):
        validation = held_out
    elif isinstance(settings.local_test_size, float):
        local_test = held_out
    return np.stack([totals - validation - local_test, validation, local_test], axis=1)


def _fractions(settings: PartitionSettings) -> list[float]:
    return [size for size in (settings.validation_size, settings.local_test_size) if isinstance(size, float)]


def _held_out(fractions: list[float], rest: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is not for training, at least one example for each split.

    It is rounded as a whole: if two splits were rounded up at once, a larger client could train on less.
    """
    held_out: NDArray[np.int64] = np.maximum(round_half_up(rest * float(sum(fractions))), len(fractions))
    return held_out


def _counted(evaluated: NDArray[np.bool_], settings: PartitionSettings) -> NDArray[np.int64]:
    """The validation and local test examples of each client that are given as counts, ``[clients, 2]``."""
    counted = np.zeros((len(evaluated), 2), dtype=np.int64)
    if isinstance(settings.validation_size, int):
        counted[:, 0] = settings.validation_size
    if isinstance(settings.local_test_size, int):
        counted[:, 1] = np.where(evaluated, settings.local_test_size, 0)
    return counted
