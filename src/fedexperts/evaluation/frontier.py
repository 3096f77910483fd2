"""How much global accuracy a method has for how much local accuracy, as its dial moves.

A method's curve holds a point per place of its dial: mean local and mean global accuracy over clients, with
the dial at the same place for all. Two methods are compared at equal loss of local accuracy against the
specialist, so that neither wins by being cautious.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ("client_id", "method", "calibrated", "dial", "test_set", "accuracy")
SPECIALIST = "finetuned"
LOSSES = (0.005, 0.01, 0.03, 0.05, 0.08)
AREA = tuple(np.linspace(0.005, 0.1, 20).tolist())


def mean_curves(frontier: pd.DataFrame) -> pd.DataFrame:
    """Average every method's curve over clients.

    Args:
        frontier: A row per client, method, place of its dial and test set, with :data:`COLUMNS`.

    Returns:
        A row per ``method``, ``calibrated`` and ``dial``, the dial ascending, with ``local`` and ``global``:
        mean accuracies over the clients.
    """
    keys = ["method", "calibrated", "dial"]
    both = _by_test(frontier, ["client_id", *keys])
    return both.groupby(level=keys, sort=True).mean().reset_index().rename_axis(columns=None)


def specialist_accuracy(client_metrics: pd.DataFrame) -> float:
    """The specialists' mean local accuracy, which a loss is measured against.

    Args:
        client_metrics: A row per client, method and test set.

    Returns:
        A share; NaN if the specialists were not evaluated.
    """
    rows = client_metrics[client_metrics["method"] == SPECIALIST]
    return float(rows.loc[rows["test_set"] == "local", "accuracy"].mean())


def global_at(curve: pd.DataFrame, local: float) -> float:
    """The highest global accuracy that a method reaches without falling below a local accuracy.

    Points on the upper envelope, those that no other point beats in both accuracies, are joined by straight
    lines.

    Args:
        curve: One method's points, with ``local`` and ``global``.
        local: The local accuracy to keep.

    Returns:
        A share; NaN if no point of the curve keeps that much.
    """
    locals_, globals_ = _envelope(curve)
    # Less a little, so that rounding refuses no point that keeps exactly that much.
    return float(np.interp(local - 1e-9, locals_, globals_, right=np.nan))


def area_under_frontier(curve: pd.DataFrame, specialist: float) -> float:
    """The mean global accuracy at losses of 0.5 to 10 points of local accuracy, in steps of half a point.

    Args:
        curve: One method's points, with ``local`` and ``global``.
        specialist: The local accuracy of the specialist.

    Returns:
        A share; NaN if the curve does not reach the smallest loss.
    """
    return float(np.mean([global_at(curve, specialist - loss) for loss in AREA]))


def _by_test(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Accuracies on both tests side by side; keys and test set are unique."""
    tests = {test: rows[rows["test_set"] == test].set_index(keys)["accuracy"] for test in ("local", "global")}
    return pd.DataFrame(tests)


def _envelope(curve: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points that no other beats in both accuracies, local ascending."""
    ordered = curve.sort_values(["local", "global"], ascending=False)
    common = ordered["global"].to_numpy(dtype=np.float64)
    best = np.maximum.accumulate(common)
    kept = common > np.concatenate([[-np.inf], best[:-1]])
    return ordered["local"].to_numpy(dtype=np.float64)[kept][::-1], common[kept][::-1]
