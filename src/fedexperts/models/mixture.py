"""The mixture of a specialist and the frozen generalist."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = TypeVar("Value")

SPECIALIST, GATE = "specialist.", "gate."
"""What the names of a mixture's parameters begin with."""


def below(prefix: str, named: Mapping[str, Value]) -> dict[str, Value]:
    """Those parameters whose names begin with a prefix, by the names that they have without it."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def mix(specialist_log_probs: Tensor, generalist_log_probs: Tensor, gate_logits: Tensor) -> Tensor:
    """Mix two experts' class probabilities, in log space.

    ``log(h p_s + (1 - h) p_g)`` with ``h = sigmoid(gate_logits)`` (arXiv:2010.02056, equation 1).

    Args:
        specialist_log_probs: ``[..., classes]``.
        generalist_log_probs: ``[..., classes]``.
        gate_logits: ``[..., 1]``.

    Returns:
        Log-probabilities, ``[..., classes]``.
    """
    return torch.logaddexp(
        functional.logsigmoid(gate_logits) + specialist_log_probs,
        functional.logsigmoid(-gate_logits) + generalist_log_probs,
    )


class Mixture(nn.Module):
    """A specialist and a gate, trained together beside a generalist that is only ever seen by its outputs.

    The generalist is frozen, so what it says of an example is a constant: it comes in as an input and
    cannot be changed by training.

    Args:
        specialist: Gives one logit per class.
        gate: Gives one logit.
    """

    def __init__(self, specialist: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.specialist = specialist
        self.gate = gate

    def forward(self, features: Tensor, generalist_log_probs: Tensor) -> Tensor:
        """Log-probabilities of the mixture, ``[examples, classes]``."""
        specialist_log_probs = functional.log_softmax(self.specialist(features), dim=-1)
        return mix(specialist_log_probs, generalist_log_probs, self.gate(features))
