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
    from fedexperts.parameters import ModelSettings


@dataclass(frozen=True)
class Architecture:
    """What experts and gates look like for one data set.

    Attributes:
        settings: The names of the models.
        input_shape: The shape of one example.
        classes: The number of classes.
    """

    settings: ModelSettings
    input_shape: tuple[int, ...]
    classes: int

    def expert(self) -> nn.Module:
        """A new expert: one logit per class."""
        return _build(self.settings.expert, self.input_shape, self.classes)

    def gate(self) -> nn.Module:
        """A new gate: one logit, whose sigmoid is the weight of the specialist."""
        return _build(self.settings.gate, self.input_shape, 1)


def _build(name: str, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    module: nn.Module = resolve("model", name, MODELS)(input_shape, outputs)
    return module


def initial_parameters(module: nn.Module, seed: int, purpose: str, *keys: int) -> dict[str, Tensor]:
    """Draw a module's first weights from a stream of their own, in the way each of its layers wants.

    Layers initialise themselves from torch's global generator; it is seeded inside a fork and put back, so
    that nothing outside notices.

    Args:
        module: The module; its own weights are drawn anew.
        seed: The seed of the run.
        purpose: What the weights are for.
        *keys: Further coordinates, such as a client's id.

    Returns:
        The weights by parameter name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, purpose, *keys))
        for layer in module.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
    return {name: value.detach().clone() for name, value in module.named_parameters()}
