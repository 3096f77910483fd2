"""The results of the paper's experiments: ``python -m benchmarks.reproduction [EXPERIMENT ...]``.

Takes the reports of experiments (``kedro experiment report EXPERIMENT``) into the files of docs/results,
beside what is there from other experiments and machines, and writes the tables of docs/results.md and its
figures anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd

from benchmarks.measuring import ROOT
from benchmarks.results_page import figures, filled
from fedexperts.experiments.charts import ALPHA, P, Q
from fedexperts.experiments.picture import as_picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORTS = ROOT / "data" / "09_experiments"
RESULTS = ROOT / "docs" / "results"
DOCUMENT = ROOT / "docs" / "results.md"

AXES = {P: "p", ALPHA: "alpha", Q: "q"}
KEYS = {
    "clients": ["experiment", "environment", *AXES, "seed", "client_id", "method", "calibrated", "test_set"],
    "frontier": ["dataset", "setting", "p", "method", "calibrated", "seed", "local_drop"],
    "gates": ["dataset", "setting", "p", "seed", "test_set", "class_group"],
}
VALUES = {
    "clients": ["opted_out", "unseen", "n", "accuracy", "loss", "ece"],
    "frontier": ["global_accuracy"],
    "gates": ["mean_weight", "gain"],
}
RUNS = {
    "clients": ["experiment", "environment", *AXES, "seed"],
    "frontier": ["dataset", "setting", "p", "seed"],
    "gates": ["dataset", "setting", "p", "seed"],
}
FILES = {"clients": "clients.csv.gz", "frontier": "frontier.csv", "gates": "gates.csv"}
DIGITS = 5


@dataclass(frozen=True)
class Results:
    """What docs/results holds; each table has a row per combination of its :data:`KEYS`.

    Attributes:
        clients: How well each method does for each client; accuracies are shares.
        frontier: Global accuracy in percent at losses of local accuracy in points.
        gates: What the trained gates do.
    """

    clients: pd.DataFrame
    frontier: pd.DataFrame
    gates: pd.DataFrame


def main() -> None:
    """Take reports in, and write everything that follows from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="an experiment with a report")
    results = read_results(RESULTS)
    for name in parser.parse_args().experiments:
        if not (REPORTS / name).is_dir():
            parser.error(f"there is no report of {name}; `kedro experiment report {name}` writes one")
        if not (REPORTS / name / "frontier.csv").exists():
            parser.error(f"the report of {name} has no frontier; the page shows it for every experiment")
        results = merged(results, read_report(REPORTS / name))
    write_results(results, RESULTS)
    with mpl.rc_context({"svg.hashsalt": "fedexperts"}):  # the same content makes the same file
        for name, chart in figures(results).items():
            as_picture(chart).savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")


def read_results(folder: Path) -> Results:
    """Read the files of results; tables whose file is not there are empty."""
    tables = {
        name: pd.read_csv(folder / file) if (folder / file).exists() else pd.DataFrame(columns=KEYS[name])
        for name, file in FILES.items()
    }
    return Results(**tables)


def read_report(folder: Path) -> Results:
    """Read an experiment's report, in the form of the files of results."""
    found = {}
    for name, file in (("clients", "results"), ("frontier", "frontier"), ("gates", "gates")):
        table = pd.read_csv(folder / f"{file}.csv").assign(experiment=folder.name)
        table = table.assign(**{axis: table.get(axis, float("nan")) for axis in AXES})
        found[name] = table if name == "clients" else _by_setting(table)
    for column in ("local_drop", "global_accuracy"):
        found["frontier"][column] *= 100
    return Results(
        **{name: table[[*KEYS[name], *VALUES[name]]].round(DIGITS) for name, table in found.items()}
    )


def merged(old: Results, new: Results) -> Results:
    """Put new results beside old ones; a seed that was run anew replaces all of what it was before."""
    tables = {}
    for name, keys in KEYS.items():
        before, after = getattr(old, name), getattr(new, name)
        again, runs = (pd.MultiIndex.from_frame(table[RUNS[name]].fillna(-1)) for table in (before, after))
        both = [table for table in (before[~again.isin(runs)], after) if len(table)]
        tables[name] = pd.concat(both).sort_values(keys, ignore_index=True)
    return Results(**tables)


def write_results(results: Results, folder: Path) -> None:
    """Write the files of results, and the means by seed that follow from them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        # Without the time of writing, the same content makes the same file.
        packed: Any = {"method": "gzip", "mtime": 0} if file.endswith(".gz") else None
        getattr(results, name).to_csv(folder / file, index=False, compression=packed)
    means_by_seed(results.clients).to_csv(folder / "table1.csv", index=False)


def means_by_seed(clients: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracies over clients, in percent."""
    keys = ["dataset", "setting", "p", "method", "calibrated", "seed", "test_set"]
    means = 100 * _by_setting(clients).groupby(keys, dropna=False, sort=False)["accuracy"].mean()
    return means.round(3).reset_index()


def _by_setting(table: pd.DataFrame) -> pd.DataFrame:
    """Name data set, setting and p in three columns, whatever else the setting consists of."""
    settings = [_setting(row) for row in table[["experiment", ALPHA, Q]].to_dict("records")]
    return table.rename(columns={"environment": "dataset", P: "p"}).assign(setting=settings)


def _setting(row: Mapping[Any, Any]) -> str:
    kind = "tuned" if row["experiment"].endswith("_tuned") else "paper"
    others = [f"{AXES[axis]} = {row[axis]:g}" for axis in (ALPHA, Q) if row[axis] == row[axis]]
    return ", ".join([kind, *others])


if __name__ == "__main__":
    main()
