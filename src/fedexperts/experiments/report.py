"""The files that an experiment's report consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.errors import UserError
from fedexperts.experiments import charts
from fedexperts.experiments.long_table import long_table
from fedexperts.experiments.page import as_page
from fedexperts.experiments.paper_tables import as_latex, as_markdown, table1
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.summary import summarise_points
from fedexperts.registry import check_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from fedexperts.experiments.grid import Choice
    from fedexperts.experiments.plan import Point
    from fedexperts.experiments.specification import Experiment

CHARTS: dict[str, Callable[[pd.DataFrame], charts.Chart]] = {
    "figure2": charts.figure2,
    "figure4": charts.figure4,
    "figure5": charts.figure5,
    "figure6": charts.figure6,
}
TABLES = {"table1": table1}


def check_figures(experiment: Experiment, choices: Sequence[Choice]) -> None:
    """Refuse tables and figures that do not exist, or that the experiment cannot feed.

    Raises:
        UserError: If there is such a one among ``experiment.figures``.
    """
    varied = {name for choice in choices for name in choice.axes}
    for name in experiment.figures:
        check_known("table or figure", name, {**TABLES, **CHARTS})
        missing = [setting for setting in charts.NEEDS.get(name, ()) if setting not in varied]
        if missing:
            raise UserError(f"{name} is drawn along {', '.join(missing)}; put it into a sweep's grid")


def write_report(
    experiment: Experiment, points: Sequence[Point], metrics: Mapping[str, Path], folder: Path
) -> list[Path]:
    """Write the long table, what it says, and the paper's tables and figures made from it.

    Args:
        experiment: The experiment.
        points: Its points.
        metrics: By key of a finished point, the file of its ``client_metrics``.
        folder: Where to write.

    Returns:
        The files.
    """
    table = long_table(points, metrics)
    summary, differences = summarise_points(table, experiment)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "results.parquet", index=False)
    written = [folder / "results.parquet"]
    for name, content in (("results", table), ("summary", summary), ("differences", differences)):
        content.to_csv(folder / f"{name}.csv", index=False)
        written.append(folder / f"{name}.csv")
    for name in experiment.figures:
        written += _write_form(name, summary, folder)
    return written


def _write_form(name: str, summary: pd.DataFrame, folder: Path) -> list[Path]:
    if name in TABLES:
        tables = TABLES[name](summary)
        texts = {folder / f"{name}.md": as_markdown(tables), folder / f"{name}.tex": as_latex(tables)}
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
        return list(texts)
    chart = CHARTS[name](summary)
    if not chart.panels:
        return []  # no point that it is about is finished yet
    page, pictures = folder / f"{name}.html", [folder / f"{name}.{kind}" for kind in ("svg", "pdf")]
    as_page(chart).write_html(page)
    for picture in pictures:
        as_picture(chart).savefig(picture)
    return [page, *pictures]
