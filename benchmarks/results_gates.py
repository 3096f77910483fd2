"""The table of docs/results.md on gates with a learning rate of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.results_parts import CONFIDENCE, signed_estimate
from fedexperts.evaluation.display import percent
from fedexperts.experiments.charts import ALPHA, P
from fedexperts.experiments.frontier import REFERENCE
from fedexperts.experiments.names import name_of, value_of
from fedexperts.experiments.paper_tables import TextTable
from fedexperts.experiments.seeds import over_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GATE_RATES = "gate_rates_"
GATE_RATE = "personalization.gate_learning_rate"
WEIGHTS = {
    "own": ("local", "all"),
    "balanced": ("global", "all"),
    "own_classes": ("local", "majority"),
    "other_classes": ("local", "minority"),
}
"""The groups of test examples that a gate's mean weight is shown for, by their columns."""
MEASURED = ("local_accuracy", "global_accuracy", "area", "constant_area", *WEIGHTS)
HEAD = (
    "gate's learning rate", "seeds", "local", "global", "area", "more than a constant weight's",
    *(name.replace("_", " ") for name in WEIGHTS),
)  # fmt: skip
AS_SPECIALISTS = "the specialist's"


def by_rate(report: Mapping[str, pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    """Read a report, with a row per point of what its mixtures do.

    Args:
        report: The tables ``clients``, ``frontier`` and ``gates``.
        keys: The columns that tell points apart.

    Returns:
        The keys and :data:`MEASURED`, all of them shares.
    """
    clients, frontier, gates = (report[name] for name in ("clients", "frontier", "gates"))
    mixtures = clients[(clients["method"] == "mixture") & ~clients["calibrated"]]
    accuracy = _mean(mixtures, [*keys, "test_set"], "accuracy").add_suffix("_accuracy")
    curves = frontier[frontier["method"].isin(["mixture", REFERENCE]) & ~frontier["calibrated"]]
    areas = _mean(curves, [*keys, "method"], "global_accuracy")
    areas = areas.rename(columns={"mixture": "area", REFERENCE: "constant_area"})
    weights = _mean(gates, [*keys, "test_set", "class_group"], "mean_weight", places=2)
    chosen = {name: weights[place] for name, place in WEIGHTS.items() if place in weights}
    table = pd.concat([accuracy, areas, pd.DataFrame(chosen)], axis="columns").reset_index()
    return table.replace({key: {-1: float("nan")} for key in keys}).reindex(columns=[*keys, *MEASURED])


def _mean(table: pd.DataFrame, keys: list[str], value: str, places: int = 1) -> pd.DataFrame:
    """Average by all keys, of which the last ones become columns; a setting that is not there is -1."""
    known = table.assign(**{key: table[key].fillna(-1) for key in keys})
    means = known.groupby(keys)[value].agg(lambda own: own.mean(skipna=False))
    return means.unstack(list(range(-places, 0)))  # noqa: PD010 - one value for each


def gate_rate_tables(rates: pd.DataFrame) -> Iterator[tuple[str, TextTable]]:
    """A table for each experiment that tries learning rates of gates, by its name."""
    for name, rows in rates.groupby("experiment", sort=False):
        yield str(name), gate_rate_table(rows)


def gate_rate_table(tried: pd.DataFrame) -> TextTable:
    """Write what mixtures do by the gate's learning rate, on seeds that have all rates of a p or alpha."""
    axis = P if tried[ALPHA].isna().all() else ALPHA
    rows = []
    for place, points in tried.groupby(axis):
        have = points.groupby("seed").size()
        if have.max() == 1:  # no other rate yet
            continue
        complete = points[points["seed"].isin(have[have == have.max()].index)]
        complete = complete.sort_values(GATE_RATE, na_position="first")
        for rate, seeds in complete.groupby(GATE_RATE, dropna=False, sort=False):
            more = over_seeds(seeds["area"] - seeds["constant_area"], CONFIDENCE)
            means = seeds[list(MEASURED)].mean()
            rows.append(
                (
                    value_of(axis, place),
                    AS_SPECIALISTS if pd.isna(rate) else value_of(GATE_RATE, rate),
                    str(len(seeds)),
                    *(percent(means[name]) for name in MEASURED[:3]),
                    signed_estimate(more.value, more.low, more.high),
                    *("" if pd.isna(means[name]) else f"{means[name]:.3f}" for name in WEIGHTS),
                )
            )
    return TextTable("Gate rates", (name_of(axis), *HEAD), tuple(rows), 2)
