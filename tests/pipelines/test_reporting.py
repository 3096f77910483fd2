"""The reporting pipeline: its nodes wired through the real catalog entries."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro.validation.type_extractor import TypeExtractor

from fedexperts.parameters import EvaluationSettings
from fedexperts.pipelines.reporting import create_pipeline
from fedexperts.pipelines.reporting.pipeline import FIGURES
from fedexperts.provenance.record import RECORDED_TABLES, record

ROOT = Path(__file__).parents[2]
SYNTHETIC = runpy.run_path(str(ROOT / "tests" / "evaluation" / "synthetic.py"))
CATALOG = ROOT / "conf" / "base" / "reporting" / "catalog.yml"


def entries():
    return yaml.safe_load(CATALOG.read_text().replace("${globals:dataset}", "made_up"))


@pytest.fixture
def finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = SYNTHETIC["results"](clients=12)
    catalog = DataCatalog.from_config(entries())
    inputs = {
        name: getattr(results, name)
        for name in (
            "client_metrics",
            "gate_weights",
            "frontier",
            "federation_history",
            "clients",
            "examples",
        )
    }
    noted = record(results.parameters, {name: inputs[name] for name in RECORDED_TABLES})
    inputs |= {"evaluation_record": noted}
    inputs |= {"params:device": "cpu", "params:evaluation": results.evaluation, "params:seed": results.seed}
    for name, value in inputs.items():
        catalog[name] = MemoryDataset(value)
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog, tmp_path / "data" / "08_reporting" / "made_up", results


def test_a_run_writes_everything_under_a_version(finished):
    _, folder, results = finished
    written = {path.parent.parent.name for path in folder.rglob("*") if path.is_file()}
    names = {"summary.csv", "report.html", "comparison.png", "environment.json"}
    assert written == names | {f"{name}.json" for name in FIGURES}
    summary = pd.read_csv(next(folder.glob("summary.csv/*/summary.csv")))
    assert set(summary["method"]) == set(results.client_metrics["method"])
    html = next(folder.glob("report.html/*/report.html")).read_text(encoding="utf-8")
    assert "Personalised federated learning on made_up" in html
    assert [html.index(f'id="figure-{name}"') for name in FIGURES] == sorted(
        html.index(f'id="figure-{name}"') for name in FIGURES
    )


def test_what_was_written_can_be_loaded_and_previewed(finished):
    catalog, _, _ = finished
    assert catalog.load("accuracy_tradeoff").layout.title.text == "Global against local accuracy"
    for name in (*FIGURES, "summary", "comparison_picture"):
        dataset = catalog[name]
        arguments = (dataset.metadata["kedro-viz"]).get("preview_args", {})
        assert dataset.preview(**arguments)
    assert json.dumps(catalog.load("environment"))


def test_nodes_are_described_and_every_output_has_a_catalog_entry_with_a_comment():
    pipeline = create_pipeline()
    lines = CATALOG.read_text().splitlines()
    catalog = entries()
    for node in pipeline.nodes:
        assert node.func.__doc__
        assert "\n" not in node.func.__doc__
    stored = pipeline.all_outputs() - {"run_settings"}  # which stays in memory
    for name in stored | {"dataset_name"}:
        assert catalog[name]["metadata"]["kedro-viz"]["layer"] == "reporting"
        assert lines[lines.index(f"{name}:") - 1].startswith("# ")
    assert all(catalog[name]["versioned"] for name in stored)


def test_registering_imports_nothing_heavy():
    code = (
        "import sys; from fedexperts.pipelines.reporting import create_pipeline; create_pipeline();"
        "print(*{'pandas', 'plotly', 'matplotlib', 'scipy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_kedro_reads_the_annotations_of_every_node(caplog):
    found = TypeExtractor({"reporting": create_pipeline()}).extract_types_from_pipelines()
    assert found == {"evaluation": EvaluationSettings}
    assert not caplog.records
