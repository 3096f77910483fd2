"""Networks of dense layers, for examples of any shape."""

from __future__ import annotations

from math import prod

from torch import nn


def mlp(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Two hidden layers of 64 units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(input_shape), 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, outputs),
    )


def logistic_regression(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """One dense layer, and so a logistic regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(input_shape), outputs))
