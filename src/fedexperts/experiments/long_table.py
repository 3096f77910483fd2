"""Long tables: what a data set holds at all points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fedexperts.experiments.plan import Point


def long_table(points: Sequence[Point], files: Mapping[str, Path]) -> pd.DataFrame:
    """Put the tables of the finished points together.

    Args:
        points: The points of an experiment.
        files: By key of a finished point, the file of its table; there is one at least.

    Returns:
        The rows of all tables: ``point``, ``environment``, a column for each setting in which the points
        differ, by its dotted name, ``seed``, and the columns of the tables.
    """
    axes = list(dict.fromkeys(name for point in points for name in point.choice.axes if name != "seed"))
    in_words = {
        name for name in axes for point in points if isinstance(point.choice.axes.get(name), str | list)
    }
    parts = []
    for point in points:
        if point.key in files:
            given = {name: value for name, value in point.choice.axes.items() if value is not None}
            # One type a column: a setting may be a word at one point and a number at another.
            along = {name: str(value) if name in in_words else value for name, value in given.items()}
            first = {"point": point.short, "environment": point.choice.environment, **along}
            parts.append(pd.read_parquet(files[point.key]).assign(**first))
    # Empty tables have columns without a type, which those of the others would have to give way to.
    filled = [part for part in parts if len(part)] or parts[:1]
    order = ["point", "environment", *axes, "seed"]
    measured = [name for name in filled[0].columns if name not in order]
    return pd.concat(filled, ignore_index=True).reindex(columns=[*order, *measured]).infer_objects()
