"""The tables of docs/results.md on tuned settings: how a learning rate was chosen, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from fedexperts.evaluation.display import looks, percent
from fedexperts.experiments.charts import RATE, P
from fedexperts.experiments.names import setting_of, value_of
from fedexperts.experiments.paper_tables import TextTable

if TYPE_CHECKING:
    from collections.abc import Iterator

TUNING, RESULTS, TUNED = "tuning_", "results_", "_tuned"
METHODS = ("fedavg", "mixture")


def tuning_tables(validation: pd.DataFrame) -> Iterator[tuple[str, TextTable]]:
    """A table, by its name, for each experiment that tries learning rates beside the paper's."""
    for name, rows in validation.groupby("experiment", sort=False):
        if str(name).startswith(TUNING):
            papers = validation["experiment"] == str(name).replace(TUNING, RESULTS, 1)
            yield str(name), rate_table(rows, validation[papers & validation[P].isin(rows[P])])


def rate_table(tried: pd.DataFrame, papers: pd.DataFrame) -> TextTable:
    """Write the lowest validation loss of each learning rate, the round of it, and the mean over p."""
    rates = tried[RATE].map("{:g}".format)
    every = pd.concat([tried.assign(rate=rates), papers.assign(rate="paper's")])
    means = every.pivot_table(index="rate", columns=P, values=["validation_loss", "round"])
    losses, rounds = means["validation_loss"], means["round"]
    rows = [
        (
            rate,
            *(f"{losses.loc[rate, p]:.3f} ({rounds.loc[rate, p]:.0f})" for p in losses),
            f"{losses.loc[rate].mean():.3f}",
        )
        for rate in every["rate"].unique()
    ]
    return TextTable("Tuning", ("learning rate", *(setting_of(P, p) for p in losses), "mean"), tuple(rows), 1)


def rate_comparisons(clients: pd.DataFrame) -> Iterator[tuple[str, TextTable]]:
    """A table for each tuned experiment that has points in common with the untuned one, by its name."""
    for name in clients["experiment"].unique():
        if name.endswith(TUNED):
            own = clients[clients["experiment"] == name]
            papers = clients[clients["experiment"] == name.removesuffix(TUNED)]
            if len(own.merge(papers, on=[P, "seed"])):
                yield f"{name}, rates", comparison_table(own, papers)


def comparison_table(tuned: pd.DataFrame, papers: pd.DataFrame) -> TextTable:
    """Write local and global accuracy with both learning rates, on the seeds that both have for a p."""
    points = [table[[P, "seed"]].drop_duplicates() for table in (tuned, papers)]
    common = points[0].merge(points[1])
    means = [_means(table.merge(common)) for table in (tuned, papers)]
    names = [looks(METHODS)[method].full_label for method in METHODS]
    head = tuple(f"{name}{rate}" for name in names for rate in ("", ", paper's rate"))
    rows = []
    for p, seeds in common.groupby(P)["seed"]:
        cells = [
            f"{percent(mean[p, method, 'local'])} / {percent(mean[p, method, 'global'])}"
            for method in METHODS
            for mean in means
        ]
        rows.append((value_of(P, p), str(len(seeds)), *cells))
    return TextTable("Rates", ("p", "seeds", *head), tuple(rows), 2)


def _means(clients: pd.DataFrame) -> pd.Series[float]:
    """Mean accuracies of uncalibrated methods over seeds and clients, by p, method and test set."""
    plain = clients[~clients["calibrated"]]
    return plain.groupby([P, "method", "test_set"])["accuracy"].mean()
