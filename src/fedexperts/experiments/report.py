"""The files that an experiment's report consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.errors import UserError
from fedexperts.evaluation.frontier import SPECIALIST
from fedexperts.experiments import charts
from fedexperts.experiments.frontier import frontier_by_seed, summarise_frontier
from fedexperts.experiments.gates import gates_by_seed, summarise_gates
from fedexperts.experiments.history import best_rounds
from fedexperts.experiments.long_table import long_table
from fedexperts.experiments.page import as_page
from fedexperts.experiments.paper_tables import as_latex, as_markdown, table1
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.state import FRONTIER, GATES, HISTORY, METRICS
from fedexperts.experiments.summary import summarise_points
from fedexperts.registry import check_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from fedexperts.experiments.grid import Choice
    from fedexperts.experiments.paper_tables import TextTable
    from fedexperts.experiments.plan import Point
    from fedexperts.experiments.specification import Experiment

CHARTS: dict[str, Callable[[pd.DataFrame], charts.Chart]] = {
    "figure2": charts.figure2,
    "figure3": charts.figure3,
    "figure4": charts.figure4,
    "figure5": charts.figure5,
    "figure6": charts.figure3,  # the same, with clients that opt out
}
FRONTIER_CHARTS = {"frontier": charts.frontier}
TABLES = {"table1": table1}
WRITTEN = (
    "points",
    "results",
    "summary",
    "differences",
    "gates",
    "gates_summary",
    "frontier",
    "frontier_summary",
    "validation",
)
MEASURES_IT = "evaluation.frontier"


def check_figures(experiment: Experiment, choices: Sequence[Choice]) -> None:
    """Refuse tables and figures that do not exist, or that the experiment cannot feed.

    Raises:
        UserError: If there is such a one among ``experiment.figures``.
    """
    varied = {name for choice in choices for name in choice.axes}
    for name in experiment.figures:
        check_known("table or figure", name, {**TABLES, **CHARTS, **FRONTIER_CHARTS})
        missing = [setting for setting in charts.NEEDS.get(name, ()) if setting not in varied]
        if missing:
            raise UserError(f"{name} is drawn along {', '.join(missing)}; put it into a sweep's grid")
        if name in FRONTIER_CHARTS and not any(choice.settings.get(MEASURES_IT) for choice in choices):
            raise UserError(f"{name} needs {MEASURES_IT}: true in the settings of a sweep")
        if name in FRONTIER_CHARTS and SPECIALIST not in (experiment.methods or [SPECIALIST]):
            raise UserError(f"{name} compares with the specialists; add {SPECIALIST} to the methods")


def write_report(
    experiment: Experiment,
    points: Sequence[Point],
    results: Mapping[str, Mapping[str, Path]],
    origins: pd.DataFrame,
    folder: Path,
) -> list[Path]:
    """Write the long table, what it says, and the paper's tables and figures made from it.

    Args:
        experiment: The experiment.
        points: Its points.
        results: By key of a finished point and name of a data set, its file.
        origins: As :func:`fedexperts.experiments.origins.trace` returns it.
        folder: Where to write.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = _gather(points, results, METRICS)
    table.to_parquet(folder / "results.parquet", index=False)
    summary, differences = summarise_points(table, experiment.resamples, experiment.confidence)
    tables = {"points": origins, "results": table, "summary": summary, "differences": differences}
    gates, moved = _gather(points, results, GATES), _gather(points, results, FRONTIER)
    if len(gates):
        tables["gates"] = gates_by_seed(gates)
        tables["gates_summary"] = summarise_gates(tables["gates"], experiment.confidence)
    if len(moved):
        tables["frontier"] = frontier_by_seed(moved, table)
        tables["frontier_summary"] = summarise_frontier(tables["frontier"], experiment.confidence)
    with_history = {key: files for key, files in results.items() if HISTORY in files}
    if with_history:
        tables["validation"] = best_rounds(_gather(points, with_history, HISTORY))
    _clear(folder)
    written = [folder / "results.parquet"]
    for name, content in tables.items():
        content.to_csv(folder / f"{name}.csv", index=False)
        written.append(folder / f"{name}.csv")
    for name in experiment.figures:
        if name in TABLES:
            written += _write_table(name, TABLES[name](summary), folder)
        elif name in CHARTS:
            written += _write_chart(name, CHARTS[name](summary), folder)
        elif "frontier" in tables:
            written += _write_chart(name, FRONTIER_CHARTS[name](tables["frontier"]), folder)
    return written


def _gather(points: Sequence[Point], results: Mapping[str, Mapping[str, Path]], name: str) -> pd.DataFrame:
    return long_table(points, {key: files[name] for key, files in results.items()})


def _clear(folder: Path) -> None:
    """Remove what an earlier report may have written: what it had and this one has not is out of date."""
    tables = [f"{name}.csv" for name in WRITTEN]
    drawn = [f"{name}.{kind}" for name in (*CHARTS, *FRONTIER_CHARTS) for kind in ("html", "svg", "pdf")]
    for name in (*tables, *drawn, *(f"{name}.{kind}" for name in TABLES for kind in ("md", "tex"))):
        (folder / name).unlink(missing_ok=True)


def _write_table(name: str, tables: list[TextTable], folder: Path) -> list[Path]:
    texts = {folder / f"{name}.md": as_markdown(tables), folder / f"{name}.tex": as_latex(tables)}
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
    return list(texts)


def _write_chart(name: str, chart: charts.Chart, folder: Path) -> list[Path]:
    if not any(panel.curves for panel in chart.panels):
        return []  # no point that it is about is finished yet, or no method
    page, pictures = folder / f"{name}.html", [folder / f"{name}.{kind}" for kind in ("svg", "pdf")]
    as_page(chart).write_html(page)
    for picture in pictures:
        as_picture(chart).savefig(picture)
    return [page, *pictures]
