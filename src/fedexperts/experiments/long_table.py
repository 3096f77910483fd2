"""The long table: all clients' metrics at all points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fedexperts.experiments.plan import Point


def long_table(points: Sequence[Point], metrics: Mapping[str, Path]) -> pd.DataFrame:
    """Put the results of the finished points together.

    Args:
        points: The points of an experiment.
        metrics: By key of a finished point, the file of its ``client_metrics``; there is one at least.

    Returns:
        A row per point, client, method and test set: ``point``, ``environment``, a column for each setting in
        which the points differ, by its dotted name, ``seed``, and the columns of ``client_metrics``.
    """
    axes = list(dict.fromkeys(name for point in points for name in point.choice.axes if name != "seed"))
    parts = []
    for point in points:
        if point.key in metrics:
            along = {name: point.choice.axes.get(name) for name in axes}
            along = {name: str(value) if isinstance(value, list) else value for name, value in along.items()}
            first = {"point": point.short, "environment": point.choice.environment, **along}
            part = pd.read_parquet(metrics[point.key])
            parts.append(
                part.assign(**first, seed=point.choice.axes["seed"])[[*first, "seed", *part.columns]]
            )
    return pd.concat(parts, ignore_index=True).infer_objects()
