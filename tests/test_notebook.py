"""The notebook: it opens a finished run, and is stored without what it showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from conftest import PATIENCE, ROOT
from nbclient import NotebookClient

if TYPE_CHECKING:
    from conftest import Project

NAME = "explore_a_run.ipynb"


def test_the_notebook_opens_a_finished_run(
    finished_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEDRO_ENV", "test")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    folder = finished_project.path / "notebooks"
    notebook = nbformat.read(folder / NAME, as_version=4)

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=PATIENCE,
        startup_timeout=PATIENCE,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()

    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    results = [
        "\n".join(output.data["text/html"] for output in each if _is_table(output)) for each in outputs
    ]
    opened, summary, _, shapes, moved, versions = results
    assert not opened
    assert [method in summary for method in ("fedavg", "mixture", "oracle")] == [True] * 3
    assert "(6, " in shapes  # six clients in the tiny environment, stacked
    assert moved.count("<tr") == 1 + 6
    assert "specialists" in versions
    assert [any("image/png" in output.get("data", {}) for output in each) for each in outputs].count(
        True
    ) == 1
    told = [output.text for each in outputs for output in each if output.get("name") == "stderr"]
    assert not any("Warning" in text for text in told)


def _is_table(output: nbformat.NotebookNode) -> bool:
    return output.output_type == "execute_result" and "text/html" in output.data


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / NAME, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
