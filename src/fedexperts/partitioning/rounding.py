"""From shares to whole examples."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def round_half_up(values: NDArray[np.floating] | float) -> NDArray[np.int64]:
    """Round to the nearest whole number, halves upwards.

    A hair is added first, so that 0.15 * 30, which is a little less than 4.5 in binary, becomes 5.
    """
    return np.floor(np.asarray(values) + 0.5 + 1e-9).astype(np.int64)


def round_to_totals(
    weights: NDArray[np.float64] | NDArray[np.int64],
    totals: NDArray[np.int64],
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Share out whole totals by weights: exact in sum, unbiased, and each cell within one of its quota.

    This is systematic sampling: the cells of a row are laid end to end in random order, each as long as its
    quota, and a comb with teeth one apart and a random start counts the teeth that fall into each. Rounding
    to the largest remainders would favour the same cells in every row.

    Args:
        weights: ``[rows, cells]``, not negative; a row with a total above zero needs a positive weight.
        totals: ``[rows]``.
        stream: Where the order and the start of the comb come from.

    Returns:
        Counts ``[rows, cells]``: row sums equal the totals, and a cell of no weight stays at zero.
    """
    order = np.argsort(stream.random(weights.shape), axis=1)
    ends = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1, dtype=np.float64)
    whole = np.where(ends[:, -1:] > 0, ends[:, -1:], 1.0)
    teeth = np.floor(ends / whole * totals[:, None] + stream.random((len(weights), 1))).astype(np.int64)
    # A start of almost one can be rounded up to one by the addition.
    teeth = np.minimum(teeth, totals[:, None])
    counts: NDArray[np.int64] = np.empty_like(teeth)
    np.put_along_axis(counts, order, np.diff(teeth, axis=1, prepend=0), axis=1)
    return counts


def log_dirichlet(concentration: NDArray[np.float64], stream: np.random.Generator) -> NDArray[np.float64]:
    """Draw the logarithms of Dirichlet shares, one draw per row.

    Below a concentration of about 0.01 most shares are too small for a float, and a draw may underflow to
    nothing but zeros. In logarithms they keep their order: Gamma(a) has the law of Gamma(a + 1) * U^(1/a).

    Args:
        concentration: ``[rows, cells]``, positive.
        stream: Where the draws come from.

    Returns:
        ``[rows, cells]``, finite, with exponentials that sum to one in each row.
    """
    uniform = 1.0 - stream.random(concentration.shape)
    with np.errstate(over="ignore"):
        scaled = np.log(uniform) / concentration
    log_gamma = np.log(stream.standard_gamma(concentration + 1.0)) + np.maximum(scaled, -1e300)
    shares: NDArray[np.float64] = log_gamma - logsumexp(log_gamma, axis=1, keepdims=True)
    return shares


def largest_that_fits(limit: int, fits: Callable[[int], bool]) -> int:
    """Find the largest number up to a limit that fits, if whatever is below a number that fits does too.

    Returns:
        A number in [0, limit], or -1 if not even zero fits.
    """
    return bisect_left(range(limit + 1), 1, key=lambda number: not fits(number)) - 1
