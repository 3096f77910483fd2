"""Mixtures: a specialist and a gate trained together beside the frozen generalist.

The method of arXiv:2010.02056, equation 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.mixture import GATE, SPECIALIST, Mixture
from fedexperts.personalization import finetuning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from fedexperts.parameters import OptimizerSettings, PersonalizationSettings


def module(architecture: Architecture) -> nn.Module:
    """A specialist and a gate."""
    return Mixture(architecture.specialist(), architecture.gate())


def start(
    architecture: Architecture, generalist: Mapping[str, Tensor], client_id: int, seed: int
) -> dict[str, Tensor]:
    """A specialist as fine-tuning starts from, and a gate drawn anew for every client."""
    specialist = finetuning.start(architecture, generalist, client_id, seed)
    gate = initial_parameters(architecture.gate, seed, "mixtures/gate", client_id)
    weights = {SPECIALIST + name: value for name, value in specialist.items()}
    return weights | {GATE + name: value for name, value in gate.items()}


def inputs(features: Tensor, generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
    """The features, and what the frozen generalist says of them."""
    return features, generalist_log_probs


def training(settings: PersonalizationSettings) -> OptimizerSettings:
    """Fine-tuning; the gate may have a learning rate of its own."""
    own = {} if settings.gate_learning_rate is None else {GATE: settings.gate_learning_rate}
    return settings.local_training().model_copy(update={"own_rates": own})
