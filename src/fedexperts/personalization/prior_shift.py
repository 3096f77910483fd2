"""The generalist, told how much the client has of each class; there is no specialist.

Under label shift, Bayes' rule multiplies the generalist's probabilities by the client's proportions (Saerens,
Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities", equation
2.4, for a generalist trained on all classes alike). The exponent says how far to go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from fedexperts.personalization.choosing import lowest_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs

MOST = 2.0
STEPS = 20


def values(_settings: PersonalizationSettings) -> NDArray[np.float64]:
    """Exponents: 0 leaves the generalist as it is, 1 is Bayes' rule, more exaggerates."""
    return np.linspace(0.0, MOST, STEPS + 1, dtype=np.float64)


def predict(outputs: Outputs, value: float) -> NDArray[np.floating]:
    """``G(y | x) * prior(y) ** value``, normalised."""
    shifted: NDArray[np.floating] = log_softmax(outputs.generalist + value * np.log(outputs.prior), axis=1)
    return shifted


def prior_shift(
    test: Outputs, validation: Outputs, settings: PersonalizationSettings
) -> NDArray[np.floating]:
    """The exponent with the lowest loss on the client's validation examples."""
    return predict(test, lowest_loss(predict, values(settings), validation))
