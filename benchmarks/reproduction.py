"""The results of the paper's experiments: ``python -m benchmarks.reproduction [EXPERIMENT ...]``.

Takes the reports of experiments (``kedro experiment report EXPERIMENT``) into the files of docs/results,
beside what is there from other experiments and machines, and writes the tables of docs/results.md and its
figures anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd

from benchmarks.measuring import ROOT
from benchmarks.tables import put
from fedexperts.evaluation.display import ALL, CALIBRATED, looks, percent, percent_interval, predictors
from fedexperts.experiments import charts
from fedexperts.experiments.charts import ALPHA, P, Q
from fedexperts.experiments.frontier import REFERENCE, summarise_frontier
from fedexperts.experiments.gates import summarise_gates
from fedexperts.experiments.names import name_of, setting_of, value_of
from fedexperts.experiments.paper_tables import TextTable, as_bars, table1
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.report import CHARTS
from fedexperts.experiments.specification import read_experiment
from fedexperts.experiments.summary import axes_of, summarise_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REPORTS = ROOT / "data" / "09_experiments"
RESULTS = ROOT / "docs" / "results"
DOCUMENT = ROOT / "docs" / "results.md"
EXPERIMENTS = ROOT / "conf" / "experiments"

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

PAPERS_METHODS = ("fedavg", "local", "finetuned", "mixture")
COMPARED = (
    ("mixture", "fedavg"),
    ("mixture", "finetuned"),
    ("average", "mixture"),
    ("density_ratio", "mixture"),
    (f"density_ratio{CALIBRATED}", "mixture"),
    (f"fedavg{CALIBRATED}", "fedavg"),
)
GATE_PLACES = [("local", "all"), ("global", "all"), ("local", "majority"), ("local", "minority")]
RESAMPLES, CONFIDENCE = 2000, 0.95


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

    @cached_property
    def summaries(self) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Every experiment, with its summary and the differences between methods."""
        found = []
        for experiment, rows in self.clients.groupby("experiment", sort=False):
            varied = rows.drop(columns="experiment").dropna(axis="columns", how="all")
            found.append((str(experiment), *summarise_points(varied, RESAMPLES, CONFIDENCE)))
        return found


def main() -> None:
    """Take reports in, and write everything that follows from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="an experiment with a report")
    results = read_results(RESULTS)
    for name in parser.parse_args().experiments:
        if not (REPORTS / name).is_dir():
            parser.error(f"there is no report of {name}; `kedro experiment report {name}` writes one")
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


def filled(document: str, results: Results) -> str:
    """The document with all tables between their marks."""
    for name, table in tables(results):
        document = put(as_bars(table), name, document)
    return document


def tables(results: Results) -> Iterator[tuple[str, TextTable]]:
    """All tables, by the names of their marks."""
    for experiment, summary, differences in results.summaries:
        papers = summary[summary["method"].isin(PAPERS_METHODS)]
        for test, table in zip(("global", "local"), table1(papers), strict=True):
            yield f"{experiment}, {test}", without_environment(table)
        yield f"{experiment}, methods", method_table(summary)
        yield f"{experiment}, differences", without_environment(difference_table(differences))
    for dataset, moved in results.frontier.groupby("dataset", sort=False):
        yield f"{dataset}, frontier", frontier_table(moved)
    for dataset, gates in results.gates.groupby("dataset", sort=False):
        yield f"{dataset}, gates", gate_table(gates)


def without_environment(table: TextTable) -> TextTable:
    """Leave out the first column: all of an experiment's results are of one data set."""
    rows = tuple(row[1:] for row in table.rows)
    return replace(table, head=table.head[1:], rows=rows, settings=table.settings - 1)


def method_table(summary: pd.DataFrame) -> TextTable:
    """Write local and global accuracy of every method."""
    summary = summary[summary["clients"] == ALL]
    axes = axes_of(summary)
    shown = looks(summary["method"])
    columns = []
    for values, part in summary.groupby(axes, dropna=False, sort=False):
        by_method = part.set_index("method").to_dict("index")
        cells = [_pair(by_method[name]) if name in by_method else "" for name in shown]
        head = ", ".join(
            setting_of(axis, value)
            for axis, value in zip(axes, values, strict=True)
            if axis != "environment" or len(axes) == 1
        )
        columns.append((head, *cells))
    rows = zip(("method", *(look.full_label for look in shown.values())), *columns, strict=True)
    head, *body = [tuple(row) for row in rows]
    return TextTable("Methods", head, tuple(body), 1)


def _pair(row: Mapping[Any, Any]) -> str:
    return f"{percent(row['local_accuracy'])} / {percent(row['global_accuracy'])}"


