"""Networks of dense layers, for numbers of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from fedexperts.models.inputs import InputSpec


def mlp(inputs: InputSpec, outputs: int) -> nn.Module:
    """Two hidden layers of 64 units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs.feature_count("mlp"), 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, outputs),
    )


def logistic_regression(inputs: InputSpec, outputs: int) -> nn.Module:
    """One dense layer, and so a logistic regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs.feature_count("logistic_regression"), outputs))
