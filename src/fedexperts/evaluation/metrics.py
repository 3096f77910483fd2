"""How good one predictor is on one set of examples: pure functions of log-probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def accuracy(log_probs: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Compute the share of examples whose most probable class is the right one.

    Args:
        log_probs: ``[examples, classes]``, natural logarithms of class probabilities.
        labels: ``[examples]``, the right class of each.

    Returns:
        A share in [0, 1]; NaN if there are no examples. Of equally probable classes the first one counts, and
        who says NaN is wrong.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    _check_shapes(log_probs, labels)
    if len(labels) == 0:
        return float("nan")
    return float(np.mean(_right(log_probs, labels)))


def negative_log_likelihood(log_probs: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Compute the mean negative log-probability of the right class, also known as cross-entropy.

    Args:
        log_probs: ``[examples, classes]``, natural logarithms of class probabilities.
        labels: ``[examples]``, the right class of each.

    Returns:
        A number of nats, at least 0; infinite if a right class was held impossible, NaN if there are no
        examples.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    _check_shapes(log_probs, labels)
    if len(labels) == 0:
        return float("nan")
    right = log_probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-right.mean())


def expected_calibration_error(
    log_probs: NDArray[np.floating], labels: NDArray[np.integer], bins: int
) -> float:
    """Compute how far confidence is from accuracy, on average over examples.

    Examples are put into ``bins`` equally wide intervals of confidence, closed on the right; the error is the
    mean over the intervals of |accuracy - mean confidence|, weighted by the number of examples in each (Guo
    et al. 2017, "On calibration of modern neural networks", equation 3).

    Args:
        log_probs: ``[examples, classes]``, natural logarithms of class probabilities.
        labels: ``[examples]``, the right class of each.
        bins: The number of intervals, at least 1.

    Returns:
        A share in [0, 1]; NaN if there are no examples, or a probability is NaN.

    Raises:
        ValueError: If the shapes do not belong together, or there are no bins.
    """
    _check_shapes(log_probs, labels)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if len(labels) == 0 or np.isnan(log_probs).any():
        return float("nan")
    confidence = np.minimum(np.exp(log_probs.max(axis=1).astype(np.float64)), 1.0)
    right = _right(log_probs, labels).astype(np.float64)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    # (examples in a bin / all) x |mean - mean| is |sum - sum| / all, which needs no care for empty bins.
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _right(log_probs: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    return np.asarray((log_probs.argmax(axis=1) == labels) & ~np.isnan(log_probs).any(axis=1))


def _check_shapes(log_probs: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
    if log_probs.ndim != 2 or labels.ndim != 1 or len(log_probs) != len(labels):
        raise ValueError(
            "log_probs must be [examples, classes] and labels [examples], "
            f"got {log_probs.shape} and {labels.shape}"
        )