def difference_table(differences: pd.DataFrame) -> TextTable:
    """Write what one method has more than another, in points of accuracy."""
    axes = axes_of(differences)
    rows = []
    for values, part in differences[differences["clients"] == ALL].groupby(axes, dropna=False, sort=False):
        for method, reference in COMPARED:
            texts = [_difference(part, method, reference, f"{test}_accuracy") for test in ("local", "global")]
            rows.append((*_written(axes, values), _label(method), _label(reference), *texts))
    names = [name_of(axis) for axis in axes]
    return TextTable(
        "Differences", (*names, "method", "against", "local", "global"), tuple(rows), len(axes) + 2
    )


def _difference(part: pd.DataFrame, method: str, reference: str, measure: str) -> str:
    for names, sign in (((method, reference), 1), ((reference, method), -1)):
        found = part[(part["method"] == names[0]) & (part["reference"] == names[1])]
        if len(found):
            value, *bounds = (sign * found.iloc[0][f"{measure}{end}"] for end in ("", "_low", "_high"))
            return f"{_signed(value)} {percent_interval(min(bounds), max(bounds))}"
    return ""


def frontier_table(moved: pd.DataFrame) -> TextTable:
    """Write the frontiers of one data set: global accuracy at losses of local accuracy, and the area."""
    summary = summarise_frontier(_in_shares(moved), CONFIDENCE)
    drops = [name for name in summary if name.startswith("loss_")]
    summary = summary.dropna(subset=drops, how="all").assign(method=predictors)
    shown = looks(summary["method"])
    rows = []
    for values, part in summary.groupby(["setting", "p"], dropna=False, sort=False):
        by_method = part.set_index("method").to_dict("index")
        for method in (name for name in shown if name in by_method):
            row = by_method[method]
            rows.append(
                (
                    *_written(["setting", "p"], values),
                    _label(method),
                    *(percent(row[drop]) for drop in drops),
                    percent(row["auf"]),
                    "" if method == REFERENCE else _gain(row),
                )
            )
    heads = [f"-{drop.removeprefix('loss_')}" for drop in drops]
    return TextTable(
        "Frontier", ("setting", "p", "method", *heads, "AUF", "against Constant"), tuple(rows), 3
    )


def _gain(row: Mapping[Any, Any]) -> str:
    interval = "" if isnan(row["gain_low"]) else f" {percent_interval(row['gain_low'], row['gain_high'])}"
    return f"{_signed(row['gain'])}{interval}"


def gate_table(gates: pd.DataFrame) -> TextTable:
    """Write what the trained gates of one data set do."""
    summary = summarise_gates(gates, CONFIDENCE)
    rows = []
    for values, part in summary.groupby(["setting", "p"], dropna=False, sort=False):
        cells = part.set_index(["test_set", "class_group"])
        weights = [_number(cells["mean_weight"].get(place), ".3f") for place in GATE_PLACES]
        gains = [_number(cells["gain"].get(place), "+.3f") for place in GATE_PLACES[:2]]
        rows.append((*_written(["setting", "p"], values), *weights, *gains))
    heads = ["own", "balanced", "own classes", "other classes", "gain, own", "gain, balanced"]
    return TextTable("Gates", ("setting", "p", *heads), tuple(rows), 2)


def figures(results: Results) -> dict[str, charts.Chart]:
    """All figures, by their names: the paper's for those methods that it has, and the frontiers."""
    drawn = {}
    for experiment, summary, _ in results.summaries:
        papers = summary[summary["method"].isin(PAPERS_METHODS)]
        for name in read_experiment(EXPERIMENTS / f"{experiment}.yml").figures:
            if name in CHARTS:
                drawn[f"{experiment}_{name}"] = CHARTS[name](papers)
    for dataset, moved in results.frontier.groupby("dataset", sort=False):
        for kind in ("paper", "tuned"):
            rows = moved[moved["setting"] == kind].drop(columns="setting")
            if len(rows):
                named = _in_shares(rows).rename(columns={"dataset": "environment", "p": P})
                drawn[f"{dataset}_{kind}_frontier"] = charts.frontier(named)
    return drawn


def _in_shares(moved: pd.DataFrame) -> pd.DataFrame:
    """The frontier as the report has it: shares, and all that says where a row belongs before the seed."""
    method = ["method", "calibrated", "local_drop", "global_accuracy"]
    first = [name for name in moved if name not in {*method, "seed"}]
    shares = {name: moved[name] / 100 for name in ("local_drop", "global_accuracy")}
    return moved.assign(**shares)[[*first, "seed", *method]]


def _written(axes: list[str], values: tuple[Any, ...]) -> list[str]:
    return [value_of(axis, value) for axis, value in zip(axes, values, strict=True)]


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _label(method: str) -> str:
    return looks([method])[method].full_label


def _signed(share: float) -> str:
    return "n/a" if isnan(share) else f"{100 * share:+.1f}"


if __name__ == "__main__":
    main()
