"""Training one kind of personal model for every client."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fedexperts.models.weights import FAILED, ClientWeights, GeneralistWeights
from fedexperts.progress import progress
from fedexperts.provenance.code import describe_code
from fedexperts.randomness import generator
from fedexperts.storage.rows import Rows
from fedexperts.training.cohort import outputs, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.engine import chunks, halving
from fedexperts.training.stacked import StackedModule
from fedexperts.training.workers import Workers, shared_counters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from fedexperts.models.architecture import Architecture
    from fedexperts.parameters import OptimizerSettings, PersonalizationSettings
    from fedexperts.personalization.data import PersonalData
    from fedexperts.storage.checkpoints import Checkpoints
    from fedexperts.training.cohort import Trained
    from fedexperts.training.engine import Engine
    from fedexperts.training.workers import Tick


logger = logging.getLogger(__name__)


class Kind(Protocol):
    """What a module has to offer to be a kind of personal model."""

    def module(self, architecture: Architecture) -> nn.Module:
        """What is trained; called with what :meth:`inputs` returns, it gives logits or log-probabilities."""

    def start(
        self, architecture: Architecture, generalist: Mapping[str, Tensor], client_id: int, seed: int
    ) -> dict[str, Tensor]:
        """The weights that one client's model starts from."""

    def inputs(self, features: Tensor, generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
        """What the module is called with."""

    def training(self, settings: PersonalizationSettings) -> OptimizerSettings:
        """How this kind is trained."""


@dataclass(frozen=True, eq=False)
class Workbench:
    """What all kinds of models are trained and computed with.

    Attributes:
        architecture: The experts and gates.
        generalist: The frozen generalist, by parameter name.
        features: ``[examples, ...]`` on the device.
        labels: ``[examples]`` on the device.
        generalist_log_probs: ``[examples, classes]``: what the frozen generalist says of every example;
            computed once, since it never changes.
    """

    architecture: Architecture
    generalist: dict[str, Tensor]
    features: Tensor
    labels: Tensor
    generalist_log_probs: Tensor

    def stacked(self, module: nn.Module) -> StackedModule:
        """Make a module ready to be computed here."""
        return StackedModule(module.to(self.features.device))


def prepare(
    data: PersonalData, generalist: GeneralistWeights, architecture: Architecture, device: torch.device
) -> Workbench:
    """Put data and generalist on the device, and let the generalist look at every example once."""
    features = torch.as_tensor(data.features, device=device)
    parameters = {
        name: torch.as_tensor(value, device=device) for name, value in generalist.parameters.items()
    }
    module = StackedModule(architecture.expert().to(device))
    log_probs = outputs(module, module.row(parameters), (features,)).log_softmax(dim=-1)
    labels = torch.as_tensor(data.labels, device=device)
    return Workbench(architecture, parameters, features, labels, log_probs)


@dataclass(frozen=True, eq=False)
class Training:
    """One kind of model, about to be trained for every client.

    Attributes:
        name: The kind's name; part of its random streams.
        kind: The kind of model.
        bench: What to train with.
        data: The clients' data.
        settings: Epochs, patience, optimiser.
        seed: The seed of the run.
    """

    name: str
    kind: Kind
    bench: Workbench
    data: PersonalData
    settings: PersonalizationSettings
    seed: int

    @property
    def module(self) -> StackedModule:
        """What is trained."""
        return self.bench.stacked(self.kind.module(self.bench.architecture))

    def starts(self, clients: Sequence[int]) -> dict[str, Tensor]:
        """The weights that some clients' models start from, ``[clients, *shape]`` by parameter name."""
        architecture, generalist = self.bench.architecture, self.bench.generalist
        starts = [self.kind.start(architecture, generalist, client, self.seed) for client in clients]
        device = self.bench.features.device
        return {name: torch.stack([start[name].to(device) for start in starts]) for name in starts[0]}


def train_models(
    training: Training, engine: Engine, lineage: dict[str, str], checkpoints: Checkpoints
) -> ClientWeights:
    """Train one kind of model for every client, on all of its own training examples.

    Each client stops by its own validation loss and keeps its best weights (arXiv:2010.02056, section 4.2).

    Args:
        training: What to train.
        engine: What to compute with.
        lineage: What the models are trained on, to be stored with them.
        checkpoints: Where to find the clients that are done already, and to leave those that are.
    """
    clients, module = training.data.client_ids, training.module
    size = engine.size_for(len(clients), module.size)
    engine.announce(f"Training {training.name}", len(clients), size, module)
    lineage = {**lineage, "engine": json.dumps(engine.note(size))}
    chosen = training.bench.architecture.settings
    code = describe_code(chosen.expert, chosen.specialist_name, chosen.gate)
    key = {**lineage, **code, "processor": engine.processor, "size": str(module.size)}
    checkpoint = checkpoints.open(training.name, key)
    work = list(enumerate(chunks([len(rows) for rows in training.data.train], size)))
    most = training.settings.max_epochs
    ahead = shared_counters(len(clients), most)
    dtype = torch.empty(0, dtype=training.bench.generalist_log_probs.dtype).numpy().dtype
    rows = Rows(len(clients), module.size, dtype, checkpoints.folder)
    epochs = np.zeros(len(clients), dtype=np.int64)

    def take(positions: NDArray[np.int64], models: NDArray[Any], best: NDArray[np.int64]) -> None:
        rows.write(positions, models)
        epochs[positions], ahead[positions] = best, 0

    left = []
    for number, chunk in work:
        if stored := checkpoint.load(f"chunk-{number:06}"):
            take(**stored[0])
        else:
            left.append((number, chunk))
    if len(left) < len(work):
        found = int((ahead == 0).sum())
        logger.info("Going on with %s: %d of %d clients are done", training.name, found, len(clients))
    all_epochs = len(clients) * most
    with (
        Workers(partial(train_chunk, training, ahead), min(engine.workers, len(left))) as workers,
        progress(f"Epochs of {training.name}", all_epochs, before=all_epochs - int(ahead.sum())) as report,
    ):

        def tick() -> None:
            # Epochs that a client saves by stopping early count as done, as nobody knows them beforehand.
            finished = int((ahead == 0).sum())
            report(all_epochs - int(ahead.sum()), f"{finished} of {len(clients)} clients done")

        for place, arrays in workers.run([chunk for _, chunk in left], tick):
            checkpoint.save(f"chunk-{left[place][0]:06}", arrays, {})
            take(**arrays)
            tick()
    trained = module.parameters(torch.from_numpy(rows.read()))
    models = ClientWeights(
        client_ids=np.array(clients, dtype=np.int64),
        parameters={name: value.numpy() for name, value in trained.items()},
        lineage=lineage,
        epochs=epochs,
    )
    if unfinished := int((epochs > max(most - training.settings.patience, FAILED)).sum()):
        logger.info(
            "%d of %d %s trained for all personalization.max_epochs, and might gain from more",
            unfinished,
            len(clients),
            training.name,
        )
    if models.failed:
        logger.warning(
            "Training %s failed for the clients %s, whose validation losses are not finite; they keep the "
            "generalist.",
            training.name,
            sorted(models.failed),
        )
    return models


def train_chunk(
    training: Training, ahead: NDArray[np.int64], chunk: list[int], tick: Tick
) -> dict[str, NDArray[Any]]:
    """Train the models of some clients together.

    Args:
        training: What to train.
        ahead: ``[clients]``: set to the epochs that each may still train; none for those that have stopped.
        chunk: The clients' positions.
        tick: Called after each epoch.

    Returns:
        ``positions`` ``[clients]``, ``models`` ``[clients, parameters]``, and ``best`` ``[clients]``: the
        epochs they are from.
    """
    bench, data, settings, module = training.bench, training.data, training.settings, training.module
    inputs = training.kind.inputs(bench.features, bench.generalist_log_probs)
    own, held_out = (CohortData(inputs, bench.labels, rows) for rows in (data.train, data.validation))

    def train_together(positions: list[int]) -> Trained:
        epochs_left = itertools.count(settings.max_epochs - 1, -1)

        def on_epoch(live: Sequence[int]) -> None:
            ahead[positions] = 0
            ahead[[positions[place] for place in live]] = next(epochs_left)
            tick()

        clients = [data.client_ids[position] for position in positions]
        return train_until_stopped(
            module,
            module.rows(training.starts(clients)),
            own.only(positions),
            held_out.only(positions),
            training.kind.training(settings),
            [generator(training.seed, f"{training.name}/batches", client) for client in clients],
            settings.max_epochs,
            settings.patience,
            on_epoch,
        )

    parts = list(halving(train_together, chunk))
    models = torch.cat([trained.rows for _, trained in parts])
    best = torch.cat([trained.epochs for _, trained in parts])
    return {
        "positions": np.array([position for positions, _ in parts for position in positions]),
        "models": models.cpu().numpy(),
        "best": best.numpy(),
    }


def compute(
    module: StackedModule, parameters: Mapping[str, NDArray[Any]], position: int, inputs: tuple[Tensor, ...]
) -> Tensor:
    """Compute one client's model on some examples.

    Args:
        module: The architecture.
        parameters: The models of all clients, ``[clients, *shape]`` by parameter name.
        position: Which client's model.
        inputs: What the module takes, each ``[examples, ...]``.

    Returns:
        ``[examples, ...]``.
    """
    device = inputs[0].device
    own = {name: torch.as_tensor(value[position], device=device) for name, value in parameters.items()}
    return outputs(module, module.row(own), inputs)
