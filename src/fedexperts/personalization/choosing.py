"""How a client sets a dial by its own validation examples.

The values of a dial begin at the generalist's end, and the first of equally good ones is taken: with every
method, ties go to the side of the generalist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from fedexperts.personalization.outputs import Outputs

    Predict: TypeAlias = Callable[[Outputs, float], NDArray[np.floating]]


def lowest_loss(predict: Predict, values: NDArray[np.float64], validation: Outputs) -> float:
    """Find the value with the lowest mean negative log-likelihood.

    Args:
        predict: Gives log-probabilities, with the dial at one value.
        values: The values to try, the generalist's end first.
        validation: What the models say of the client's validation examples.
    """
    examples = np.arange(len(validation.labels))
    losses = [-predict(validation, value)[examples, validation.labels].mean() for value in values.tolist()]
    return float(values[int(np.argmin(losses))])


def first_within(
    predict: Predict, values: NDArray[np.float64], validation: Outputs, tolerance: float
) -> float:
    """Find the first value whose accuracy is at most so much below the specialist's.

    Args:
        predict: As for :func:`lowest_loss`.
        values: The same; at the last one, it predicts as the specialist does.
        validation: The same.
        tolerance: The loss of accuracy that is allowed, a share.
    """
    allowed = tolerance * len(validation.labels) + 1e-9  # so that rounding refuses nobody
    enough = _right(validation.personal["specialists"], validation) - allowed
    within = (value for value in values.tolist() if _right(predict(validation, value), validation) >= enough)
    return float(next(within, values[-1]))


def _right(log_probs: NDArray[np.floating], outputs: Outputs) -> int:
    return int((log_probs.argmax(axis=1) == outputs.labels).sum())
