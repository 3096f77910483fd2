"""Training and computing the models of a cohort of clients on their own data.

Everything that is ever trained is trained here: the clients of a federated round, local models, specialists
and mixtures. Clients never touch one another: the result for a client is the same whoever else is in the
cohort (up to the rounding of stacked matrix products).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fedexperts.models.weights import FAILED
from fedexperts.training import schedule
from fedexperts.training.dropout import step_seed
from fedexperts.training.graphs import Replayed
from fedexperts.training.optimizers import open_optimizer
from fedexperts.training.stopping import EarlyStopping
from fedexperts.training.vocabularies import cut_down

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fedexperts.parameters import OptimizerSettings
    from fedexperts.training.data import CohortData
    from fedexperts.training.stacked import StackedModule

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Trained:
    """What training a cohort gave.

    Attributes:
        rows: ``[clients, parameters]``: the weights of each client.
        losses: ``[clients]``: mean training loss of each client's last epoch.
        epochs: ``[clients]``: the epoch whose weights these are; 0 is the starting point, and
            :data:`~fedexperts.models.weights.FAILED` stands where no epoch had a finite validation loss.
    """

    rows: Tensor
    losses: Tensor
    epochs: Tensor


def train(
    module: StackedModule,
    start: Tensor,
    data: CohortData,
    settings: OptimizerSettings,
    streams: Sequence[np.random.Generator],
    epochs: int,
) -> Trained:
    """Train every client's model for a fixed number of epochs, each with a fresh optimiser.

    Args:
        module: The architecture; its outputs are logits, or log-probabilities.
        start: ``[clients, parameters]``: the weights to start from; left as they are.
        data: The clients' training examples.
        settings: Optimiser, learning rate and batch size.
        streams: For each client the random stream that shuffles its examples.
        epochs: How often each example is seen.

    Returns:
        The trained models.
    """
    order = schedule.longest_first(data.lengths)
    cut = cut_down(module, start[order], [data.only(order)], settings)
    (own,) = cut.data
    cohort = _Cohort(cut.module, cut.rows, own, settings, [streams[i] for i in order])
    losses = torch.zeros(len(order), device=start.device, dtype=start.dtype)
    for _ in range(epochs):
        losses = cohort.train_epoch()
    back = torch.as_tensor(np.argsort(order), device=start.device)
    rows = cut.put_back(cohort.rows)
    return Trained(rows[back], losses[back], torch.full((len(order),), epochs))


def train_until_stopped(  # noqa: PLR0913, PLR0917 - a training run has this many independent choices
    module: StackedModule,
    start: Tensor,
    data: CohortData,
    validation: CohortData,
    settings: OptimizerSettings,
    streams: Sequence[np.random.Generator],
    max_epochs: int,
    patience: int,
    on_epoch: Callable[[Sequence[int]], None] = lambda _live: None,
) -> Trained:
    """Train every client's model until its own validation loss stops falling, and keep its best weights.

    A client leaves the stack as soon as it has stopped. The starting point counts as epoch 0, so no client
    ends with weights that are worse on its validation examples than those it began with.

    Args:
        module: The architecture; its outputs are logits, or log-probabilities.
        start: ``[clients, parameters]``: the weights to start from; left as they are.
        data: The clients' training examples.
        validation: The clients' validation examples.
        settings: Optimiser, learning rate and batch size.
        streams: For each client the random stream that shuffles its examples.
        max_epochs: The most epochs a client may train.
        patience: A client stops after so many epochs without a lower validation loss.
        on_epoch: Told after each epoch which clients go on.

    Returns:
        The best model of each client by validation loss.
    """
    order = schedule.longest_first(data.lengths)
    cut = cut_down(module, start[order], [data.only(order), validation.only(order)], settings)
    own, held_out = cut.data
    cohort = _Cohort(cut.module, cut.rows, own, settings, [streams[i] for i in order])
    stopping = EarlyStopping(cohort.rows, measure(cut.module, cohort.rows, held_out)[0], patience)
    live = list(range(len(order)))
    losses = torch.zeros(len(order), device=start.device, dtype=start.dtype)
    for epoch in range(1, max_epochs + 1):
        losses[live] = cohort.train_epoch()
        current, _ = measure(cut.module, cohort.rows, held_out)
        going_on = stopping.update(live, epoch, cohort.rows, current)
        if len(going_on) < len(live):
            cohort.keep(going_on)
            held_out = held_out.only(going_on)
            live = [live[position] for position in going_on]
        on_epoch([order[position] for position in live])
        if not live:
            break
    back = torch.as_tensor(np.argsort(order), device=start.device)
    rows = cut.put_back(stopping.rows)
    epochs = stopping.epochs.masked_fill(stopping.failed, FAILED)
    return Trained(rows[back], losses[back], epochs[back.cpu()])


class _Cohort:
    """The clients in training, longest first, with their optimiser; it changes the rows it is given."""

    def __init__(
        self,
        module: StackedModule,
        rows: Tensor,
        data: CohortData,
        settings: OptimizerSettings,
        streams: Sequence[np.random.Generator],
    ) -> None:
        self.rows = rows
        self._module = module
        self._data = data
        self._settings = settings
        self._streams = list(streams)
        self._optimizer = open_optimizer(rows, module.learning_rates(settings), settings)
        self._replayed = Replayed()
        self._start = rows.clone() if settings.proximal else None

    def train_epoch(self) -> Tensor:
        """Show every client its examples once; return the mean loss of each, ``[clients]``."""
        device = self.rows.device
        steps = schedule.epoch(self._data.clients, self._settings.batch_size, self._streams)
        rows = torch.as_tensor(steps.rows, device=device)
        weights = torch.as_tensor(steps.weights).to(self.rows.dtype).to(device)
        totals = torch.zeros(len(self.rows), device=device, dtype=self.rows.dtype)
        examples = (weights > 0).sum(dim=2)
        bases = self._draw_bases()
        for step, live in enumerate(steps.live.tolist()):
            seeds = None if bases is None else step_seed(bases[:live], step)
            losses = self._compute_step(rows[step, :live], weights[step, :live], seeds)
            totals[:live] += losses * examples[step, :live]
        return totals / examples.sum(dim=0)

    def _draw_bases(self) -> Tensor | None:
        """What the epoch's random layers are drawn from, ``[clients]``, each from its client's own stream."""
        if not self._module.draws:
            return None
        bases = [int(stream.integers(2**62)) for stream in self._streams]
        return torch.tensor(bases, device=self.rows.device)

    def _compute_step(self, rows: Tensor, weights: Tensor, seeds: Tensor | None) -> Tensor:
        if self.rows.is_cuda:
            return self._replayed(self._train_step, rows, weights, seeds)
        return self._train_step(rows, weights, seeds)

    def _train_step(self, rows: Tensor, weights: Tensor, seeds: Tensor | None) -> Tensor:
        inputs, labels = self._data.batch(rows)
        models = self.rows[: len(rows)].detach().requires_grad_()
        losses = (_cross_entropy(self._module(models, inputs, seeds), labels) * weights).sum(dim=1)
        # The clients' losses share no weights, so the gradient of their sum is each one's own gradient.
        (gradient,) = torch.autograd.grad(losses.sum(), models)
        if self._start is not None:
            gradient = gradient + self._settings.proximal * (models.detach() - self._start[: len(rows)])
        self._optimizer.step(self.rows, gradient)
        return losses.detach()

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the clients only."""
        self.rows = self.rows[list(positions)]
        self._start = None if self._start is None else self._start[list(positions)]
        self._data = self._data.only(positions)
        self._streams = [self._streams[position] for position in positions]
        self._optimizer.keep(positions)
        self._replayed = Replayed()


