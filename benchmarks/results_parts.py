"""Results by what they are shown in: a table or figure for each data set and setting, along p or alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from fedexperts.evaluation.display import CALIBRATED, looks, percent_interval, predictors
from fedexperts.experiments.charts import ALPHA, P
from fedexperts.experiments.frontier import summarise_frontier
from fedexperts.experiments.names import setting_of
from fedexperts.experiments.specification import Experiment
from fedexperts.experiments.summary import axes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIDENCE: float = Experiment.model_fields["confidence"].default

COMPARED = (
    ("mixture", "fedavg"),
    ("mixture", "local"),
    ("mixture", "finetuned"),
    ("average", "mixture"),
    ("density_ratio", "mixture"),
    (f"density_ratio{CALIBRATED}", "mixture"),
    (f"fedavg{CALIBRATED}", "fedavg"),
)
"""The pairs of methods whose differences are shown."""
LOSSES = ("loss_1", "loss_3", "loss_8")


class Difference(NamedTuple):
    """What one method has more than another, a share, and its interval."""

    value: float
    low: float
    high: float


def families(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split by data set and setting, so that in each part p or alpha alone varies.

    Args:
        table: With ``dataset``, ``setting`` and ``p``; an alpha is the last word of its setting.

    Yields:
        The name of the part, and its rows with ``environment`` and what varies as their first columns.
    """
    words = table["setting"].str.extract(r"^(?P<family>.*?)(?:, alpha = (?P<alpha>.+))?$")
    family = words["family"].where(words["alpha"].isna(), words["family"] + ", Dirichlet")
    varied = {P: table["p"].astype(float), ALPHA: words["alpha"].astype(float)}
    rest = table.drop(columns=["dataset", "setting", "p"])
    for (dataset, name), rows in rest.groupby([table["dataset"], family], sort=False):
        axis = P if varied[P][rows.index].notna().all() else ALPHA
        where = {"environment": dataset, axis: varied[axis][rows.index], "seed": rows["seed"]}
        placed = pd.concat([pd.DataFrame(where), rows.drop(columns="seed")], axis="columns")
        yield f"{dataset}, {name}", placed.sort_values(axis, kind="stable")


def family_words(name: str) -> list[str]:
    """What the name of a family says beside its data set, the paper's settings and its partition."""
    return [word for word in name.split(", ")[1:] if word not in {"paper", "Dirichlet"}]


def partition_words(part: pd.DataFrame) -> list[str]:
    """The scheme of a part's partitions, if it is not that of majority classes."""
    return ["Dirichlet"] if part.columns[1] == ALPHA else []


def parts(name: str, table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a summary of an experiment by what varies beside p or alpha, the first of its settings."""
    others = axes_of(table)[2:]
    if not others:
        yield name, table
        return
    for values, part in table.groupby(others, sort=False):
        words = [setting_of(axis, value) for axis, value in zip(others, values, strict=True)]
        yield ", ".join([name, *words]), part.drop(columns=others)


def columns(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a table of one part by what varies in it, which is its second column."""
    axis = table.columns[1]
    for value, part in table.groupby(axis, sort=False):
        yield setting_of(axis, value), part


def difference_of(differences: pd.DataFrame, method: str, reference: str, test: str) -> Difference | None:
    """Find what a method has more than another on a test, whichever way round the table has it."""
    for names, sign in (((method, reference), 1), ((reference, method), -1)):
        found = differences[(differences["method"] == names[0]) & (differences["reference"] == names[1])]
        if len(found):
            value, *bounds = (sign * found.iloc[0][f"{test}_accuracy{end}"] for end in ("", "_low", "_high"))
            return Difference(value, min(bounds), max(bounds))
    return None


def label_of(method: str) -> str:
    """What a method is called in tables."""
    return looks([method])[method].full_label


def frontier_summary(moved: pd.DataFrame) -> pd.DataFrame:
    """Sum up one family's frontiers, of methods that come near their specialists anywhere."""
    summary = summarise_frontier(in_shares(moved), CONFIDENCE).assign(method=predictors)
    near = summary.dropna(subset=LOSSES, how="all")["method"]
    return summary[summary["method"].isin(near)]


def in_shares(moved: pd.DataFrame) -> pd.DataFrame:
    """The frontier as reports have it: in shares."""
    return moved.assign(**{name: moved[name] / 100 for name in ("local_drop", "global_accuracy")})


def signed_estimate(share: float, low: float, high: float) -> str:
    """Write a difference of shares in points, with its sign and its interval if it has one."""
    points = round(100 * share, 1) + 0.0  # no -0.0
    return f"{points:+.1f} {percent_interval(low, high)}".rstrip()
