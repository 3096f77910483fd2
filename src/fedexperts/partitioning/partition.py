"""The partition: two tables that say which example belongs to which client and split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedexperts.errors import UserError
from fedexperts.partitioning.allocation import allocate
from fedexperts.partitioning.demand import split_sizes
from fedexperts.partitioning.pool import draw_examples, draw_global_test, draw_official_test, split_counts
from fedexperts.partitioning.roles import Roles, draw_roles, opt_out_examples
from fedexperts.randomness import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PartitionSettings

EVERYONE = -1
"""Stands for a client's id where an example belongs to all: in the global test."""

TRAIN = "train"
VALIDATION = "validation"
LOCAL_TEST = "local_test"
GLOBAL_TEST = "global_test"
SPLITS = (TRAIN, VALIDATION, LOCAL_TEST, GLOBAL_TEST)
"""The splits, in the order in which the tables list them."""


@dataclass(frozen=True)
class Partition:
    """Which example belongs to which client and split.

    Attributes:
        clients: One row per client, by ``client_id`` (int64): ``opted_out`` (with all of its data; a client
            that opts out with a part only is not),
            ``unseen`` (in federated training) and ``evaluated`` (personalised and tested), all bool;
            ``train``, ``validation`` and ``local_test``, the sizes of its splits, and ``class_0``,
            ``class_1``, ..., its examples of each class in train and validation together, all int64.
        assignments: One row per example that is in use: ``client_id`` (int64, :data:`EVERYONE` for the global
            test), ``split`` (one of :data:`SPLITS`), ``example`` (int64, its row in the data set) and
            ``opt_in`` (bool, whether it may influence the generalist: no test example may, nor any example of
            a client that is unseen or has opted out). Sorted by client, split and example.
    """

    clients: pd.DataFrame
    assignments: pd.DataFrame


def partition(
    labels: NDArray[np.int64],
    classes: int,
    settings: PartitionSettings,
    seed: int,
    may_opt_in: NDArray[np.bool_] | None = None,
    official_test: NDArray[np.bool_] | None = None,
) -> Partition:
    """Decide which example belongs to which client and split.

    The global test is taken out first; the scheme then says how many examples of each class every client gets
    from the rest, and which these are is drawn class by class. No example is used twice. Train, validation
    and local test of a client follow one distribution.

    Each step draws from its own random stream. Who is unseen or opts out, and with which examples, changes
    nothing but the columns that say so; only the global test takes others in place of those that the user's
    own table opts out.

    Args:
        labels: Class of every example, ``[examples]``.
        classes: Number of classes.
        settings: The ``partition`` group of settings.
        seed: The seed of the run.
        may_opt_in: ``[examples]``, bool: what the user's own table says about each example; False keeps it
            from the generalist whatever else is set, and from the global test.
        official_test: ``[examples]``, bool: what the data set itself sets aside for tests. It matters only if
            ``settings.global_test_size`` is ``"all"``; else all examples are shared out.

    Returns:
        The two tables.

    Raises:
        UserError: If the labels do not fit the number of classes, if a size cannot be met, or if a setting
            asks for clients or classes that there are not. The message says what would fit.
    """
    _check(labels, classes, may_opt_in)
    labels = labels.astype(np.int64, copy=False)
    roles = draw_roles(settings, seed)
    may_share = np.ones(len(labels), dtype=np.bool_) if may_opt_in is None else may_opt_in
    stream = generator(seed, "partition/global_test")
    in_pool = np.ones(len(labels), dtype=np.bool_)
    if settings.global_test_size == "all":
        global_test = draw_official_test(labels, may_share, classes, official_test, stream)
        in_pool[official_test] = False
    else:
        global_test = draw_global_test(labels, may_share, classes, settings.global_test_size, stream)
        in_pool[global_test] = False
    available = np.bincount(labels[in_pool], minlength=classes)

    counts = allocate(available, roles.evaluated, settings, seed)
    sizes = split_sizes(counts.sum(axis=1), roles.evaluated, settings)
    by_split = split_counts(counts, sizes, generator(seed, "partition/splits"))
    drawn = draw_examples(labels, in_pool, by_split, generator(seed, "partition/examples"))
    client, split, example = _without_untested(drawn, roles)
    opt_in = _opt_in(client, split, roles, settings.opt_out_examples, seed) & may_share[example]

    # Whoever has nothing left to opt in with has opted out, whichever way that came about.
    silent = np.bincount(client[opt_in], minlength=settings.clients) == 0
    roles = replace(roles, opted_out=roles.opted_out | (silent & ~roles.unseen))

    by_split[~roles.evaluated, SPLITS.index(LOCAL_TEST)] = 0
    return Partition(
        clients=_client_table(by_split, roles),
        assignments=_assignment_table(client, split, example, opt_in, global_test),
    )


