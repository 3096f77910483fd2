"""A gate in closed form: how much likelier an input is among the client's own than among all classes alike.

Under label shift the density of the client's inputs is a mixture of the classes' densities with the client's
proportions ``prior``, and by Bayes' rule its ratio to the mixture with equal proportions is

    p_client(x) / p_uniform(x) = sum_y C prior(y) G(y | x)

with C classes and the generalist's G(y | x). The gate is the posterior probability that x is the client's
own, ``h(x) = sigmoid(c + log ratio)``; the prediction is ``h S + (1 - h) G`` with the specialist's S.

The offset c holds the prior odds, and is the only number to choose: a client takes the smallest one whose
accuracy on its validation examples stays close to the specialist's, to keep as much as it can of what the
generalist knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.personalization.choosing import first_within
from fedexperts.personalization.mixing import mix_gated, offsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs

values = offsets


def log_ratio(outputs: Outputs) -> NDArray[np.floating]:
    """The logarithm of the ratio of densities, ``[examples]``."""
    relative = len(outputs.prior) * outputs.prior
    ratio: NDArray[np.floating] = np.logaddexp.reduce(outputs.generalist + np.log(relative), axis=1)
    return ratio


def predict(outputs: Outputs, value: float) -> NDArray[np.floating]:
    """Mix specialist and generalist by the gate with this offset."""
    return mix_gated(outputs.personal["specialists"], outputs.generalist, value + log_ratio(outputs))


def density_ratio(
    test: Outputs, validation: Outputs, settings: PersonalizationSettings
) -> NDArray[np.floating]:
    """The smallest offset with which little of the specialist's validation accuracy is lost."""
    return predict(test, first_within(predict, values(settings), validation, settings.tolerance))
