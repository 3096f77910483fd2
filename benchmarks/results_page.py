"""The tables and figures of docs/results.md, made from the files of docs/results."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Any

from benchmarks.documents import put
from benchmarks.results_areas import lead_table
from benchmarks.results_coverage import coverage_table
from benchmarks.results_files import experiment_of
from benchmarks.results_gates import gate_rate_tables
from benchmarks.results_glance import glance_table
from benchmarks.results_opt_out import opted_out_tables
from benchmarks.results_parts import (
    COMPARED,
    CONFIDENCE,
    LOSSES,
    columns,
    difference_of,
    families,
    frontier_summary,
    in_shares,
    label_of,
    parts,
    signed_estimate,
)
from benchmarks.results_tuning import rate_comparisons, tuning_tables
from fedexperts.evaluation.display import ALL, looks, percent
from fedexperts.experiments import charts
from fedexperts.experiments.charts import ALPHA, P, Q
from fedexperts.experiments.frontier import REFERENCE
from fedexperts.experiments.gates import summarise_gates
from fedexperts.experiments.grid import SEED, expand
from fedexperts.experiments.names import name_of, setting_of, value_of
from fedexperts.experiments.paper_tables import TextTable, as_bars, table1
from fedexperts.experiments.report import CHARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from benchmarks.results_files import Results

    Cells = dict[str, dict[tuple[str, ...], str]]

PAPERS_METHODS = ("fedavg", "local", "finetuned", "mixture")
GATE_PLACES = [("local", "all"), ("global", "all"), ("local", "majority"), ("local", "minority")]
GATE_HEADS = ("own", "balanced", "own classes", "other classes", "gain, own", "gain, balanced")


def filled(document: str, results: Results) -> str:
    """The document with all tables between their marks.

    Raises:
        ValueError: If a table has no marks in it.
    """
    for name, table in tables(results):
        document = put(as_bars(table), name, document)
    return document


def tables(results: Results) -> Iterator[tuple[str, TextTable]]:
    """All tables, by the names of their marks."""
    yield "finished", finished_table(results.clients)
    yield "computed", computed_table(results.points)
    yield "glance", glance_table(results)
    for experiment, summary, differences in results.summaries:
        papers = summary[summary["method"].isin(PAPERS_METHODS)]
        for test, table in zip(("global", "local"), table1(papers), strict=True):
            yield f"{experiment}, {test}", _without_environment(table)
        for name, part in parts(f"{experiment}, methods", summary):
            yield name, method_table(part)
        for name, part in parts(f"{experiment}, worst off", summary):
            yield name, worst_off_table(part)
        for name, part in parts(f"{experiment}, differences", differences):
            yield name, difference_table(part)
    for name, moved in families(results.frontier):
        summary = frontier_summary(moved)
        yield f"{name}, frontier", area_table(summary)
        yield f"{name}, kept", kept_table(summary)
    for name, gates in families(results.gates):
        yield f"{name}, gates", gate_table(gates)
    yield from opted_out_tables(results)
    yield "density ratio", lead_table(results.frontier)
    yield "coverage", coverage_table(results.clients)
    yield from tuning_tables(results.validation)
    yield from gate_rate_tables(results.gate_rates)
    yield from rate_comparisons(results.clients)


def figures(results: Results) -> dict[str, charts.Chart]:
    """All figures, by their names: the paper's for those methods that it has, and the frontiers."""
    drawn = {}
    for experiment, summary, _ in results.summaries:
        papers = summary[summary["method"].isin(PAPERS_METHODS)]
        for name in experiment_of(experiment).figures:
            if name in CHARTS:
                drawn[f"{experiment}_{name}"] = CHARTS[name](papers)
    for name, moved in families(results.frontier):
        drawn[f"{re.sub(r'[^a-z0-9.]+', '_', name.lower())}_frontier"] = charts.frontier(in_shares(moved))
    return drawn


def finished_table(clients: pd.DataFrame) -> TextTable:
    """Write how many settings of each experiment are finished, by seed."""
    experiments = {str(name): rows for name, rows in clients.groupby("experiment", sort=False)}
    planned = {name: expand(experiment_of(name)) for name in experiments}
    seeds = sorted({choice.axes[SEED] for choices in planned.values() for choice in choices})
    rows = []
    for name, own in experiments.items():
        done = own.drop_duplicates([P, ALPHA, Q, "seed"])["seed"].value_counts()
        total = Counter(choice.axes[SEED] for choice in planned[name])
        rows.append((f"`{name}`", *(f"{done.get(seed, 0)} of {total[seed]}" for seed in seeds)))
    return TextTable("Finished", ("experiment", *(setting_of(SEED, seed) for seed in seeds)), tuple(rows), 1)


