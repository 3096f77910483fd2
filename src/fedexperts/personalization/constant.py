"""One mixing weight for all of a client's inputs: a gate that does not look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.personalization.choosing import lowest_loss
from fedexperts.personalization.mixing import mix_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs


def values(settings: PersonalizationSettings) -> NDArray[np.float64]:
    """Weights from 0 to 1."""
    return np.linspace(0.0, 1.0, settings.constant_weights, dtype=np.float64)


def predict(outputs: Outputs, value: float) -> NDArray[np.floating]:
    """Mix the probabilities of specialist and generalist with this weight of the specialist."""
    return mix_constant(outputs.personal["specialists"], outputs.generalist, value)


def constant(test: Outputs, validation: Outputs, settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The constant weight with the lowest loss on the client's validation examples."""
    return predict(test, lowest_loss(predict, values(settings), validation))
