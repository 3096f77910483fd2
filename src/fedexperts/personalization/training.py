"""Training one kind of personal model for every client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fedexperts.models.weights import ClientWeights, GeneralistWeights
from fedexperts.progress import progress
from fedexperts.randomness import generator
from fedexperts.training.cohort import CohortData, outputs, train_until_stopped
from fedexperts.training.stacked import StackedModule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    from fedexperts.models.architecture import Architecture
    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.data import PersonalData


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

    def learning_rate(self, settings: PersonalizationSettings) -> float:
        """The learning rate of this kind."""


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
    row = module.rows({name: value[None] for name, value in parameters.items()})[0]
    log_probs = outputs(module, row, (features,)).log_softmax(dim=-1)
    labels = torch.as_tensor(data.labels, device=device)
    return Workbench(architecture, parameters, features, labels, log_probs)


def train_models(
    name: str,
    kind: Kind,
    bench: Workbench,
    data: PersonalData,
    settings: PersonalizationSettings,
    seed: int,
    lineage: dict[str, str],
) -> ClientWeights:
    """Train one kind of model for every client, on all of its own training examples.

    Each client stops by its own validation loss and keeps its best weights (arXiv:2010.02056, section 4.2).

    Args:
        name: The kind's name; part of its random streams.
        kind: The kind of model.
        bench: What to train with.
        data: The clients' data.
        settings: Epochs, patience, optimiser.
        seed: The seed of the run.
        lineage: What the models are trained on, to be stored with them.
    """
    module = bench.stacked(kind.module(bench.architecture))
    starts = [kind.start(bench.architecture, bench.generalist, client, seed) for client in data.client_ids]
    stacked = {key: torch.stack([start[key] for start in starts]) for key in starts[0]}
    inputs = kind.inputs(bench.features, bench.generalist_log_probs)
    with progress(f"Training {name}", settings.max_epochs) as report:
        trained = train_until_stopped(
            module,
            module.rows(stacked).to(bench.features.device),
            CohortData(inputs, bench.labels, data.train),
            CohortData(inputs, bench.labels, data.validation),
            settings.local_training(kind.learning_rate(settings)),
            [generator(seed, f"{name}/batches", client) for client in data.client_ids],
            settings.max_epochs,
            settings.patience,
            lambda epoch, live: report(epoch if live else settings.max_epochs, f"{live} clients in training"),
        )
    return ClientWeights(
        client_ids=np.array(data.client_ids, dtype=np.int64),
        parameters={key: value.cpu().numpy() for key, value in module.parameters(trained.rows).items()},
        lineage=lineage,
        epochs=trained.epochs.numpy(),
    )


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
    own = {key: torch.as_tensor(value[position], device=device)[None] for key, value in parameters.items()}
    return outputs(module, module.rows(own)[0], inputs)
