"""From settings to modules and their first weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fedexperts.models.registry import MODELS
from fedexperts.randomness import derive_seed
from fedexperts.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedexperts.models.inputs import InputSpec
    from fedexperts.parameters import ModelSettings


@dataclass(frozen=True)
class Architecture:
    """What experts and gates look like for one data set.

    Attributes:
        settings: The names of the models.
        inputs: What comes into the models.
        classes: The number of classes.
    """

    settings: ModelSettings
    inputs: InputSpec
    classes: int

    def expert(self) -> nn.Module:
        """A new expert: one logit per class."""
        return _build(self.settings.expert, self.inputs, self.classes)

    def specialist(self) -> nn.Module:
        """A new specialist: one logit per class."""
        return _build(self.settings.specialist_name, self.inputs, self.classes)

    def gate(self) -> nn.Module:
        """A new gate: one logit, whose sigmoid is the weight of the specialist."""
        return _build(self.settings.gate, self.inputs, 1)

    def models(self) -> dict[str, tuple[nn.Module, int]]:
        """A new model of each part, and how many values it has to return, by the setting that names it."""
        return {
            "model.expert": (self.expert(), self.classes),
            "model.specialist": (self.specialist(), self.classes),
            "model.gate": (self.gate(), 1),
        }


def _build(name: str, inputs: InputSpec, outputs: int) -> nn.Module:
    module: nn.Module = resolve("model", name, MODELS)(inputs, outputs)
    return module


def initial_parameters(
    build: Callable[[], nn.Module], seed: int, purpose: str, *keys: int
) -> dict[str, Tensor]:
    """Draw a module's first weights from a stream of their own, in the way the module itself wants.

    Modules initialise themselves from torch's global generator when they are built; it is seeded inside a
    fork and put back, so that nothing outside notices.

    Args:
        build: Makes the module.
        seed: The seed of the run.
        purpose: What the weights are for.
        *keys: Further coordinates, such as a client's id.

    Returns:
        The weights by parameter name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, purpose, *keys))
        module = build()
    return {name: value.detach().clone() for name, value in module.named_parameters()}
