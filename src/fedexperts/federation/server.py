"""The server's loop: round after round, validate now and then, keep the best model."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from fedexperts.errors import UserError
from fedexperts.federation.rounds import Federation, train_round
from fedexperts.federation.state import State
from fedexperts.interruption import Interrupted
from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.models.weights import GeneralistWeights
from fedexperts.progress import progress
from fedexperts.provenance.code import describe_code
from fedexperts.provenance.record import plain
from fedexperts.training.cohort import measure_one
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule
from fedexperts.training.trial import try_models

if TYPE_CHECKING:
    from torch import Tensor

    from fedexperts.federation.clients import OptInClients
    from fedexperts.federation.rounds import Trainers
    from fedexperts.parameters import FederationSettings, ModelSettings
    from fedexperts.storage.checkpoints import Checkpoints
    from fedexperts.training.engine import Engine

logger = logging.getLogger(__name__)

WORK = "generalist"


def train_generalist(
    clients: OptInClients,
    model: ModelSettings,
    settings: FederationSettings,
    seed: int,
    engine: Engine,
    checkpoints: Checkpoints,
) -> tuple[GeneralistWeights, pd.DataFrame]:
    """Train the generalist with federated averaging, and keep the best model that was validated.

    A model is validated as it is, after a round's aggregation, on one fixed cohort: the validation examples
    of every client that takes part, but for those that give the first model no finite loss. The mean of the
    clients' losses decides (arXiv:2010.02056, section 4.2).

    Args:
        clients: All that the federation may see.
        model: Which architecture to train.
        settings: Rounds, cohort and local training.
        seed: The seed of the run.
        engine: What to compute with.
        checkpoints: Where to go on from, and to leave what the same call can go on from.

    Returns:
        The generalist, and its history with one row per round: ``round``, ``clients`` that were averaged,
        how many were ``absent``, whose training ``failed`` (client ids), ``train_loss``, ``validation_loss``
        and ``validation_accuracy`` (NaN where the round was not validated, or the loss not finite), and
        ``best``, true for the round whose model was kept.

    Raises:
        UserError: If a model does not suit the data, a cohort is larger than the federation, or nobody has
            validation examples that can be used.
    """
    architecture = Architecture(
        model, InputSpec(clients.features.shape[1:], clients.vocabulary), clients.classes
    )
    try_models(architecture, torch.as_tensor(clients.features[:1], device=engine.device))
    module = StackedModule(architecture.expert().to(engine.device))
    first = initial_parameters(architecture.expert, seed, "federation/initial")
    start = module.row(first).to(engine.device)
    federation = _federation(clients, module, start, settings, seed, engine)
    lineage = {
        "opt_in": clients.fingerprint,
        "expert": model.expert,
        "settings": json.dumps(plain({"seed": seed, "model": model, "federation": settings})),
        "engine": json.dumps(engine.note(federation.chunk_size)),
    }
    engine.announce("Each round", settings.clients_per_round, federation.chunk_size, module)
    code = describe_code(model.expert, settings.aggregation)
    key = {**lineage, **code, "processor": engine.processor, "size": str(module.size)}
    state = _run(federation, State.first(start), checkpoints, key)
    table = pd.DataFrame(list(state.history))
    table = table.astype({"round": np.int64, "clients": np.int64, "absent": np.int64, "failed": str})
    table["best"] = table.index == table["validation_loss"].idxmin()
    best = module.parameters(state.best[None]).items()
    return GeneralistWeights({name: value[0].cpu().numpy() for name, value in best}, lineage), table


def _run(federation: Federation, state: State, checkpoints: Checkpoints, key: dict[str, str]) -> State:
    """Go through all rounds, from where an interrupted run left off if there is one."""
    rounds = federation.settings.rounds
    checkpoint = checkpoints.open(WORK, key)
    if stored := checkpoint.load_last_step():
        state = State.from_arrays(*stored, federation.engine.device)
        logger.info("Going on with federated training after round %d of %d", state.rounds, rounds)
    saved = time.monotonic()
    with (
        federation.workers() as workers,
        progress("Federated training", rounds, before=state.rounds) as report,
    ):
        while state.rounds < rounds:
            state = advance(federation, workers, state)
            due = federation.engine.is_checkpoint_due(state.rounds, time.monotonic() - saved)
            if due or state.rounds == rounds:
                checkpoint.save_step(state.rounds, *state.to_arrays())
                saved = time.monotonic()
            loss, best = state.history[-1]["train_loss"], state.best_loss
            so_far = f"best validation {best:.3f}" if math.isfinite(best) else "not validated yet"
            try:
                report(state.rounds, f"loss {loss:.3f}, {so_far}")
            except Interrupted:
                checkpoint.save_step(state.rounds, *state.to_arrays())
                raise
    if not math.isfinite(state.best_loss):
        raise UserError(
            f"federated training diverged: its validation loss was never finite in {rounds} rounds; "
            f"lower `federation.learning_rate` (now {federation.settings.learning_rate}), or look for "
            "numbers in the data that are too large"
        )
    return state


def advance(federation: Federation, workers: Trainers, state: State) -> State:
    """Add one round to a state, with a validation if it is due."""
    settings, number = federation.settings, state.rounds + 1
    weights, entry = train_round(federation, workers, state.weights, number)
    best, best_loss = state.best, state.best_loss
    if number % settings.validate_every == 0 or number == settings.rounds:
        found = validate(federation, weights)
        entry.update(found)
        if math.isnan(found["validation_loss"]):
            logger.warning("Round %d is not kept: a client's validation loss is not finite", number)
        if found["validation_loss"] < best_loss:
            best, best_loss = weights, found["validation_loss"]
    return State(weights, best, best_loss, (*state.history, entry))


def validate(federation: Federation, weights: Tensor) -> dict[str, float]:
    """Measure a model on the validation cohort: the mean over its clients of their mean loss and accuracy.

    Both are NaN if a loss is not finite: the mean over fewer clients would not compare with other rounds'.
    """
    losses, accuracies = measure_one(federation.module, weights, federation.validation)
    means = torch.stack([losses.mean(), accuracies.mean()])
    loss, accuracy = means.masked_fill(~means[0].isfinite(), math.nan).tolist()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def _federation(
    clients: OptInClients,
    module: StackedModule,
    start: Tensor,
    settings: FederationSettings,
    seed: int,
    engine: Engine,
) -> Federation:
    features = torch.as_tensor(clients.features, device=engine.device)
    labels = torch.as_tensor(clients.labels, device=engine.device)
    return Federation(
        module=module,
        client_ids=clients.client_ids,
        training=CohortData((features,), labels, clients.train),
        validation=_validation_cohort(
            clients.client_ids, CohortData((features,), labels, clients.validation), module, start
        ),
        settings=settings,
        engine=engine,
        seed=seed,
    )


def _validation_cohort(
    client_ids: tuple[int, ...], held_out: CohortData, module: StackedModule, start: Tensor
) -> CohortData:
    """Those who are looked at in every validation: the first model has a finite loss on their examples."""
    some = [position for position, rows in enumerate(held_out.clients) if len(rows)]
    cohort = held_out.only(some)
    finite = measure_one(module, start, cohort)[0].isfinite().tolist() if some else []
    if not any(finite):
        raise UserError(
            "no client has opted in with validation examples that the first model has a finite loss on, so "
            "the best generalist cannot be chosen; raise `partition.validation_size`, let fewer examples opt "
            "out, or look for numbers in the data that are not finite"
        )
    if not all(finite):
        without = [client_ids[position] for position, sound in zip(some, finite, strict=True) if not sound]
        logger.warning(
            "The clients %s have no say in which generalist is kept: the first model has no finite loss on "
            "their validation examples.",
            without,
        )
    return cohort.only([place for place, sound in enumerate(finite) if sound])
