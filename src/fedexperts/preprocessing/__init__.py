"""Making features ready for models.

What is learnt from data on the way, such as a mean or a vocabulary, is part of what all clients share. It is
learnt from the examples that are passed to :func:`fit` and from nothing else: pass opt-in training examples
only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedexperts.preprocessing.registry import PREPROCESSING
from fedexperts.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fedexperts.parameters import DataSettings

__all__ = ["PREPROCESSING", "apply", "count_ids", "fit"]


def fit(kind: str, features: NDArray[Any], settings: DataSettings) -> dict[str, Any]:
    """Learn from some examples how to make all of them ready.

    Args:
        kind: A name from :data:`PREPROCESSING`.
        features: ``[examples, ...]``, the only data that is looked at.
        settings: The settings of the data.

    Returns:
        What was learnt, in a form that JSON can hold: numbers, strings, lists. Its key ``kind`` is ``kind``.

    Raises:
        UserError: If there is no such kind, or it does not suit the features.
    """
    state: dict[str, Any] = resolve("preprocessing", kind, PREPROCESSING).fit(features, settings)
    return {"kind": kind, **state}


def apply(state: Mapping[str, Any], features: NDArray[Any]) -> NDArray[Any]:
    """Make examples ready for the models.

    Each example is treated by itself: which others are passed along makes no difference to it.

    Args:
        state: What :func:`fit` returned.
        features: ``[examples, ...]``, of the same kind as those it was fitted to.

    Returns:
        ``[examples, ...]``: float32 numbers of the same shape, or int64 words ``[examples, longest]``.

    Raises:
        UserError: If the features do not suit the state.
    """
    ready: NDArray[Any] = resolve("preprocessing", state["kind"], PREPROCESSING).apply(state, features)
    return ready


def count_ids(state: Mapping[str, Any]) -> int | None:
    """Count the different word numbers :func:`apply` can give, which a model of texts has to know.

    Args:
        state: What :func:`fit` returned.

    Returns:
        Their count, padding among them; None if :func:`apply` gives no word numbers.
    """
    module = resolve("preprocessing", state["kind"], PREPROCESSING)
    return module.count_ids(state) if hasattr(module, "count_ids") else None
