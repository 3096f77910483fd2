"""Simple ways of combining specialist and generalist, to hold a trained gate against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.personalization.mixing import mix_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs


def average(test: Outputs, _validation: Outputs, _settings: PersonalizationSettings) -> NDArray[np.floating]:
    """Both experts averaged: a gate that always says one half."""
    return mix_constant(test.personal["specialists"], test.generalist, 0.5)


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
