"""The server's loop: sample a cohort, let it train, aggregate, validate now and then."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fedexperts.errors import UserError
from fedexperts.federation.rules import RULES
from fedexperts.federation.sampling import sample_cohort
from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.models.weights import GeneralistWeights
from fedexperts.progress import progress
from fedexperts.provenance.record import plain
from fedexperts.randomness import generator
from fedexperts.registry import resolve
from fedexperts.training.cohort import CohortData, measure_one, train
from fedexperts.training.stacked import StackedModule
from fedexperts.training.trial import try_models

if TYPE_CHECKING:
    from fedexperts.federation.clients import OptInClients
    from fedexperts.parameters import FederationSettings, ModelSettings


@dataclass(frozen=True)
class Federation:
    """The clients' opt-in data on the device, and what is done with it.

    Attributes:
        module: The architecture of the generalist.
        client_ids: The clients that take part.
        training: The training examples of each client.
        validation: The validation examples of those clients that have any.
        settings: The settings of the federation.
        seed: The seed of the run.
    """

    module: StackedModule
    client_ids: tuple[int, ...]
    training: CohortData
    validation: CohortData
    settings: FederationSettings
    seed: int


def train_generalist(
    clients: OptInClients, model: ModelSettings, settings: FederationSettings, seed: int, device: torch.device
) -> tuple[GeneralistWeights, pd.DataFrame]:
    """Train the generalist with federated averaging, and keep the best model that was validated.

    A model is validated as it is, after a round's aggregation, on one fixed cohort: the validation examples
    of every client that takes part. The mean of the clients' losses decides (arXiv:2010.02056, section 4.2).

    Args:
        clients: All that the federation may see.
        model: Which architecture to train.
        settings: Rounds, cohort and local training.
        seed: The seed of the run.
        device: Where to compute.

    Returns:
        The generalist, and its history with one row per round: ``round``, ``clients``, ``train_loss``,
        ``validation_loss`` and ``validation_accuracy`` (NaN where the round was not validated), and ``best``,
        true for the round whose model was kept.

    Raises:
        UserError: If a model does not suit the data, a cohort is larger than the federation, or nobody has
            validation examples.
    """
    architecture = Architecture(
        model, InputSpec(clients.features.shape[1:], clients.vocabulary), clients.classes
    )
    try_models(architecture, torch.as_tensor(clients.features[:1], device=device))
    first = initial_parameters(architecture.expert, seed, "federation/initial")
    module = StackedModule(architecture.expert().to(device))
    federation = _federation(clients, module, settings, seed, device)
    weights = module.rows({name: value[None].to(device) for name, value in first.items()})[0]
    best, best_loss = weights, float("inf")
    history = []
    with progress("Federated training", settings.rounds) as report:
        for round_number in range(1, settings.rounds + 1):
            weights, entry = train_round(federation, weights, round_number)
            if round_number % settings.validate_every == 0 or round_number == settings.rounds:
                entry.update(validate(federation, weights))
                if entry["validation_loss"] < best_loss:
                    best, best_loss = weights, entry["validation_loss"]
            history.append(entry)
            so_far = f"best validation {best_loss:.3f}" if math.isfinite(best_loss) else "not validated yet"
            report(round_number, f"loss {entry['train_loss']:.3f}, {so_far}")
    if not math.isfinite(best_loss):
        raise UserError(
            f"federated training diverged: its validation loss was never finite in {settings.rounds} rounds; "
            f"lower `federation.learning_rate` (now {settings.learning_rate})"
        )
    table = pd.DataFrame(history).astype({"round": np.int64, "clients": np.int64})
    table["best"] = table.index == table["validation_loss"].idxmin()
    parameters = {name: value[0].cpu().numpy() for name, value in module.parameters(best[None]).items()}
    noted = plain({"seed": seed, "model": model, "federation": settings})
    lineage = {"opt_in": clients.fingerprint, "expert": model.expert, "settings": json.dumps(noted)}
    return GeneralistWeights(parameters, lineage), table


def train_round(
    federation: Federation, weights: Tensor, round_number: int
) -> tuple[Tensor, dict[str, float]]:
    """One round: a cohort is drawn, trains the model on its own data, and is averaged.

    Args:
        federation: The clients and settings.
        weights: ``[parameters]``: the model that is sent out; left as it is.
        round_number: The round, from 1.

    Returns:
        The new model ``[parameters]``, and the round's entry in the history.
    """
    settings = federation.settings
    taking_part = len(federation.client_ids)
    cohort = sample_cohort(taking_part, settings.clients_per_round, federation.seed, round_number)
    chosen = [federation.client_ids[position] for position in cohort]
    streams = [generator(federation.seed, "federation/batches", client, round_number) for client in chosen]
    data = federation.training.only(cohort)
    start = weights.expand(len(cohort), -1)
    trained = train(federation.module, start, data, settings.local_training, streams, settings.local_epochs)
    examples = torch.tensor([len(rows) for rows in data.clients], device=weights.device)
    aggregate = resolve("aggregation rule", settings.aggregation, RULES)
    entry = {
        "round": round_number,
        "clients": len(cohort),
        "train_loss": float((trained.losses * examples).sum() / examples.sum()),
        "validation_loss": float("nan"),
        "validation_accuracy": float("nan"),
    }
    return aggregate(trained.rows, examples), entry


def validate(federation: Federation, weights: Tensor) -> dict[str, float]:
    """Measure a model on the validation cohort: the mean over its clients of their mean loss and accuracy."""
    losses, accuracies = measure_one(federation.module, weights, federation.validation)
    return {"validation_loss": float(losses.mean()), "validation_accuracy": float(accuracies.mean())}


def _federation(
    clients: OptInClients,
    module: StackedModule,
    settings: FederationSettings,
    seed: int,
    device: torch.device,
) -> Federation:
    features = torch.as_tensor(clients.features, device=device)
    labels = torch.as_tensor(clients.labels, device=device)

    validation = [rows for rows in clients.validation if len(rows)]
    if not validation:
        raise UserError(
            "no client has opted in with validation examples, so the best generalist cannot be chosen; "
            "raise `partition.validation_size`, or let fewer examples opt out"
        )
    return Federation(
        module=module,
        client_ids=clients.client_ids,
        training=CohortData((features,), labels, clients.train),
        validation=CohortData((features,), labels, validation),
        settings=settings,
        seed=seed,
    )
