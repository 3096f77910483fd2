"""The table of docs/results.md on what an interval over the clients of one seed is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from benchmarks.results_parts import COMPARED, CONFIDENCE
from fedexperts.evaluation.display import percent, predictors
from fedexperts.experiments.charts import ALPHA, P, Q
from fedexperts.experiments.paper_tables import TextTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

SEEDS = 4


def coverage_table(clients: pd.DataFrame) -> TextTable:
    """Write how often a seed's interval over clients holds what the other seeds find.

    For every difference of :data:`COMPARED` in every setting with four seeds: the interval of each seed, by
    the normal distribution, and the mean of the other three.
    """
    table = clients.assign(method=predictors(clients))
    rows = []
    for test in ("local", "global"):
        held = [hit for own in _settings(table[table["test_set"] == test]) for hit in _hits(own)]
        rows.append((test, str(len(held)), percent(float(np.mean(held))) if held else ""))
    return TextTable("Coverage", ("test", "intervals", "hold the mean of the other seeds"), tuple(rows), 1)


def _settings(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The settings that have four seeds: a row per seed and client, a column per method."""
    for _, own in rows.groupby(["experiment", P, ALPHA, Q], dropna=False):
        wide = own.pivot(index=["seed", "client_id"], columns="method", values="accuracy")  # noqa: PD010
        if wide.index.get_level_values("seed").nunique() == SEEDS:
            yield wide


def _hits(accuracies: pd.DataFrame) -> Iterator[bool]:
    width = float(norm.ppf((1.0 + CONFIDENCE) / 2.0))
    for method, reference in COMPARED:
        if {method, reference} <= set(accuracies):
            of_seed = (accuracies[method] - accuracies[reference]).groupby(level="seed")
            means, errors = of_seed.mean(), of_seed.sem()
            others = (means.sum() - means) / (len(means) - 1)
            # What is one number for all clients has no interval.
            yield from (abs(others - means) <= width * errors)[errors > 0]
