"""What the models of one client say of one set of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings


@dataclass(frozen=True, eq=False)
class MixtureParts:
    """What the two trained parts of a client's mixture say.

    Attributes:
        specialist: Log-probabilities of the mixture's own specialist, ``[examples, classes]``.
        gate: The gate's logits, ``[examples]``; their sigmoid is the specialist's weight.
    """

    specialist: NDArray[np.floating]
    gate: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Outputs:
    """Log-probabilities of one client's models, as arrays.

    What few methods need is a function, and computed only when it is called.

    Attributes:
        labels: ``[examples]``, int64.
        generalist: ``[examples, classes]``; plain or calibrated.
        personal: By kind of model, ``[examples, classes]``.
        prior: ``[classes]``: the proportions of the classes in the client's own data, all above 0.
        parts: The parts of the client's mixture.
        interpolated: Given a weight in [0, 1], what the model says whose weights lie so far on the way from
            the generalist's to the specialist's, ``[examples, classes]``.
        failed: The kinds of model whose training failed for this client; the generalist speaks for them.
    """

    labels: NDArray[np.int64]
    generalist: NDArray[np.floating]
    personal: dict[str, NDArray[np.floating]]
    prior: NDArray[np.float64]
    parts: Callable[[], MixtureParts]
    interpolated: Callable[[float], NDArray[np.floating]]
    failed: frozenset[str] = frozenset()


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


class Dial(Protocol):
    """What a module has to offer to be a dial: predictors in a row, which one number tells apart."""

    def values(self, settings: PersonalizationSettings) -> NDArray[np.float64]:
        """The numbers to try, ascending: the generalist's end comes first."""

    def predict(self, outputs: Outputs, value: float) -> NDArray[np.floating]:
        """Predict with the dial at one number; log-probabilities, ``[examples, classes]``."""
