"""Asking a scheme how many examples of each class every client gets, and what would fit instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError
from fedexperts.partitioning.demand import Demand, ShortageError, check_sizes, client_totals
from fedexperts.partitioning.registry import SCHEMES
from fedexperts.partitioning.rounding import largest_that_fits
from fedexperts.randomness import generator
from fedexperts.registry import resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings


def allocate(
    available: NDArray[np.int64],
    evaluated: NDArray[np.bool_],
    settings: PartitionSettings,
    seed: int,
) -> NDArray[np.int64]:
    """Let the scheme share out the pool.

    Args:
        available: Examples of each class in the pool, ``[classes]``.
        evaluated: ``[clients]``, who gets a local test where that is a count.
        settings: The scheme, and all sizes.
        seed: The seed of the run.

    Returns:
        Examples of each class for each client, over all of its splits, ``[clients, classes]``.

    Raises:
        UserError: If a size cannot be met, or the scheme is unknown or does not keep to what it was asked
            for.
    """
    check_sizes(settings)
    train = settings.examples_per_client
    key = "min_examples" if train is None else "examples_per_client"
    least = settings.min_examples if train is None else train

    def attempt(number: int) -> NDArray[np.int64]:
        return _ask_scheme(available, _demand(number, evaluated, settings), settings, seed)

    def fits(number: int) -> bool:
        try:
            attempt(number + 1)
        except ShortageError:
            return False
        return True

    _check_total(key, least, int(available.sum()), evaluated, settings)
    try:
        return attempt(least)
    except ShortageError as shortage:
        fitting = largest_that_fits(least - 2, fits) + 1
        raise UserError(
            f"partition.{key} {least} cannot be met by the scheme {settings.scheme!r}: {shortage}. "
            + _advice(key, fitting)
        ) from shortage


def _demand(number: int, evaluated: NDArray[np.bool_], settings: PartitionSettings) -> Demand:
    totals = client_totals(number, evaluated, settings)
    if settings.examples_per_client is None:
        return Demand(sizes=None, minimum=totals)
    minimum = client_totals(min(number, settings.min_examples), evaluated, settings)
    return Demand(sizes=totals, minimum=minimum)


def _check_total(
    key: str, number: int, pool: int, evaluated: NDArray[np.bool_], settings: PartitionSettings
) -> None:
    """Refuse sizes that are too large for the pool, whatever the scheme."""
    totals = client_totals(number, evaluated, settings)
    if totals.sum() <= pool:
        return
    short = int(np.argmax(np.cumsum(totals) > pool))
    fitting = 1 + largest_that_fits(
        number - 2, lambda lower: int(client_totals(lower + 1, evaluated, settings).sum()) <= pool
    )
    # As many clients as can be met if evaluated ones, who may ask for more, are met first.
    clients = int((np.cumsum(np.sort(totals)[::-1]) <= pool).sum())
    raise UserError(
        f"partition.{key} {number} cannot be met: with partition.validation_size "
        f"{settings.validation_size} and partition.local_test_size {settings.local_test_size} the "
        f"{len(totals)} clients need {totals.sum()} examples, but beside the global test "
        f"(partition.global_test_size {settings.global_test_size}) there are {pool}, so that client {short} "
        "is the first to go short, in every class. " + _advice(key, fitting, clients)
    )


def _advice(key: str, fitting: int, clients: int = 0) -> str:
    fits = [f"partition.{key} of at most {fitting}"] if fitting >= 1 else []
    fits += [f"partition.clients of at most {clients}"] if clients >= 1 else []
    if fits:
        return " or ".join(fits) + " would fit"
    return "Fewer partition.clients, or smaller validation and test sizes, would fit"


def _ask_scheme(
    available: NDArray[np.int64], demand: Demand, settings: PartitionSettings, seed: int
) -> NDArray[np.int64]:
    scheme = resolve("partition scheme", settings.scheme, SCHEMES)
    # The stream is opened anew, so that trying smaller sizes shows what a run with them would do.
    counts: NDArray[np.int64] = scheme(available, demand, settings, generator(seed, "partition/scheme"))
    fault = _fault(counts, available, demand)
    if fault:
        raise UserError(
            f"the partition scheme {settings.scheme!r} (partition.scheme) {fault}; see "
            "fedexperts.partitioning.registry for what a scheme has to return"
        )
    return counts


def _fault(counts: NDArray[np.int64], available: NDArray[np.int64], demand: Demand) -> str | None:
    shape = (demand.clients, len(available))
    if counts.shape != shape:
        return f"returned counts of shape {counts.shape} instead of {shape}"
    if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
        return "returned something other than whole numbers from zero upwards"
    if (counts.sum(axis=0) > available).any():
        label = int(np.argmax(counts.sum(axis=0) > available))
        return f"gave out {counts.sum(axis=0)[label]} examples of class {label}, which has {available[label]}"
    sizes = counts.sum(axis=1)
    if (sizes < demand.minimum).any():
        client = int(np.argmax(sizes < demand.minimum))
        return f"gave client {client} {sizes[client]} examples, which needs {demand.minimum[client]}"
    if demand.sizes is not None and sizes.sum() != demand.sizes.sum():
        return f"gave out {sizes.sum()} examples instead of {demand.sizes.sum()}"
    return None
