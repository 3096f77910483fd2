"""The tables of docs/results.md on tuned settings: how a learning rate was chosen, and what it changes."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from fedexperts.evaluation.display import looks, percent
from fedexperts.experiments.charts import RATE, P
from fedexperts.experiments.names import name_of, setting_of, value_of
from fedexperts.experiments.paper_tables import TextTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

TUNING, TUNED = "tuning_", "_tuned"
METHODS = ("fedavg", "mixture")


def tuning_tables(validation: pd.DataFrame) -> Iterator[tuple[str, TextTable]]:
    """A table for each experiment that tries learning rates, by its name."""
    tuning = validation[validation["experiment"].str.startswith(TUNING)]
    for name, rows in tuning.groupby("experiment", sort=False):
        yield str(name), rate_table(rows)


def rate_table(tried: pd.DataFrame) -> TextTable:
    """Write the lowest validation loss of each learning rate, the round of it, and the mean over p."""
    means = tried.pivot_table(index=RATE, columns=P, values=["validation_loss", "round"])
    losses, rounds = means["validation_loss"], means["round"]
    rows = [
        (
            value_of(RATE, rate),
            *(_loss(losses.loc[rate, p], f" ({rounds.loc[rate, p]:.0f})") for p in losses),
            _loss(losses.loc[rate].mean(skipna=False)),
        )
        for rate in losses.index
    ]
    head = (name_of(RATE), *(setting_of(P, p) for p in losses), "mean")
    return TextTable("Tuning", head, tuple(rows), 1)


def _loss(loss: float, more: str = "") -> str:
    """Nothing, where a p is still to be tried: a mean over others says nothing beside one over all."""
    return "" if isnan(loss) else f"{loss:.3f}{more}"


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
    heads = (f"{name}{rate}" for name in names for rate in ("", ", paper's rate"))
    rows = []
    for p, seeds in common.groupby(P)["seed"]:
        cells = [
            f"{percent(mean[p, method, 'local'])} / {percent(mean[p, method, 'global'])}"
            for method in METHODS
            for mean in means
        ]
        rows.append((value_of(P, p), str(len(seeds)), *cells))
    return TextTable("Rates", ("p", "seeds", *heads), tuple(rows), 2)


def _means(clients: pd.DataFrame) -> pd.Series[float]:
    """Mean accuracies of uncalibrated methods over seeds and clients, by p, method and test set."""
    plain = clients[~clients["calibrated"]]
    return plain.groupby([P, "method", "test_set"])["accuracy"].mean()
