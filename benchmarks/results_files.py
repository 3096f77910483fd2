"""The files of docs/results: what reports of experiments say, kept beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.documents import ROOT
from benchmarks.results_gates import GATE_RATE, GATE_RATES, MEASURED, by_rate
from fedexperts.experiments.charts import ALPHA, RATE, P, Q
from fedexperts.experiments.specification import Experiment, read_experiment
from fedexperts.experiments.summary import summarise_points
from fedexperts.provenance.environment import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

EXPERIMENTS = ROOT / "conf" / "experiments"

TOGETHER = ("data", "settings")
"""Fingerprints that an experiment's points have in common: its examples, and what is set for all."""
AXES = {P: "p", ALPHA: "alpha", Q: "q"}
WITHIN_A_RUN = {"client_id", "method", "calibrated", "test_set", "class_group", "local_drop"}


@dataclass(frozen=True)
class Form:
    """What a table of :class:`Results` looks like, and where it stands.

    Attributes:
        file: Its file in docs/results.
        keys: The columns whose combination no two rows have in common.
        values: The other columns.
        report: The file of an experiment's report that it is read from, where it is one.
    """

    file: str
    keys: list[str]
    values: list[str]
    report: str | None = None

    @property
    def columns(self) -> list[str]:
        """All its columns, in order."""
        return [*self.keys, *self.values]

    @property
    def run(self) -> list[str]:
        """The keys that one run has in common."""
        return [key for key in self.keys if key not in WITHIN_A_RUN]


FORMS = {
    "clients": Form(
        "clients.csv.gz",
        ["experiment", "environment", *AXES, "seed", "client_id", "method", "calibrated", "test_set"],
        ["opted_out", "unseen", "n", "accuracy", "loss", "ece"],
        "results.csv",
    ),
    "frontier": Form(
        "frontier.csv",
        ["dataset", "setting", "p", "method", "calibrated", "seed", "local_drop"],
        ["global_accuracy"],
        "frontier.csv",
    ),
    "gates": Form(
        "gates.csv",
        ["dataset", "setting", "p", "seed", "test_set", "class_group"],
        ["mean_weight", "gain"],
        "gates.csv",
    ),
    "validation": Form(
        "validation.csv",
        ["experiment", *AXES, RATE, "seed"],
        ["round", "validation_loss"],
        "validation.csv",
    ),
    "points": Form(
        "points.csv",
        ["experiment", *AXES, RATE, GATE_RATE, "seed"],
        ["date", "git_commit", "device", "processor", "torch", *TOGETHER],
        "points.csv",
    ),
    "gate_rates": Form("gate_rates.csv", ["experiment", *AXES, GATE_RATE, "seed"], [*MEASURED]),
}
DIGITS = 5
COMMIT = r"\b([0-9a-f]{12})[0-9a-f]+"
"""A commit, and its first digits, which are kept."""


@dataclass(frozen=True)
class Results:
    """What docs/results holds; each table as its :data:`FORMS` say.

    Attributes:
        clients: How well each method does for each client; accuracies are shares.
        frontier: Global accuracy in percent at losses of local accuracy in points.
        gates: What the trained gates do.
        validation: The lowest validation loss of each generalist, and the round of it.
        points: When, with which code, data and settings and on what each point was computed.
        gate_rates: What mixtures do whose gates have a learning rate of their own, as shares.
    """

    clients: pd.DataFrame
    frontier: pd.DataFrame
    gates: pd.DataFrame
    validation: pd.DataFrame
    points: pd.DataFrame
    gate_rates: pd.DataFrame

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame]) -> Results:
        """Put tables together; those that are not given are empty."""
        nothing = {name: pd.DataFrame(columns=form.columns) for name, form in FORMS.items()}
        return cls(**{**nothing, **tables})

    @cached_property
    def summaries(self) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Every experiment, with its summary and the differences between methods."""
        found = []
        for name, rows in self.clients.groupby("experiment", sort=False):
            experiment = experiment_of(str(name))
            varied = rows.drop(columns="experiment").dropna(axis="columns", how="all")
            found.append((str(name), *summarise_points(varied, experiment.resamples, experiment.confidence)))
        return found


def experiment_of(name: str) -> Experiment:
    """Read the settings of an experiment that results are kept of."""
    return read_experiment(EXPERIMENTS / f"{name}.yml")


def read_results(folder: Path) -> Results:
    """Read the files of results; tables whose file is not there are empty."""
    paths = {name: folder / form.file for name, form in FORMS.items()}
    return Results.of({name: pd.read_csv(path) for name, path in paths.items() if path.exists()})


def report_files(experiment: str) -> dict[str, str]:
    """Name the files of an experiment's report that results are read from, by the table they go to."""
    return {
        name: form.report for name, form in FORMS.items() if form.report and name in _tables_of(experiment)
    }


