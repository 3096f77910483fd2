"""The yardstick: one client after another, in the way that every PyTorch tutorial trains one model.

The tensors are in memory, the optimiser is torch's own as it comes, and nothing is shared between clients.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.networks import image_model
from benchmarks.workloads import SEED
from fedexperts.models.architecture import initial_parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.workloads import Workload

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
EMBEDDING = 100
UNITS = 64


class TextModel(nn.Module):
    """The paper's network for AG News: embeddings, a packed bidirectional LSTM, a dense layer."""

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBEDDING, padding_idx=0)
        self.lstm = nn.LSTM(EMBEDDING, UNITS, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * UNITS, classes)

    def forward(self, texts: Tensor) -> Tensor:
        """Logits ``[texts, classes]`` of word numbers ``[texts, longest]``."""
        lengths = (texts != 0).sum(dim=1).cpu()
        packed = pack_padded_sequence(self.embedding(texts), lengths, batch_first=True, enforce_sorted=False)
        _, (states, _) = self.lstm(packed)
        logits: Tensor = self.output(torch.cat([states[0], states[1]], dim=1))
        return logits


def first_model(workload: Workload) -> nn.Module:
    """The model that every client starts from; the same weights with every call."""

    def build() -> nn.Module:
        if workload.vocabulary is None:
            return image_model(workload.classes)
        return TextModel(workload.vocabulary, workload.classes)

    model = build()
    model.load_state_dict(initial_parameters(build, SEED, "benchmarks/initial"))
    return model.to(workload.labels.device, workload.dtype)


def train_round(workload: Workload, *, fused: bool | None = None) -> list[nn.Module]:
    """Train every client for the same number of epochs, and average the models."""
    first = first_model(workload)
    models = []
    for place, own in enumerate(workload.train):
        client = _Client(workload, first, own, workload.stream(place), fused=fused)
        for _ in range(workload.epochs):
            client.train_epoch()
        models.append(client.model)
    _average(models, [len(own) for own in workload.train])
    return models


def train_until_stopped(
    workload: Workload, *, fused: bool | None = None
) -> tuple[list[nn.Module], list[int]]:
    """Train every client until its validation loss stops falling.

    Returns:
        The best model of each client, and the epoch it is from.
    """
    first = first_model(workload)
    models, epochs = [], []
    for place, (own, held_out) in enumerate(zip(workload.train, workload.validation, strict=True)):
        client = _Client(workload, first, own, workload.stream(place), fused=fused)
        best, best_epoch, best_loss = copy.deepcopy(client.model), 0, client.loss(held_out)
        for epoch in range(1, workload.epochs + 1):
            client.train_epoch()
            loss = client.loss(held_out)
            if loss < best_loss:
                best, best_epoch, best_loss = copy.deepcopy(client.model), epoch, loss
            if epoch - best_epoch >= workload.patience:
                break
        models.append(best)
        epochs.append(best_epoch)
    return models, epochs


@torch.no_grad()
def _average(models: list[nn.Module], examples: list[int]) -> nn.Module:
    mean = copy.deepcopy(models[0])
    for parameter, *of_clients in zip(
        mean.parameters(), *(model.parameters() for model in models), strict=True
    ):
        parameter.copy_(
            sum(count / sum(examples) * own for count, own in zip(examples, of_clients, strict=True))
        )
    return mean


class _Client:
    """One model in training."""

    def __init__(
        self,
        workload: Workload,
        first: nn.Module,
        own: NDArray[np.int64],
        stream: np.random.Generator,
        *,
        fused: bool | None,
    ) -> None:
        self.model = copy.deepcopy(first)
        self._workload, self._own, self._stream = workload, own, stream
        settings = workload.training
        kind = OPTIMIZERS[settings.optimizer]
        self._optimizer = kind(self.model.parameters(), lr=settings.learning_rate, fused=fused)

    def train_epoch(self) -> None:
        """Show the model every example once."""
        workload = self._workload
        shuffled = torch.as_tensor(self._stream.permutation(self._own), device=workload.labels.device)
        for rows in shuffled.split(workload.training.batch_size):
            self._optimizer.zero_grad()
            outputs = self.model(workload.inputs[rows])
            functional.cross_entropy(outputs, workload.labels[rows]).backward()
            self._optimizer.step()

    @torch.no_grad()
    def loss(self, held_out: NDArray[np.int64]) -> float:
        """The mean loss on other examples."""
        rows = torch.as_tensor(held_out, device=self._workload.labels.device)
        outputs = self.model(self._workload.inputs[rows])
        return float(functional.cross_entropy(outputs, self._workload.labels[rows]))