def computed_table(points: pd.DataFrame) -> TextTable:
    """Write when and on what how many points were computed; one that two experiments share counts once."""
    rows = []
    runs = points.drop(columns="experiment").drop_duplicates()
    for (device, processor, torch), own in runs.groupby(["device", "processor", "torch"], sort=False):
        days = " to ".join(sorted({own["date"].min(), own["date"].max()}))
        rows.append((str(len(own)), days, device, processor, torch))
    head = ("points", "date", "device", "processor", "torch")
    return TextTable("Computed", head, tuple(sorted(rows, key=lambda row: row[1])), 1)


def _without_environment(table: TextTable) -> TextTable:
    """Leave out the first column: all of an experiment's results are of one data set."""
    rows = tuple(row[1:] for row in table.rows)
    return replace(table, head=table.head[1:], rows=rows, settings=table.settings - 1)


def _across(
    title: str, names: tuple[str, ...], cells: Mapping[str, Mapping[tuple[str, ...], str]]
) -> TextTable:
    """Lay out cells that are given by the head of their column and the names of their row."""
    rows = dict.fromkeys(row for column in cells.values() for row in column)
    body = tuple((*row, *(column.get(row, "") for column in cells.values())) for row in rows)
    return TextTable(title, (*names, *cells), body, len(names))


def _rows(part: pd.DataFrame) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """A setting's rows by their methods, in the order in which these are always shown."""
    by_method = {row["method"]: row for row in part.to_dict("records")}
    for method, look in looks(by_method).items():
        yield look.full_label, by_method[method]


def method_table(summary: pd.DataFrame) -> TextTable:
    """Write local and global accuracy of every method."""
    return _pair_table("Methods", summary, ("local_accuracy", "global_accuracy"))


def worst_off_table(summary: pd.DataFrame) -> TextTable:
    """Write the local accuracy that a tenth of the clients stay below, and how many stay below FedAvg's."""
    return _pair_table("Worst off", summary, ("bottom_decile", "clients_hurt"))


def _pair_table(title: str, summary: pd.DataFrame, measures: tuple[str, str]) -> TextTable:
    cells: Cells = {
        head: {
            (label,): " / ".join(percent(row[measure]) for measure in measures) for label, row in _rows(part)
        }
        for head, part in columns(summary[summary["clients"] == ALL])
    }
    return _across(title, ("method",), cells)


def difference_table(differences: pd.DataFrame) -> TextTable:
    """Write what one method has more than another, in points of accuracy."""
    cells: Cells = {
        head: {
            (label_of(method), label_of(reference), test): signed_estimate(*found) if found else ""
            for method, reference in COMPARED
            for test in ("local", "global")
            for found in (difference_of(part, method, reference, test),)
        }
        for head, part in columns(differences[differences["clients"] == ALL])
    }
    return _across("Differences", ("method", "against", "test"), cells)


def area_table(summary: pd.DataFrame) -> TextTable:
    """Write the areas under one family's frontiers, and how they compare with a constant weight's."""
    return _frontier_table("Area", summary, lambda row: percent(row["auf"]) + _gain(row))


def kept_table(summary: pd.DataFrame) -> TextTable:
    """Write the global accuracy that is left where local accuracy is equal."""
    return _frontier_table("Kept", summary, lambda row: " / ".join(percent(row[loss]) for loss in LOSSES))


def _frontier_table(title: str, summary: pd.DataFrame, cell: Callable[[Mapping[Any, Any]], str]) -> TextTable:
    cells: Cells = {
        head: {(label,): cell(row) for label, row in _rows(part)} for head, part in columns(summary)
    }
    return _across(title, ("method",), cells)


def _gain(row: Mapping[Any, Any]) -> str:
    if isnan(row["gain"]) or row["method"] == REFERENCE:  # itself, but for the calibrated one
        return ""
    return f" ({signed_estimate(row['gain'], row['gain_low'], row['gain_high'])})"


def gate_table(gates: pd.DataFrame) -> TextTable:
    """Write what one family's trained gates do."""
    summary = summarise_gates(gates, CONFIDENCE)
    axis = summary.columns[1]
    rows = []
    for value, part in summary.groupby(axis, sort=False):
        cells = part.set_index(["test_set", "class_group"])
        weights = [_number(cells["mean_weight"].get(place), ".3f") for place in GATE_PLACES]
        gains = [_number(cells["gain"].get(place), "+.3f") for place in GATE_PLACES[:2]]
        rows.append((value_of(axis, value), *weights, *gains))
    return TextTable("Gates", (name_of(axis), *GATE_HEADS), tuple(rows), 1)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
