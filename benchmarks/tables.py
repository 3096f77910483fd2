"""Put the measured figures into docs/performance.md: ``python -m benchmarks.tables``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import cohort, gpu, scaling
from benchmarks.documents import ROOT, put
from benchmarks.peers import __main__ as peers
from benchmarks.reporting import RESULTS, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = ROOT / "docs" / "performance.md"
TABLES = {"cohort": cohort.COLUMNS, "scaling": scaling.COLUMNS, "peers": peers.COLUMNS, "gpu": gpu.COLUMNS}
MISSING = "Not measured yet."


def main() -> None:
    """Write every table anew."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def filled(document: str) -> str:
    """The document with what the files of results say now between its marks."""
    for name, columns in TABLES.items():
        results = RESULTS / f"{name}.json"
        found = json.loads(results.read_text(encoding="utf-8")) if results.exists() else None
        text = MISSING if found is None else f"{_circumstances(found)}\n\n{_table(found['rows'], columns)}"
        document = put(text, name, document)
    return document


def _circumstances(found: Mapping[str, Any]) -> str:
    hardware, versions = found["hardware"], found["versions"]
    where = hardware.get("gpu") or f"{hardware['cores']} shared cores of {hardware['processor']}"
    note = f" **{found['note']}**" if found.get("note") else ""
    peak = f"; matmul peak {found['matmul_peak_gflops']:.0f} GFLOP/s"
    return f"{found['date']}, {where}{peak}; torch {versions['torch']}.{note}"


def _table(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> str:
    used = {field: name for field, name in columns.items() if any(row.get(field) for row in rows)}
    lines = [list(used.values()), ["---" if place < 2 else "--:" for place in range(len(used))]]
    lines += [[shown(row.get(field)) for field in used] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
