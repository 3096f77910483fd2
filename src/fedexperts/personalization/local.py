"""Local models: trained from scratch on one client's data.

Of the federation they have the vocabulary or the standardisation of their inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.models.architecture import Architecture, initial_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from fedexperts.parameters import OptimizerSettings, PersonalizationSettings


def module(architecture: Architecture) -> nn.Module:
    """An expert."""
    return architecture.expert()


def start(
    architecture: Architecture, _generalist: Mapping[str, Tensor], client_id: int, seed: int
) -> dict[str, Tensor]:
    """Weights drawn anew for every client."""
    return initial_parameters(architecture.expert, seed, "locals/initial", client_id)


def inputs(features: Tensor, _generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
    """The features alone."""
    return (features,)


def training(settings: PersonalizationSettings) -> OptimizerSettings:
    """From scratch, with a learning rate of its own."""
    return settings.local_training(settings.local_learning_rate)
