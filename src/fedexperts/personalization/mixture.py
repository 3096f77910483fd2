"""Mixtures: a specialist and a gate trained together beside the frozen generalist.

The method of arXiv:2010.02056, equation 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.mixture import Mixture
from fedexperts.personalization import finetuning

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from fedexperts.models.weights import ClientWeights
    from fedexperts.parameters import OptimizerSettings, PersonalizationSettings

GATE = "gate."


def module(architecture: Architecture) -> nn.Module:
    """A specialist and a gate."""
    return Mixture(architecture.specialist(), architecture.gate())


def start(
    architecture: Architecture, generalist: Mapping[str, Tensor], client_id: int, seed: int
) -> dict[str, Tensor]:
    """A specialist as fine-tuning starts from, and a gate drawn anew for every client."""
    specialist = finetuning.start(architecture, generalist, client_id, seed)
    gate = initial_parameters(architecture.gate, seed, "mixtures/gate", client_id)
    weights = {f"specialist.{name}": value for name, value in specialist.items()}
    weights |= {GATE + name: value for name, value in gate.items()}
    device = next(iter(generalist.values())).device
    return {name: value.to(device) for name, value in weights.items()}


def inputs(features: Tensor, generalist_log_probs: Tensor) -> tuple[Tensor, ...]:
    """The features, and what the frozen generalist says of them."""
    return features, generalist_log_probs


def training(settings: PersonalizationSettings) -> OptimizerSettings:
    """Fine-tuning; the gate may have a learning rate of its own."""
    own = {} if settings.gate_learning_rate is None else {GATE: settings.gate_learning_rate}
    return settings.local_training().model_copy(update={"own_rates": own})


def gates_of(weights: ClientWeights) -> dict[str, NDArray[np.generic]]:
    """The gates of the mixtures alone, by the names that their parameters have in a gate."""
    named = weights.parameters.items()
    return {name.removeprefix(GATE): value for name, value in named if name.startswith(GATE)}
