"""The table of docs/results.md on the density-ratio gate: areas under frontiers, method against method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.results_parts import (
    CONFIDENCE,
    columns,
    families,
    family_words,
    in_shares,
    partition_words,
    signed_estimate,
)
from fedexperts.evaluation.display import CALIBRATED, predictors
from fedexperts.experiments.frontier import REFERENCE
from fedexperts.experiments.names import value_of
from fedexperts.experiments.paper_tables import TextTable
from fedexperts.experiments.seeds import over_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from fedexperts.evaluation.statistics import Estimate

OURS, OTHER = "density_ratio", "wise_ft"
LEADS = (
    ("against a constant weight", OURS, REFERENCE),
    ("both calibrated", f"{OURS}{CALIBRATED}", f"{REFERENCE}{CALIBRATED}"),
    ("against WiSE-FT", OURS, OTHER),
    ("both calibrated", f"{OURS}{CALIBRATED}", f"{OTHER}{CALIBRATED}"),
)
"""What the density-ratio gate is compared with, by the heads of columns."""


def area_by_seed(part: pd.DataFrame) -> pd.DataFrame:
    """The areas under the frontiers of one setting.

    Args:
        part: Global accuracies in percent, at all losses of local accuracy.

    Returns:
        A row per seed and a column per method, calibrated ones apart; shares, NaN where a method does not
        come that close to the specialists.
    """
    curves = in_shares(part).assign(method=predictors)
    means = curves.groupby(["seed", "method"])["global_accuracy"].agg(lambda curve: curve.mean(skipna=False))
    return means.unstack()  # noqa: PD010 - one value for each


def lead(areas: pd.DataFrame, method: str, reference: str) -> Estimate | None:
    """How much larger one method's area is than another's, over seeds; None if one has none with any seed."""
    if not {method, reference} <= set(areas.dropna(axis="columns", how="all")):
        return None
    return over_seeds(areas[method] - areas[reference], CONFIDENCE)


def lead_table(frontier: pd.DataFrame) -> TextTable:
    """Write how far the density-ratio gate is ahead wherever several seeds say so."""
    rows = [row for name, moved in families(frontier) for row in _leads(name, moved)]
    heads = tuple(head for head, _, _ in LEADS)
    return TextTable("Leads", ("data", "setting", "p or alpha", "seeds", *heads), tuple(rows), 3)


def _leads(name: str, moved: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    axis = moved.columns[1]
    for _, part in columns(moved):
        areas = area_by_seed(part)
        if len(areas) > 1:
            found = [lead(areas, method, reference) for _, method, reference in LEADS]
            yield (
                value_of("environment", part["environment"].iloc[0]),
                ", ".join(partition_words(part) + family_words(name)),
                value_of(axis, part[axis].iloc[0]),
                str(len(areas)),
                *(signed_estimate(own.value, own.low, own.high) if own else "" for own in found),
            )
