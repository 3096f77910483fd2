"""Simple ways of combining specialist and generalist, to hold a trained gate against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs


def mix_constant(outputs: Outputs, weight: float) -> NDArray[np.floating]:
    """Mix the probabilities of specialist and generalist with one weight for all examples.

    Args:
        outputs: What the two say.
        weight: The specialist's weight, in [0, 1].

    Returns:
        Log-probabilities, ``[examples, classes]``.
    """
    with np.errstate(divide="ignore"):
        log_weight, log_rest = np.log(weight), np.log1p(-weight)
    mixed: NDArray[np.floating] = np.logaddexp(
        log_weight + outputs.personal["specialists"], log_rest + outputs.generalist
    )
    return mixed


def average(test: Outputs, _validation: Outputs, _settings: PersonalizationSettings) -> NDArray[np.floating]:
    """Both experts averaged: a gate that always says one half."""
    return mix_constant(test, 0.5)


def constant(test: Outputs, validation: Outputs, settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The constant weight with the lowest loss on the client's validation examples."""
    candidates = np.linspace(0.0, 1.0, settings.constant_weights)
    examples = np.arange(len(validation.labels))
    losses = [-mix_constant(validation, weight)[examples, validation.labels].mean() for weight in candidates]
    return mix_constant(test, float(candidates[int(np.argmin(losses))]))


def oracle(test: Outputs, _validation: Outputs, _settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The better expert for each example, known by its label: a bound that no gate can attain.

    Better is who is right; where both or neither are, who gives the label more probability.
    """
    examples = np.arange(len(test.labels))
    specialist = test.personal["specialists"]

    def right(log_probs: NDArray[np.floating]) -> NDArray[np.bool_]:
        return np.asarray(log_probs.argmax(axis=1) == test.labels)

    more_probable = specialist[examples, test.labels] > test.generalist[examples, test.labels]
    differ = right(specialist) != right(test.generalist)
    use_specialist = np.where(differ, right(specialist), more_probable)
    return np.where(use_specialist[:, None], specialist, test.generalist)