def measure(module: StackedModule, rows: Tensor, data: CohortData) -> tuple[Tensor, Tensor]:
    """Compute the mean cross-entropy and the accuracy of every client's model on its own examples.

    Args:
        module: The architecture.
        rows: ``[clients, parameters]``.
        data: The examples of each client.

    Returns:
        Losses ``[clients]`` and accuracies ``[clients]``.
    """
    device = rows.device
    order = schedule.longest_first(data.lengths)
    largest = len(data.clients[order[0]])
    steps = schedule.in_order([data.clients[i] for i in order], min(EVALUATION_BATCH, largest))
    models = rows[order]
    totals = torch.zeros(2, len(order), device=device, dtype=rows.dtype)
    for batch, weights, live in zip(steps.rows, steps.weights, steps.live.tolist(), strict=True):
        inputs, labels = data.batch(torch.as_tensor(batch[:live], device=device))
        filled = torch.as_tensor(weights[:live] > 0, device=device)
        with torch.no_grad():
            predicted = module(models[:live], inputs)
            totals[0, :live] += (_cross_entropy(predicted, labels) * filled).sum(dim=1)
            totals[1, :live] += ((predicted.argmax(dim=-1) == labels) & filled).sum(dim=1)
    counts = torch.tensor([len(data.clients[i]) for i in order], device=device)
    losses, accuracies = (totals / counts)[:, torch.as_tensor(np.argsort(order), device=device)]
    return losses, accuracies


def measure_one(module: StackedModule, row: Tensor, data: CohortData) -> tuple[Tensor, Tensor]:
    """Compute the mean cross-entropy and the accuracy of one model on the examples of every client.

    The same as :func:`measure` with the same weights for all, without a copy of them for each.

    Args:
        module: The architecture.
        row: ``[parameters]``: the model's weights.
        data: The examples of each client.

    Returns:
        Losses ``[clients]`` and accuracies ``[clients]``.
    """
    inputs, labels = data.batch(torch.as_tensor(np.concatenate(data.clients), device=row.device))
    predicted = outputs(module, row, inputs)
    right = (predicted.argmax(dim=-1) == labels).to(predicted.dtype)
    each = torch.stack([functional.cross_entropy(predicted, labels, reduction="none"), right])
    parts = torch.split(each, [len(rows) for rows in data.clients], dim=1)
    losses, accuracies = torch.stack([part.mean(dim=1) for part in parts], dim=1)
    return losses, accuracies


def outputs(module: StackedModule, row: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Compute one model on many examples, batch by batch.

    Args:
        module: The architecture.
        row: ``[parameters]``: the model's weights.
        inputs: What the module takes, each ``[examples, ...]``.

    Returns:
        ``[examples, ...]``.
    """
    batches = zip(*(torch.split(part, EVALUATION_BATCH) for part in inputs), strict=True)
    with torch.no_grad():
        parts = [module(row[None], tuple(part[None] for part in batch))[0] for batch in batches]
    return torch.cat(parts)


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Losses ``[clients, batch]`` of outputs ``[clients, batch, classes]``.

    Log-probabilities may stand in for logits: normalising them again changes nothing.
    """
    return functional.cross_entropy(outputs.movedim(-1, 1), labels, reduction="none")