def examples_by_client(assignments: pd.DataFrame, split: str) -> dict[int, NDArray[np.int64]]:
    """Group the examples of a split by client.

    Args:
        assignments: The table of examples of a :class:`Partition`, or some of its rows.
        split: One of :data:`SPLITS`.

    Returns:
        The examples of each client that has any in the split, by ascending client.
    """
    rows = assignments[assignments["split"] == split]
    clients = rows["client_id"].to_numpy()
    order = np.argsort(clients, kind="stable")
    client_ids, starts = np.unique(clients[order], return_index=True)
    parts = np.split(rows["example"].to_numpy()[order], starts[1:])
    return dict(zip(client_ids.tolist(), parts, strict=False))


def _check(labels: NDArray[np.int64], classes: int, may_opt_in: NDArray[np.bool_] | None) -> None:
    if len(labels) == 0:
        raise UserError("there are no examples to share out among the clients")
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"labels must lie between 0 and {classes - 1}, one for each class, "
            f"but they range from {labels.min()} to {labels.max()}"
        )
    if may_opt_in is not None and (may_opt_in.shape != labels.shape or may_opt_in.dtype != np.bool_):
        raise UserError(
            "what says which example may opt in must be one true or false for each of the "
            f"{len(labels)} examples, but it is {may_opt_in.dtype} of shape {may_opt_in.shape}"
        )


Drawn = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]


def _without_untested(drawn: Drawn, roles: Roles) -> Drawn:
    """Drop the local tests that were set aside for clients that nobody tests."""
    client, split, example = drawn
    kept = roles.evaluated[client] | (split != SPLITS.index(LOCAL_TEST))
    return client[kept], split[kept], example[kept]


def _opt_in(
    client: NDArray[np.int64],
    split: NDArray[np.int64],
    roles: Roles,
    opt_out_fraction: float,
    seed: int,
) -> NDArray[np.bool_]:
    own = split != SPLITS.index(LOCAL_TEST)
    opt_in: NDArray[np.bool_] = own & ~roles.opted_out[client] & ~roles.unseen[client]
    opt_in[own] &= ~opt_out_examples(client[own], split[own], opt_out_fraction, seed)
    return opt_in


def _client_table(counts: NDArray[np.int64], roles: Roles) -> pd.DataFrame:
    clients, _, classes = counts.shape
    own = counts[:, : SPLITS.index(LOCAL_TEST)].sum(axis=1)
    sizes = counts.sum(axis=2)
    return pd.DataFrame(
        {
            "client_id": np.arange(clients, dtype=np.int64),
            "opted_out": roles.opted_out,
            "unseen": roles.unseen,
            "evaluated": roles.evaluated,
            **{name: sizes[:, split] for split, name in enumerate(SPLITS[:-1])},
            **{f"class_{label}": own[:, label] for label in range(classes)},
        }
    )


def _assignment_table(
    client: NDArray[np.int64],
    split: NDArray[np.int64],
    example: NDArray[np.int64],
    opt_in: NDArray[np.bool_],
    global_test: NDArray[np.int64],
) -> pd.DataFrame:
    shared = len(global_test)
    names = np.array(SPLITS, dtype=object)
    return pd.DataFrame(
        {
            "client_id": np.concatenate([np.full(shared, EVERYONE, dtype=np.int64), client]),
            "split": np.concatenate([np.full(shared, GLOBAL_TEST, dtype=object), names[split]]),
            "example": np.concatenate([global_test, example]),
            "opt_in": np.concatenate([np.zeros(shared, dtype=np.bool_), opt_in]),
        }
    ).astype({"split": "str"})
