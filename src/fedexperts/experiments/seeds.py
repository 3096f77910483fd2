"""Intervals over seeds alone: how far other seeds could have said something else.

A seed draws the partition, the starting weights, the cohorts and the clients that are evaluated, so one value
per seed is an independent repetition of the whole experiment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t

from fedexperts.evaluation.statistics import ROUNDING, Estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def over_seeds(values: ArrayLike, confidence: float) -> Estimate:
    """Estimate a mean by Student's t-interval.

    Args:
        values: One for each seed.
        confidence: How probably an interval covers the mean, in (0, 1).

    Returns:
        The mean, and its bounds; they are NaN with a single seed or if all seeds say the same, and all is NaN
        if one of the values is.
    """
    each = np.asarray(values, dtype=np.float64)
    value = float(each.mean())
    if len(each) == 1 or np.ptp(each) <= ROUNDING:
        return Estimate(value, float("nan"), float("nan"))
    error = each.std(ddof=1) / np.sqrt(len(each))
    margin = float(t.ppf((1.0 + confidence) / 2.0, len(each) - 1) * error)
    return Estimate(value, value - margin, value + margin)
