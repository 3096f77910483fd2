"""The frontiers of all points: how much global accuracy each method keeps for local accuracy given up.

Curves of different points are compared at equal losses of local accuracy, each against its own specialists.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fedexperts.evaluation.frontier import (
    AREA,
    LOSSES,
    global_at,
    mean_curves,
    specialist_accuracy,
)
from fedexperts.experiments.seeds import over_seeds
from fedexperts.experiments.summary import axes_of

REFERENCE = "constant"
"""The method that the others' areas are compared with: a gate should beat one weight for all inputs."""


def frontier_by_seed(frontier: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Read every point's curves at the same losses of local accuracy.

    Args:
        frontier: The long table of ``frontier``; see :func:`fedexperts.experiments.long_table.long_table`.
        results: The long table of ``client_metrics``.

    Returns:
        A row per setting, ``seed``, ``method``, ``calibrated`` and ``local_drop``, how much lower the mean
        local accuracy may be than the specialists', from 0.005 to 0.1; ``global_accuracy`` is a share, NaN
        where the method does not keep that much.
    """
    axes = [*axes_of(results), "seed"]
    specialists = {point: specialist_accuracy(rows) for point, rows in results.groupby("point")}
    rows: list[dict[str, Any]] = []
    for point, points in frontier.groupby("point", sort=False):
        where = {axis: points[axis].iloc[0] for axis in axes}
        for (method, calibrated), curve in mean_curves(points).groupby(["method", "calibrated"]):
            about = {**where, "method": method, "calibrated": calibrated}
            rows += [
                {**about, "local_drop": loss, "global_accuracy": global_at(curve, specialists[point] - loss)}
                for loss in AREA
            ]
    return pd.DataFrame(rows, columns=[*axes, "method", "calibrated", "local_drop", "global_accuracy"])


def summarise_frontier(by_seed: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Sum the frontiers up over seeds.

    Args:
        by_seed: As :func:`frontier_by_seed` returns it.
        confidence: Of the intervals; see :func:`fedexperts.experiments.seeds.over_seeds`.

    Returns:
        A row per setting, ``method`` and ``calibrated``: ``n_seeds``; ``loss_<points>``, the mean global
        accuracy at that loss; ``auf``, the area under the frontier, which is its mean over all losses; and
        ``gain``, by how much that exceeds the area of :data:`REFERENCE` with the same generalist, calibrated
        or not, on the same seeds; for the calibrated :data:`REFERENCE` itself, that of the uncalibrated one.
        NaN where a method does not get there with every seed.
    """
    axes = axes_of(by_seed)
    rows: list[dict[str, Any]] = []
    for values, points in by_seed.groupby(axes, dropna=False, sort=False):
        where = dict(zip(axes, values, strict=True))
        # Complete, since every point is read at all losses.
        tables = {
            key: own.pivot(index="seed", columns="local_drop", values="global_accuracy")  # noqa: PD010
            for key, own in points.groupby(["method", "calibrated"], sort=False)
        }
        areas = {key: table.mean(axis=1, skipna=False) for key, table in tables.items()}
        for (method, calibrated), table in tables.items():
            area = areas[method, calibrated]
            other = (REFERENCE, calibrated and method != REFERENCE)
            reference = areas.get(other, pd.Series(dtype=float))
            row = {**where, "method": method, "calibrated": calibrated, "n_seeds": len(table)}
            row |= {f"loss_{100 * loss:g}": table.to_numpy()[:, _place(loss)].mean() for loss in LOSSES}
            row |= over_seeds(area, confidence).of_share().columns("auf")
            # Where seeds differ, what one has more is NaN.
            rows.append(row | over_seeds(area - reference, confidence).columns("gain"))
    return pd.DataFrame(rows)


def _place(loss: float) -> int:
    return int(np.argmin(np.abs(np.asarray(AREA) - loss)))
