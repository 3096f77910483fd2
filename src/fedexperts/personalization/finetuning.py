"""Specialists: the generalist, fine-tuned on all of one client's data (arXiv:2010.02056, section 3).

A specialist of another architecture than the generalist's cannot take over its weights, and is trained from
scratch instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.models.architecture import Architecture, initial_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from fedexperts.parameters import OptimizerSettings, PersonalizationSettings


def module(architecture: Architecture) -> nn.Module:
    """A specialist."""
    return architecture.specialist()


def start(
    architecture: Architecture, generalist: Mapping[str, Tensor], client_id: int, seed: int
) -> dict[str, Tensor]:
    """The generalist's weights; those of another architecture are drawn anew for every client."""
    if architecture.settings.specialist_name == architecture.settings.expert:
        return dict(generalist)
    return initial_parameters(architecture.specialist, seed, "specialists/initial", client_id)


def inputs(features: Tensor, _generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
    """The features alone."""
    return (features,)


def training(settings: PersonalizationSettings) -> OptimizerSettings:
    """Fine-tuning."""
    return settings.local_training()
