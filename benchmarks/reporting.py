"""What all commands have in common: their options, a table, a JSON file."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fedexperts.provenance.code import processor_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = dict[str, Any]

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("fedexperts", "torch", "numpy")
NARROWEST = 110


def parser(name: str, description: str, repeats: int) -> argparse.ArgumentParser:
    """The options that every command has.

    Args:
        name: The command's name, and so its file's.
        description: What it measures.
        repeats: How often it does so.
    """
    options = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    options.add_argument("--output", type=Path, default=RESULTS / f"{name}.json", help="the JSON file")
    options.add_argument("--repeats", type=int, default=repeats, help="turns, of which the median counts")
    options.add_argument("--note", help="what a reader of the results should know")
    options.add_argument("--quick", action="store_true", help="tiny workloads: to see that it works")
    return options


def row(workload: str, variant: str, **values: object) -> Row:
    """One line of the results; what has no meaning for it is None."""
    empty = {"ratio_vs_plain": None, "share_of_peak": None, "peak_memory_mb": None}
    return {"workload": workload, "variant": variant, **empty, **values}


def finish(title: str, rows: Sequence[Row], columns: Mapping[str, str], output: Path, **more: object) -> None:
    """Print the results as a table, and write them.

    Args:
        title: What stands above the table.
        rows: The results.
        columns: What to call the fields that are printed.
        output: The JSON file.
        **more: What else belongs into the file, beside date, hardware and versions.
    """
    content = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "hardware": hardware(),
        "versions": versions(),
        **more,
        "rows": rows,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    cells = [[shown(one.get(column)) for column in columns] for one in rows]
    _print_table(title, list(columns.values()), cells)
    print(f"Written to {output}")


def hardware() -> dict[str, Any]:
    """What this runs on."""
    found: dict[str, Any] = {"processor": processor_model(), "cores": os.cpu_count()}
    if hasattr(os, "getloadavg"):
        found["programs_running"] = round(os.getloadavg()[0], 1)  # the mean of the last minute
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def versions() -> dict[str, str | None]:
    """The versions of what matters for speed."""
    found = {package: _version(package) for package in PACKAGES}
    cuda = torch.version.cuda if torch.cuda.is_available() else None
    return {"python": platform.python_version(), **found, "cuda": cuda}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a checkout on the path
        return None


def shown(value: object) -> str:
    """A value in a table: three digits of a number, nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if value == 0 or abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _print_table(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    try:
        from rich.console import Console  # noqa: PLC0415 - a bare machine has no rich
        from rich.table import Table  # noqa: PLC0415
    except ImportError:
        _print_plainly(title, columns, cells)
        return
    table = Table(title=title)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < 2 else "right")
    for line in cells:
        table.add_row(*line)
    Console(width=max(Console().width, NARROWEST)).print(table)


def _print_plainly(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    lines = [list(columns), *cells]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    print(title)
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