def _tables_of(experiment: str) -> Collection[str]:
    if experiment.startswith(GATE_RATES):
        return ("clients", "frontier", "gates", "points")
    return ("validation", "points") if experiment.startswith("tuning_") else FORMS


def read_report(folder: Path) -> Results:
    """Read an experiment's report, in the form of the files of results."""
    tables = {name: _read(folder, file) for name, file in report_files(folder.name).items()}
    if folder.name.startswith(GATE_RATES):
        tables = {"points": tables["points"], "gate_rates": by_rate(tables, FORMS["gate_rates"].keys)}
    formed = {name: _in_form(name, table)[FORMS[name].columns] for name, table in tables.items()}
    return Results.of({name: table.round(DIGITS) for name, table in formed.items()})


def _read(folder: Path, file: str) -> pd.DataFrame:
    table = pd.read_csv(folder / file).assign(experiment=folder.name)
    return table.assign(**{axis: table.get(axis, float("nan")) for axis in (*AXES, RATE, GATE_RATE)})


def merged(old: Results, new: Results) -> Results:
    """Put new results beside old ones; a seed that was run anew replaces all of what it was before.

    Raises:
        ValueError: If points of one experiment were computed on different data, or with different settings.
    """
    tables = {}
    for name, form in FORMS.items():
        before, after = getattr(old, name), getattr(new, name)
        again, runs = (pd.MultiIndex.from_frame(table[form.run].fillna(-1)) for table in (before, after))
        both = [table for table in (before[~again.isin(runs)], after) if len(table)] or [before]
        tables[name] = pd.concat(both).sort_values(form.keys, ignore_index=True)
    _check_together(tables["points"])
    return Results(**tables)


def _check_together(points: pd.DataFrame) -> None:
    """Refuse points that are not of one experiment; what is unknown counts as no difference."""
    for name, own in points.groupby("experiment"):
        for column in TOGETHER:
            known = sorted(set(own[column].dropna()) - {UNKNOWN})
            if len(known) > 1:
                both = ", ".join(known)
                raise ValueError(
                    f"points of {name} have different {column} and cannot be shown together: {both}"
                )


def write_results(results: Results, folder: Path) -> None:
    """Write the files of results, and the means by seed that follow from them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        # Without the time of writing, the same content makes the same file.
        packed: Any = {"method": "gzip", "mtime": 0} if form.file.endswith(".gz") else None
        getattr(results, name).to_csv(folder / form.file, index=False, compression=packed)
    means_by_seed(results.clients).to_csv(folder / "table1.csv", index=False)


def means_by_seed(clients: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracies over clients, in percent."""
    keys = ["dataset", "setting", "p", "method", "calibrated", "seed", "test_set"]
    means = 100 * _by_setting(clients).groupby(keys, dropna=False, sort=False)["accuracy"].mean()
    return means.round(3).reset_index()


def _in_form(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Name columns and units of a report's table as the files of results do."""
    if name == "points":
        return table.assign(
            date=table["date"].str[:10], git_commit=table["git_commit"].str.replace(COMMIT, r"\1", regex=True)
        )
    if "experiment" in FORMS[name].keys:
        return table
    shares = table.columns.intersection(["local_drop", "global_accuracy"])
    return _by_setting(table).assign(**{column: 100 * table[column] for column in shares})


def _by_setting(table: pd.DataFrame) -> pd.DataFrame:
    """Name data set, setting and p in three columns, whatever else the setting consists of."""
    settings = [_setting(row) for row in table[["experiment", ALPHA, Q]].to_dict("records")]
    return table.rename(columns={"environment": "dataset", P: "p"}).assign(setting=settings)


def _setting(row: Mapping[Any, Any]) -> str:
    kind = "tuned" if row["experiment"].endswith("_tuned") else "paper"
    others = [f"{AXES[axis]} = {row[axis]:g}" for axis in (Q, ALPHA) if row[axis] == row[axis]]
    return ", ".join([kind, *others])
