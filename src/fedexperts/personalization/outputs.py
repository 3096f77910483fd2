"""What the models of one client say of one set of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings


@dataclass(frozen=True, eq=False)
class Outputs:
    """Log-probabilities of one client's models, as arrays.

    Attributes:
        labels: ``[examples]``, int64.
        generalist: ``[examples, classes]``.
        personal: By kind of model, ``[examples, classes]``.
    """

    labels: NDArray[np.int64]
    generalist: NDArray[np.floating]
    personal: dict[str, NDArray[np.floating]]


class Method(Protocol):
    """A way of predicting with a client's models."""

    def __call__(
        self, test: Outputs, validation: Outputs, settings: PersonalizationSettings
    ) -> NDArray[np.floating]:
        """Predict.

        Args:
            test: What the models say of the examples to predict; the labels are for controls that cannot be
                had outside an experiment.
            validation: What they say of the client's validation examples, for anything that has to be chosen.
            settings: The settings of personalisation.

        Returns:
            Log-probabilities, ``[examples, classes]``.
        """
