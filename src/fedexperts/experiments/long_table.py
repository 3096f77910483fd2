"""Long tables: what a data set holds at all points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

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
    order, settings = along(points)
    parts = [
        pd.read_parquet(files[point.key]).assign(**settings[point.key])
        for point in points
        if point.key in files
    ]
    # Empty tables have columns without a type, which those of the others would have to give way to.
    filled = [part for part in parts if len(part)] or parts[:1]
    measured = [name for name in filled[0].columns if name not in order]
    return pd.concat(filled, ignore_index=True).reindex(columns=[*order, *measured]).infer_objects()


def along(points: Sequence[Point]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Say which settings points have.

    Args:
        points: The points of an experiment.

    Returns:
        The names of the columns, in order, and by key of a point what stands in them.
    """
    axes = list(dict.fromkeys(name for point in points for name in point.choice.axes if name != "seed"))
    in_words = {
        name for name in axes for point in points if isinstance(point.choice.axes.get(name), str | list)
    }
    settings = {}
    for point in points:
        given = {name: value for name, value in point.choice.axes.items() if value is not None}
        # One type a column: a setting may be a word at one point and a number at another.
        typed = {name: str(value) if name in in_words else value for name, value in given.items()}
        settings[point.key] = {"point": point.short, "environment": point.choice.environment, **typed}
    return ["point", "environment", *axes, "seed"], settings
