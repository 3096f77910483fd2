"""The comparison as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from fedexperts.evaluation.display import (
    ALL,
    CALIBRATED,
    GENERALIST,
    GROUP_LABELS,
    NOT_ATTAINABLE,
    percent_estimate,
    predictors,
)

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "local_accuracy": "local accuracy",
    "global_accuracy": "global accuracy",
    "bottom_decile": "bottom decile",
    "clients_hurt": "clients hurt",
}


def comparison_table(summary: pd.DataFrame) -> Table:
    """Lay out the comparison of all methods in at most 100 columns.

    Args:
        summary: As :func:`fedexperts.evaluation.statistics.summarise` returns it.

    Returns:
        A table with a row per method and group of clients, each number in percent with its interval.
    """
    notes = ["In percent, with intervals over clients."]
    if not summary["attainable"].all():
        notes.append(f"* {NOT_ATTAINABLE}: a bound, not a method.")
    if summary["calibrated"].any():
        notes.append("+ calibrated: the method above, with a calibrated generalist.")
    table = Table(box=box.SIMPLE_HEAD, caption=" ".join(notes), caption_justify="left", pad_edge=False)
    table.add_column("method", max_width=18, overflow="fold")
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    several = summary["clients"].ne(ALL).any()
    for group, rows in summary.groupby("clients", sort=False):
        if several:
            count = int(rows["n_clients"].iloc[0])
            table.add_section()
            table.add_row(f"[bold]{GROUP_LABELS[str(group)]}[/bold] ({count})")
        for predictor, row in zip(predictors(rows), rows.to_dict("records"), strict=True):
            mark = "" if row["attainable"] else " *"
            cells = [
                "reference"
                if name == "clients_hurt" and predictor == GENERALIST
                else percent_estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])
                for name in HEADINGS
            ]
            shown = "  + calibrated" if predictor.endswith(CALIBRATED) else escape(predictor)
            table.add_row(shown + mark, *cells, style="" if row["attainable"] else "dim")
    return table
