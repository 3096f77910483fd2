"""Specialists: the generalist, fine-tuned on all of one client's data (arXiv:2010.02056, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from fedexperts.models.architecture import Architecture
    from fedexperts.parameters import PersonalizationSettings


def module(architecture: Architecture) -> nn.Module:
    """An expert."""
    return architecture.expert()


def start(
    _architecture: Architecture, generalist: Mapping[str, Tensor], _client_id: int, _seed: int
) -> dict[str, Tensor]:
    """The generalist's weights."""
    return dict(generalist)


def inputs(features: Tensor, _generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
    """The features alone."""
    return (features,)


def learning_rate(settings: PersonalizationSettings) -> float:
    """The learning rate of fine-tuning."""
    return settings.learning_rate
