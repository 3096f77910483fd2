"""Who is evaluated, who never trains with the others, and whose data must not leave home.

None of this changes which examples a client has, except that local tests of a fixed size go to evaluated
clients only. Every draw has its own random stream, and a larger group contains the smaller one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError
from fedexperts.partitioning.rounding import round_half_up
from fedexperts.randomness import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings


@dataclass(frozen=True)
class Roles:
    """What part every client plays; each ``[clients]``, bool."""

    evaluated: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    opted_out: NDArray[np.bool_]


def draw_roles(settings: PartitionSettings, seed: int) -> Roles:
    """Draw who is evaluated, unseen and opted out.

    Unseen clients are drawn from the evaluated ones. The fraction that opts out is one of the clients that
    are not unseen; clients opted out by name come on top and are not spared by being unseen.

    Raises:
        UserError: If there are not that many clients, or no client of a given id.
    """
    clients = settings.clients
    evaluated_count = clients if settings.evaluated_clients is None else settings.evaluated_clients
    check_roles(settings)
    everyone = np.ones(clients, dtype=np.bool_)
    evaluated = _draw(evaluated_count, everyone, seed, "evaluated_clients")
    unseen = _draw(settings.unseen_clients, evaluated, seed, "unseen_clients")
    opting_out = int(round_half_up(settings.opt_out * (clients - settings.unseen_clients)))
    opted_out = _draw(opting_out, ~unseen, seed, "opt_out_clients")
    opted_out[list(settings.opt_out_clients)] = True
    return Roles(evaluated, unseen, opted_out)


def opt_out_examples(
    client: NDArray[np.int64], split: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Draw the examples that every client opts out with, evenly from each of its splits.

    Args:
        client: ``[rows]``, whose example it is.
        split: ``[rows]``, of which split.
        fraction: The part of each client's rows, rounded to whole ones.
        seed: The seed of the run.

    Returns:
        ``[rows]``, whether the example opts out.
    """
    stream = generator(seed, "partition/opt_out_examples")
    group = client * (int(split.max(initial=0)) + 1) + split
    rank, size = _rank_within(group, stream.random(len(group)))
    # Evenly spaced within each split: a client's first rows in this order hold the same part of every split.
    place = (rank + stream.random(int(group.max(initial=0)) + 1)[group]) / size
    rank, size = _rank_within(client, place)
    return rank < round_half_up(fraction * size)


def _draw(count: int, eligible: NDArray[np.bool_], seed: int, purpose: str) -> NDArray[np.bool_]:
    order = generator(seed, f"partition/{purpose}").permutation(len(eligible))
    drawn = np.zeros(len(eligible), dtype=np.bool_)
    drawn[order[eligible[order]][:count]] = True
    return drawn


def _rank_within(
    group: NDArray[np.int64], key: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank every row by its key among the rows of its group; its rank, and the size of its group."""
    sizes = np.bincount(group)
    order = np.lexsort((key, group))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - (np.cumsum(sizes) - sizes)[group[order]]
    return rank, sizes[group]


def most_opted_in(settings: PartitionSettings) -> int:
    """Count the clients that can take part in federated training at most, whatever the data is like."""
    seen = settings.clients - settings.unseen_clients
    if settings.opt_out_examples == 1.0:
        return 0
    return min(
        seen - int(round_half_up(settings.opt_out * seen)),
        settings.clients - len(set(settings.opt_out_clients)),
    )


def check_roles(settings: PartitionSettings) -> None:
    """Refuse more evaluated or unseen clients than there can be, and ids of no client.

    Raises:
        UserError: If there are not that many clients, or no client of a given id.
    """
    clients = settings.clients
    evaluated = clients if settings.evaluated_clients is None else settings.evaluated_clients
    if evaluated > clients:
        raise UserError(
            f"partition.evaluated_clients is {evaluated}, but there are {clients} clients "
            f"(partition.clients); at most {clients} would fit, or null for all of them"
        )
    unseen_limit = min(evaluated, clients - 1)
    if settings.unseen_clients > unseen_limit:
        reason = (
            f"{evaluated} clients are evaluated (partition.evaluated_clients)"
            if evaluated < clients
            else f"there are {clients} clients (partition.clients), and one at least must train"
        )
        raise UserError(
            f"partition.unseen_clients is {settings.unseen_clients}, but {reason}; "
            f"at most {unseen_limit} would fit"
        )
    strangers = sorted(client for client in settings.opt_out_clients if client >= clients)
    if strangers:
        raise UserError(
            f"partition.opt_out_clients names {', '.join(map(str, strangers))}, but the clients are numbered "
            f"from 0 to {clients - 1} (partition.clients is {clients})"
        )
