"""The optimisers that clients train with: torch's rules, for the rows of many clients at once.

The rules are torch's functions and not its classes. A class would need a parameter for each client, and the
first one that is made in a process costs it a second or two, for a compiler that is not used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch.optim.adam import adam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from fedexperts.parameters import OptimizerSettings

FUSED_ON = ("cpu", "cuda")
BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's own


class Optimizer(Protocol):
    """Moves the weights of clients, each by a rule of its own."""

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Move the first clients.

        Args:
            rows: ``[clients, parameters]``: all weights; changed in place.
            gradient: ``[first clients, parameters]``; the others stay as they are, step counts included.
        """

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the clients only."""


def open_optimizer(
    rows: Tensor, rates: Sequence[tuple[slice, float]], settings: OptimizerSettings
) -> Optimizer:
    """Make a fresh optimiser.

    Args:
        rows: ``[clients, parameters]``: the weights that it is going to move.
        rates: Columns side by side that are all columns, each part with its step size.
        settings: Which one, and how.
    """
    return _SGD(rows, rates, settings) if settings.optimizer == "sgd" else _Adam(rows, rates, settings)


class _Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980) and AdamW (Loshchilov and Hutter, arXiv:1711.05101)."""

    def __init__(
        self, rows: Tensor, rates: Sequence[tuple[slice, float]], settings: OptimizerSettings
    ) -> None:
        self._rates = rates
        self._settings = settings
        self._fused = rows.device.type in FUSED_ON
        self._moments = torch.zeros_like(rows), torch.zeros_like(rows)
        # Counted where the fused step runs; the other one reads them on the CPU.
        self._steps = torch.zeros(len(rates), len(rows), device=rows.device if self._fused else "cpu")

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        live, decay = len(gradient), self._settings.weight_decay
        decoupled = self._settings.optimizer == "adamw"
        # The fused step takes for granted that gradients are contiguous.
        states = (rows, gradient.contiguous(), *self._moments)
        for steps, (columns, rate) in zip(self._steps, self._rates, strict=True):
            weights, gradients, first, second = (list(state[:live, columns]) for state in states)
            if decoupled and decay:
                rows[:live, columns].mul_(1 - rate * decay)
            adam(
                weights,
                gradients,
                first,
                second,
                [],
                list(steps[:live]),
                foreach=False,
                fused=self._fused,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=rate,
                weight_decay=0.0 if decoupled else decay,
                eps=EPSILON,
                maximize=False,
            )

    def keep(self, positions: Sequence[int]) -> None:
        first, second = self._moments
        self._moments = first[list(positions)], second[list(positions)]
        self._steps = self._steps[:, list(positions)]


class _SGD:
    """Stochastic gradient descent with momentum, as torch has it: without dampening."""

    def __init__(
        self, rows: Tensor, rates: Sequence[tuple[slice, float]], settings: OptimizerSettings
    ) -> None:
        self._rates = rates
        self._settings = settings
        self._velocity = torch.zeros_like(rows) if settings.momentum else None

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        live = len(gradient)
        step = gradient.add(rows[:live], alpha=self._settings.weight_decay)
        if self._velocity is not None:
            step = self._velocity[:live].mul_(self._settings.momentum).add_(step)
        for columns, rate in self._rates:
            rows[:live, columns].sub_(step[:, columns], alpha=rate)

    def keep(self, positions: Sequence[int]) -> None:
        if self._velocity is not None:
            self._velocity = self._velocity[list(positions)]
