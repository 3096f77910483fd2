"""One round: a cohort is drawn, trains the model on its own data, and is averaged.

Clients may fail to answer, and their training may fail; the round goes on with those that are left.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fedexperts.errors import UserError
from fedexperts.federation.rules import RULES
from fedexperts.federation.sampling import answers, sample_cohort
from fedexperts.randomness import generator
from fedexperts.registry import resolve
from fedexperts.training.cohort import train
from fedexperts.training.engine import chunks, halving
from fedexperts.training.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedexperts.parameters import FederationSettings
    from fedexperts.training.cohort import Trained
    from fedexperts.training.data import CohortData
    from fedexperts.training.engine import Engine
    from fedexperts.training.stacked import StackedModule
    from fedexperts.training.workers import Tick

    Trainers = Workers["Share", list[tuple[list[int], Trained]]]

logger = logging.getLogger(__name__)

ATTEMPTS = 100
"""How many cohorts are drawn for one round before it is given up."""


@dataclass(frozen=True)
class Federation:
    """The clients' opt-in data on the device, and what is done with it.

    Attributes:
        module: The architecture of the generalist.
        client_ids: The clients that take part.
        training: The training examples of each client.
        validation: The validation examples of those clients that have any, and a finite loss at first.
        settings: The settings of the federation.
        engine: What to compute with.
        seed: The seed of the run.
    """

    module: StackedModule
    client_ids: tuple[int, ...]
    training: CohortData
    validation: CohortData
    settings: FederationSettings
    engine: Engine
    seed: int

    @property
    def chunk_size(self) -> int:
        """How many clients of a cohort are trained together."""
        return self.engine.size_for(self.settings.clients_per_round, self.module.size)

    def workers(self) -> Trainers:
        """What trains the shares of a cohort."""
        count = self.engine.processes_for(self.settings.clients_per_round, self.chunk_size)
        return Workers(partial(train_share, self), count)


@dataclass(frozen=True)
class Share:
    """A part of a round's cohort, to be trained together.

    Attributes:
        round_number: The round, from 1.
        weights: ``[parameters]``: the model that is sent out.
        positions: Which clients of the federation.
    """

    round_number: int
    weights: Tensor
    positions: list[int]


def train_round(
    federation: Federation, workers: Trainers, weights: Tensor, round_number: int
) -> tuple[Tensor, dict[str, float | str]]:
    """Let a cohort train, and average its models.

    Args:
        federation: The clients and settings.
        workers: What trains a share of the cohort.
        weights: ``[parameters]``: the model that is sent out; left as it is.
        round_number: The round, from 1.

    Returns:
        The new model ``[parameters]``, and the round's entry in the history.

    Raises:
        UserError: If no cohort has enough clients that answer, or training fails for too many of them.
    """
    settings = federation.settings
    cohort, absent = draw_cohort(federation, round_number)
    examples = [len(federation.training.clients[position]) for position in cohort]
    together = chunks(examples, federation.chunk_size)
    shares = [Share(round_number, weights, [cohort[place] for place in chunk]) for chunk in together]
    place = {position: place for place, position in enumerate(cohort)}
    rows, losses = weights.new_empty(len(cohort), len(weights)), weights.new_empty(len(cohort))
    for _, parts in workers.run(shares):
        for positions, trained in parts:
            places = [place[position] for position in positions]
            rows[places], losses[places] = trained.rows, trained.losses
    sound = find_sound(rows, losses, weights, settings.max_update)
    failed = [federation.client_ids[cohort[place]] for place in torch.nonzero(~sound).flatten().tolist()]
    _check_failures(failed, len(cohort), settings, round_number)
    counts = torch.tensor(examples, device=weights.device)[sound]
    aggregate: Callable[[Tensor, Tensor], Tensor] = resolve("aggregation rule", settings.aggregation, RULES)
    entry: dict[str, float | str] = {
        "round": round_number,
        "clients": len(counts),
        "absent": absent,
        "failed": " ".join(map(str, failed)),
        "train_loss": float((losses[sound] * counts).sum() / counts.sum()),
        "validation_loss": float("nan"),
        "validation_accuracy": float("nan"),
    }
    return aggregate(rows[sound], counts), entry


def draw_cohort(federation: Federation, round_number: int) -> tuple[list[int], int]:
    """Draw a round's cohort, and again if too few of it answer.

    Args:
        federation: The clients and settings.
        round_number: The round, from 1.

    Returns:
        The positions of the clients that answer, and how many of their cohort do not.

    Raises:
        UserError: If no cohort has enough clients that answer.
    """
    settings, seed = federation.settings, federation.seed
    for attempt in range(ATTEMPTS):
        drawn = sample_cohort(
            len(federation.client_ids), settings.clients_per_round, seed, round_number, attempt
        )
        cohort = [
            position
            for position in drawn
            if answers(federation.client_ids[position], settings.client_dropout, seed, round_number, attempt)
        ]
        if len(cohort) >= settings.min_clients:
            return cohort, len(drawn) - len(cohort)
        logger.warning(
            "Round %d: only %d of %d clients answer; drawing another cohort.",
            round_number,
            len(cohort),
            len(drawn),
        )
    raise UserError(
        f"in round {round_number}, {ATTEMPTS} cohorts in a row had fewer than {settings.min_clients} clients "
        "that answer; lower `federation.min_clients` or `federation.client_dropout`"
    )


def find_sound(rows: Tensor, losses: Tensor, weights: Tensor, max_update: float | None) -> Tensor:
    """Tell the updates that can be used from those that would spoil the average.

    Args:
        rows: ``[clients, parameters]``: the trained models.
        losses: ``[clients]``: their training losses.
        weights: ``[parameters]``: the model they started from.
        max_update: The longest update that is trusted, by its L2 norm; None for any that is finite.

    Returns:
        ``[clients]``, bool.
    """
    lengths: Tensor = (rows - weights).norm(dim=1)
    sound = lengths.isfinite() & losses.isfinite()
    return sound if max_update is None else sound & (lengths <= max_update)


def _check_failures(failed: list[int], clients: int, settings: FederationSettings, round_number: int) -> None:
    if not failed:
        return
    who = f"round {round_number}: training failed for {len(failed)} of {clients} clients, {failed}"
    if len(failed) > settings.max_failed * clients or len(failed) == clients:
        raise UserError(
            f"{who}: a loss or update was not finite, or longer than `federation.max_update`; lower "
            f"`federation.learning_rate` (now {settings.learning_rate}), or raise `federation.max_failed`"
        )
    logger.warning("In %s; the others are averaged.", who)


def train_share(federation: Federation, share: Share, _tick: Tick) -> list[tuple[list[int], Trained]]:
    """Let clients train the model on their own data.

    Args:
        federation: The clients and settings.
        share: Which clients, in which round, from which model.

    Returns:
        The clients' positions and models, in as many parts as memory made necessary.
    """
    settings = federation.settings

    def train_together(positions: list[int]) -> Trained:
        ids = [federation.client_ids[position] for position in positions]
        return train(
            federation.module,
            share.weights.expand(len(positions), -1),
            federation.training.only(positions),
            settings.local_training(),
            [generator(federation.seed, "federation/batches", client, share.round_number) for client in ids],
            settings.local_epochs,
        )

    return list(halving(train_together, share.positions))
