"""Numbers with mean 0 and standard deviation 1, per channel of images or per feature otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from fedexperts.parameters import DataSettings

ROWS_AT_ONCE = 4096
ROUNDING = 1e-12  # of a constant, relative to it, when many of them are added up in float64


def fit(features: NDArray[Any], settings: DataSettings) -> dict[str, Any]:  # noqa: ARG001 - see registry.py
    """Measure mean and standard deviation.

    Args:
        features: ``[examples, channels, height, width]`` or ``[examples, features]``; numbers.
        settings: Not used.

    Returns:
        ``mean`` and ``std``, a list each with a number per channel or feature. The deviation of a constant
        one is given as 1, so that it comes out as 0 everywhere.

    Raises:
        UserError: If the features are no finite numbers, or there are none.
    """
    _check_numbers(features)
    if len(features) == 0:
        raise UserError("standardize needs at least one example to be fitted to: has every client opted out?")
    axes = tuple(axis for axis in range(features.ndim) if axis != 1)
    per_channel = features.size // features.shape[1]
    # Two passes, because the mean of the squares less the square of the mean loses all digits where the mean
    # is large; in blocks, because float64 takes eight times the memory of the bytes of an image.
    mean = sum(block.sum(axis=axes) for block in _blocks(features)) / per_channel
    shape = _along_channels(features)
    squares = sum(((block - mean.reshape(shape)) ** 2).sum(axis=axes) for block in _blocks(features))
    std = np.sqrt(squares / per_channel)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise UserError("the features hold values that are no finite numbers; clean the data first")
    constant = std <= ROUNDING * np.abs(mean)
    return {"mean": mean.tolist(), "std": np.where(constant, 1.0, std).tolist()}


def apply(state: Mapping[str, Any], features: NDArray[Any]) -> NDArray[np.float32]:
    """Take off the mean and divide by the standard deviation.

    Args:
        state: What :func:`fit` returned.
        features: As for :func:`fit`.

    Returns:
        Float32, of the same shape.

    Raises:
        UserError: If the number of channels or features is another.
    """
    _check_numbers(features)
    mean = np.asarray(state["mean"])
    if features.shape[1] != len(mean):
        raise UserError(
            f"standardize was fitted to {len(mean)} channels or features, but these examples have "
            f"{features.shape[1]}"
        )
    shape = _along_channels(features)
    ready = np.empty(features.shape, dtype=np.float32)
    std = np.asarray(state["std"]).reshape(shape)
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        # in float64 until the end, so that large means cost no digits
        ready[rows] = (features[rows] - mean.reshape(shape)) / std
    return ready


def _blocks(features: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(features), ROWS_AT_ONCE):
        yield features[start : start + ROWS_AT_ONCE].astype(np.float64)


def _along_channels(features: NDArray[Any]) -> tuple[int, ...]:
    return (1, features.shape[1], *[1] * (features.ndim - 2))


def _check_numbers(features: NDArray[Any]) -> None:
    if features.dtype.kind not in "biuf" or features.ndim < 2:
        raise UserError(
            "standardize is for numbers, [examples, channels, ...] or [examples, features]; "
            "set data.preprocessing to vocabulary for texts"
        )
