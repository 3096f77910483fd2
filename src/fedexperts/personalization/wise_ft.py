"""WiSE-FT: weights on the straight line between the generalist's and the specialist's.

Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv:2109.01903, equation 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedexperts.personalization.choosing import lowest_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs


def values(settings: PersonalizationSettings) -> NDArray[np.float64]:
    """How far on the way to the specialist, from 0 to 1."""
    return np.linspace(0.0, 1.0, settings.wise_ft_weights, dtype=np.float64)


def predict(outputs: Outputs, value: float) -> NDArray[np.floating]:
    """What the model says whose weights are ``(1 - value) w_g + value w_s``."""
    return outputs.interpolated(value)


def wise_ft(test: Outputs, validation: Outputs, settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The model on the line with the lowest loss on the client's validation examples."""
    return predict(test, lowest_loss(predict, values(settings), validation))
