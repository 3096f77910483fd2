"""The methods that predict with one model as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.outputs import Outputs


def generalist(
    test: Outputs, _validation: Outputs, _settings: PersonalizationSettings
) -> NDArray[np.floating]:
    """FedAvg: the generalist, for everybody."""
    return test.generalist


def local(test: Outputs, _validation: Outputs, _settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The client's local model."""
    return test.personal["locals"]


def finetuned(
    test: Outputs, _validation: Outputs, _settings: PersonalizationSettings
) -> NDArray[np.floating]:
    """The client's specialist."""
    return test.personal["specialists"]


def mixture(test: Outputs, _validation: Outputs, _settings: PersonalizationSettings) -> NDArray[np.floating]:
    """The client's mixture of specialist and generalist."""
    return test.personal["mixtures"]
