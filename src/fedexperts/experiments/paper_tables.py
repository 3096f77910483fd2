"""Tables in the paper's form: a row per setting, a column per method, the published value beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import pandas as pd

from fedexperts.evaluation.display import ALL, looks, percent, percent_estimate
from fedexperts.experiments.names import name_of, value_of
from fedexperts.experiments.published import add_published
from fedexperts.experiments.summary import axes_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

TITLES = {"global_accuracy": "Global test", "local_accuracy": "Local test"}
NOTE = (
    "Accuracy in percent, mean over seeds and clients with intervals over seeds (Student's t), over clients "
    "where there is one seed; in parentheses the published value "
    "(arXiv:2010.02056), where there is one."
)


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes:
        title: What its numbers are.
        head: A text for each column.
        rows: Texts, as many in each row as there are columns.
        settings: How many of the first columns say what a row belongs to.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    settings: int


def table1(summary: pd.DataFrame) -> list[TextTable]:
    """Lay out Table 1 of the paper: accuracy on the global and on the local test.

    Args:
        summary: As :func:`fedexperts.experiments.summary.summarise_points` returns it; the rows of all
            clients count.
    """
    axes = axes_of(summary)
    rows = summary[summary["clients"] == ALL]
    shown = looks(rows["method"])
    head = (*(name_of(axis) for axis in axes), *(look.full_label for look in shown.values()))
    tables = []
    for measure, title in TITLES.items():
        beside = add_published(rows, measure)
        texts = []
        for values, cells in beside.groupby(axes, dropna=False, sort=False):
            by_method = cells.set_index("method").to_dict("index")
            texts.append(
                (
                    *(value_of(axis, value) for axis, value in zip(axes, values, strict=True)),
                    *(_cell(by_method[method], measure) if method in by_method else "" for method in shown),
                )
            )
        tables.append(TextTable(title, head, tuple(texts), len(axes)))
    return tables


def _cell(row: Mapping[Hashable, Any], measure: str) -> str:
    ours = percent_estimate(row[measure], row[f"{measure}_low"], row[f"{measure}_high"])
    known = row["published"]
    return ours if isnan(known) else f"{ours} ({percent(known)})"


def as_markdown(tables: list[TextTable]) -> str:
    """Write tables in Markdown, one below the other."""
    parts = [NOTE, *(f"## {table.title}\n\n{as_bars(table)}" for table in tables)]
    return "\n\n".join(parts) + "\n"


def as_bars(table: TextTable) -> str:
    """Write one table in Markdown, without its title."""
    rule = ["---"] * table.settings + ["---:"] * (len(table.head) - table.settings)
    return "\n".join([_bar(table.head), _bar(rule), *(_bar(row) for row in table.rows)])


def _bar(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def as_latex(tables: list[TextTable]) -> str:
    """Write tables in LaTeX, for a document that uses the package booktabs."""
    parts = [f"% {NOTE}"]
    for table in tables:
        columns = "l" * table.settings + "r" * (len(table.head) - table.settings)
        cells = pd.DataFrame(table.rows, columns=pd.Index(table.head))
        written = cells.to_latex(index=False, escape=True, column_format=columns)
        parts.append(f"% {table.title}\n{written.rstrip()}")
    return "\n\n".join(parts) + "\n"
