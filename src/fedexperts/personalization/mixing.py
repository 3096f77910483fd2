"""Mixing the class probabilities of two experts, in log space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings

    Floats = NDArray[np.floating]


def mix_constant(specialist: Floats, generalist: Floats, weight: float) -> Floats:
    """Mix with one weight for all examples; 0 and 1 give one expert exactly.

    Args:
        specialist: Log-probabilities, ``[examples, classes]``.
        generalist: The same of the other.
        weight: The specialist's weight, in [0, 1].

    Returns:
        Log-probabilities, ``[examples, classes]``.
    """
    with np.errstate(divide="ignore"):
        log_weight, log_rest = np.log(weight), np.log1p(-weight)
    mixed: Floats = np.logaddexp(log_weight + specialist, log_rest + generalist)
    return mixed


def mix_gated(specialist: Floats, generalist: Floats, logits: Floats) -> Floats:
    """Mix with a weight for each example, the sigmoid of its logit; infinite ones give one expert exactly.

    Args:
        specialist: Log-probabilities, ``[examples, classes]``.
        generalist: The same of the other.
        logits: ``[examples]``.

    Returns:
        Log-probabilities, ``[examples, classes]``.
    """
    log_weight, log_rest = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    mixed: Floats = np.logaddexp(log_weight[:, None] + specialist, log_rest[:, None] + generalist)
    return mixed


def offsets(_settings: PersonalizationSettings) -> NDArray[np.float64]:
    """What to add to a gate's logits, from ignoring the specialist to ignoring the generalist."""
    return np.array([-np.inf, *np.linspace(-10.0, 15.0, 51), np.inf])
