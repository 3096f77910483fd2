"""Experiments as a user runs them: through the command line, in the tiny environment."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import joblib
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from conftest import PATIENCE, ROOT, Project, make_project

from fedexperts.commands import actions
from fedexperts.commands.experiment import experiment as group
from fedexperts.commands.project import open_finished
from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.experiments.report import WRITTEN
from fedexperts.interruption import Interrupted
from fedexperts.provenance.code import package_digest
from fedexperts.provenance.fingerprint import fingerprint_examples
from fedexperts.storage.safetensors import read_arrays

SMALL = {
    "model.expert": "mlp",
    "model.gate": "mlp",
    "federation.rounds": 2,
    "personalization.max_epochs": 1,
}
SHIPPED = sorted(file.stem for file in (ROOT / "conf" / "experiments").glob("*.yml"))


def write(project: Project, name: str = "small", **changes) -> Path:
    """Write an experiment: two learning rates of the personal models, which share all that is before them."""
    sweep = {
        "environments": ["test"],
        "settings": SMALL,
        "grid": {"personalization.learning_rate": [0.001, 0.01]},
    }
    content = {"title": "small", "seeds": [0], "methods": ["fedavg", "finetuned"]}
    content |= {key: value for key, value in changes.items() if key in {"seeds", "methods", "figures"}}
    sweep |= {
        key: value for key, value in changes.items() if key in {"environments", "settings", "grid", "paired"}
    }
    file = project.path / "conf" / "experiments" / f"{name}.yml"
    file.write_text(yaml.safe_dump({**content, "sweeps": [sweep]}), encoding="utf-8")
    return file


def experiment(project: Project, *arguments: str, code: int = 0) -> str:
    result = project.kedro("experiment", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


def manifests(project: Project) -> list[dict]:
    folder = project.path / "data" / "08_reporting" / "test" / "run_manifest.json"
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*/run_manifest.json"))]


def stages_of(manifest: dict) -> list[str]:
    return manifest["run"]["pipelines"].split(",")


def trained(project: Project) -> Counter[str]:
    """How often each pipeline was run to its end."""
    return Counter(name for manifest in manifests(project) for name in stages_of(manifest))


def points(project: Project, name: str = "small") -> dict[str, dict]:
    return json.loads((project.path / "data/09_experiments" / name / "points.json").read_text())


def results(project: Project, name: str = "small") -> dict[str, bytes]:
    return {
        entry["label"]: (project.path / entry["results"]["client_metrics"]).read_bytes()
        for entry in points(project, name).values()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the experiment has been run; not to be changed."""
    project = make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    write(project)
    assert "2 of 2 points are finished" in experiment(project, "run", "small", "--jobs", "2")
    return project


@pytest.fixture
def copied(undisturbed: Project, tmp_path: Path) -> Project:
    shutil.copytree(undisturbed.path, tmp_path / "copy")
    return Project(tmp_path / "copy")


def test_what_points_have_in_common_is_run_once(undisturbed: Project) -> None:
    assert trained(undisturbed) == {
        "client_partitioning": 1,
        "federated_training": 1,
        "specialist_training": 2,
        "gate_training": 2,
        "evaluation": 2,
    }
    generalists = {
        manifest["loaded_versions"]["generalist"]
        for manifest in manifests(undisturbed)
        if "evaluation" in stages_of(manifest)
    }
    assert len(generalists) == 1
    assert {manifest["parameters"]["engine"]["workers"] for manifest in manifests(undisturbed)} == {
        max(1, joblib.cpu_count() // 2)
    }


def test_finished_points_are_skipped_and_new_values_need_only_what_is_new(copied: Project, capsys) -> None:
    before = trained(copied)
    assert not actions.run(copied.path, "small", None, {})
    assert "2 of 2 points are finished" in capsys.readouterr().out
    assert trained(copied) == before
    write(copied, grid={"personalization.learning_rate": [0.001, 0.1, 0.01]})
    actions.print_commands(copied.path, "small", {})
    listed = capsys.readouterr().out
    lines = [line for line in listed.splitlines() if line.startswith("kedro run")]
    assert len(lines) == 2, "the data, and the new point from the generalist there is"
    assert "--pipelines data_ingestion" in lines[0]
    assert "learning_rate=0.1" in lines[1]
    assert "--load-versions" in lines[1]
    assert "federated_training" not in lines[1]
    assert "3 of 3 points are finished" in experiment(copied, "run", "small")
    assert trained(copied) - before == {"specialist_training": 1, "gate_training": 1, "evaluation": 1}


def test_another_setting_of_the_evaluation_trains_nothing_anew(copied: Project, capsys) -> None:
    rates = {"personalization.learning_rate": [0.001, 0.01]}
    write(copied, grid=rates | {"personalization.calibration": ["none", "lowfreq"]})
    actions.print_commands(copied.path, "small", {})
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("kedro run")]
    assert len(lines) == 3, "the data, and both points with calibration"
    assert all("--pipelines evaluation " in line for line in lines[1:])


def test_runs_of_another_version_do_not_count_and_are_named(copied: Project, capsys) -> None:
    for file in copied.path.glob("data/08_reporting/test/run_manifest.json/*/run_manifest.json"):
        manifest = json.loads(file.read_text())
        manifest["parameters"]["federation"]["new"] = 1
        file.write_text(json.dumps(manifest))
    write(copied, name="other")
    actions.status(copied.path, "other")
    said = capsys.readouterr()
    assert "0 of 2 points are finished" in said.out
    assert "3 runs of test were made with settings of another version of the project" in said.err


def test_results_whose_models_were_deleted_are_still_finished(copied: Project, capsys) -> None:
    shutil.rmtree(copied.path / "data" / "06_models")
    actions.status(copied.path, "small")
    assert "2 of 2 points are finished" in capsys.readouterr().out
    shutil.rmtree(copied.path / "data" / "07_model_output")
    actions.status(copied.path, "small")
    assert "0 of 2 points are finished" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot interrupt another process alone")
def test_an_interrupted_experiment_goes_on_where_it_was_stopped(undisturbed: Project, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    write(project)
    running = subprocess.Popen(
        [sys.executable, "-m", "kedro", "experiment", "run", "small", "--jobs", "1"],
        cwd=project.path,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    logs = project.path / "data/09_experiments/small/logs"
    deadline = time.monotonic() + PATIENCE
    # The data and what is shared are made; the first point has just been started.
    while len(list(logs.glob("*"))) < 3 and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, told
    assert "The same command goes on" in told
    assert trained(project) == {"client_partitioning": 1, "federated_training": 1}
    assert str(project.path) not in _working_folders()
    experiment(project, "run", "small", "--jobs", "2")
    assert trained(project) == trained(undisturbed), "nothing was computed twice"
    assert results(project) == results(undisturbed)


@pytest.mark.parametrize(
    "asked", [Interrupted(signal.SIGTERM), Interrupted(signal.SIGINT), KeyboardInterrupt()]
)
def test_the_exit_code_tells_what_asked_to_stop(monkeypatch, asked) -> None:
    def stop(*_: object) -> bool:
        raise asked

    monkeypatch.setattr(actions, "run", stop)
    result = CliRunner().invoke(group, ["run", "small"], obj=SimpleNamespace(project_path=Path()))
    assert result.exit_code == 128 + getattr(asked, "signal", signal.SIGINT)


def test_a_place_outside_of_the_project_is_the_same_in_every_copy(project: Project, tmp_path: Path) -> None:
    outside = {"type": "pandas.ParquetDataset", "filepath": str(tmp_path / "outside"), "versioned": True}
    catalog = project.path / "conf" / "test" / "catalog.yml"
    catalog.write_text(yaml.safe_dump({"client_metrics": outside}), encoding="utf-8")
    (tmp_path / "copy/data/08_reporting/test/run_manifest.json").mkdir(parents=True)
    places = open_finished(project.path, ["test"], tmp_path / "copy")["test"].places
    assert places["client_metrics"] == tmp_path / "outside"
    assert places["clients"].is_relative_to(tmp_path / "copy")


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"a": 1}', '{"a": {"state": "to do"}}'])
def test_a_damaged_memory_is_told(copied: Project, content: str) -> None:
    file = copied.path / "data/09_experiments/small/points.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"points\.json: this file is damaged; delete it"):
        actions.status(copied.path, "small")


def _working_folders() -> set[str]:
    """Where the processes of this system work, as far as it shows them."""
    folders = set()
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            folders.add(str(process.readlink()))
    return folders


def test_a_failing_point_stops_no_other_and_is_told_at_the_end(project: Project) -> None:
    write(project, grid={"partition.examples_per_client": [20, 9999]})
    told = experiment(project, "run", "small", code=1)
    assert "1 of 2 points are finished" in told
    assert "failed: test examples_per_client=9999 seed=0" in told
    log = next(Path(line.strip()) for line in told.splitlines() if line.strip().endswith(".log"))
    assert "Error" in log.read_text()
    states = {entry["label"]: entry for entry in points(project).values()}
    assert states["test examples_per_client=20 seed=0"]["state"] == "finished"
    assert states["test examples_per_client=9999 seed=0"]["state"] == "failed"
    assert (project.path / states["test examples_per_client=9999 seed=0"]["log"]).samefile(log)


def test_the_commands_can_be_run_anywhere_and_collected(undisturbed: Project, tmp_path: Path, capsys) -> None:
    here, there = make_project(tmp_path / "here"), make_project(tmp_path / "there")
    for project in (here, there):
        write(project)
    actions.print_commands(here.path, "small", {"learning_rate": ["1e-2"]})
    listed = capsys.readouterr().out
    for line in [line for line in listed.splitlines() if line.startswith("kedro run")]:
        result = there.kedro(*shlex.split(line)[1:])
        assert result.returncode == 0, result.stderr
    assert "1 of 2 points" in experiment(here, "collect", "small", "--from", str(there.path))
    nowhere = experiment(here, "collect", "small", "--from", str(there.path / "data"), code=1)
    assert f"{there.path / 'data'}: nothing has been run here" in nowhere
    actions.status(here.path, "small")
    assert "1 of 2 points" in capsys.readouterr().out, "what was collected is remembered"
    assert not actions.run(here.path, "small", None, {"learning_rate": ["0.01"]})
    assert "1 of 1 points" in capsys.readouterr().out
    assert manifests(here) == []
    label = "test learning_rate=0.01 seed=0"
    (entry,) = [entry for entry in points(here).values() if entry["label"] == label]
    assert Path(entry["results"]["client_metrics"]).read_bytes() == results(undisturbed)[label]


def test_the_report_holds_all_results(copied: Project) -> None:
    write(copied, figures=["table1"])
    folder = copied.path / "data/09_experiments/small"
    for name in ("points.csv", "frontier.csv", "figure4.svg", "own.csv"):
        (folder / name).write_text("from before", encoding="utf-8")
    told = experiment(copied, "report", "small")
    assert not (folder / "frontier.csv").exists(), "out of date"
    assert not (folder / "figure4.svg").exists(), "out of date"
    assert {file.stem for file in folder.glob("*.csv")} <= {*WRITTEN, "own"}, "nobody else's are removed"
    assert (folder / "own.csv").exists()
    for name in (
        "points.csv",
        "results.parquet",
        "results.csv",
        "summary.csv",
        "differences.csv",
        "table1.md",
        "table1.tex",
    ):
        assert f"data/09_experiments/small/{name}" in told
        assert (folder / name).stat().st_size > 0
    table = pd.read_parquet(folder / "results.parquet")
    assert len(table) == 2 * 6 * 2 * 2, "points, clients, methods, test sets"
    assert sorted(table["personalization.learning_rate"].unique()) == [0.001, 0.01]
    summary = pd.read_csv(folder / "summary.csv")
    mine = table[(table["method"] == "finetuned") & (table["test_set"] == "local")]
    means = mine.groupby("personalization.learning_rate")["accuracy"].mean()
    rows = summary[(summary["method"] == "finetuned") & (summary["clients"] == "all")]
    assert rows.set_index("personalization.learning_rate")["local_accuracy"].to_dict() == pytest.approx(
        means.to_dict()
    )


def test_the_report_says_what_points_come_from_and_puts_no_different_data_together(copied: Project) -> None:
    write(copied, grid={"personalization.learning_rate": [0.001]}, seeds=[0, 1])
    experiment(copied, "run", "small")
    assert "Not all runs" not in experiment(copied, "report", "small")
    file = copied.path / "data/09_experiments/small/points.csv"
    table = pd.read_csv(file, dtype=str)
    stored = copied.path / "data/02_intermediate/test/examples.safetensors"
    examples = Examples.from_arrays(*read_arrays(stored))
    assert list(table["seed"]) == ["0", "1"]
    assert set(table["data"]) == {fingerprint_examples(examples)}
    assert set(table["code.fedexperts"]) == {package_digest().hex()}
    assert set(table["device"]) == {"cpu"}
    assert [len(cell.split("; ")) for cell in table["versions"]] == [2, 1], "the first shared its generalist"
    own = copied.latest("08_reporting", "run_manifest.json")
    manifest = json.loads(own.read_text())
    own.write_text(json.dumps(manifest | {"code": {"fedexperts": "another"}}))
    assert "Not all runs have the same code.fedexperts: see points.csv" in experiment(
        copied, "report", "small"
    )
    own.write_text(json.dumps(manifest | {"data": "another"}))
    told = experiment(copied, "report", "small", code=1)
    assert "seeds of one setting were computed on different data" in told
    assert "test learning_rate=0.001 seed=1: data another" in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environments": ["tset"]}, ["small.yml", "'tset'", "cifar10"]),
        (
            {"settings": {"federation.roundz": 3, "partition.alpha": -1}},
            ["small.yml: federation.roundz", "'rounds'", "small.yml: partition.alpha: -1"],
        ),
        ({"grid": {"partition.scheme": ["iid", "idi"]}}, ["small.yml: partition.scheme", "'idi'"]),
        ({"grid": {"seed.x": [1]}}, ["seed.x, and what it would be a part of"]),
        ({"grid": {"partition.opt_out_clients.0": [1]}}, ["small.yml: partition.opt_out_clients: {'0'"]),
        ({"grid": {"partition": [1]}}, ["small.yml: partition: 1 cannot be used"]),
        ({"seeds": [0, 0]}, ["seed=0 and test learning_rate=0.001 seed=0 are the same point"]),
        ({"grid": {"partition.alpha": [1, 1.0]}}, ["are the same point"]),
        ({"grid": {"partition.alpha[0]": [1]}}, ["partition.alpha[0]", "its keys with dots between them"]),
        ({"grid": {"data.path": ["/a", "/b"]}}, ["data.path differs", "environment"]),
        ({"paired": [{"partition.alpha": [1], "federation.rounds": [1, 2]}]}, ["partition.alpha has 1"]),
        ({"methods": ["fedavg", "mixtrue"]}, ["'mixtrue'", "'mixture'"]),
        ({"figures": ["figure4"]}, ["figure4", "partition.majority_fraction"]),
    ],
)
def test_a_mistake_in_an_experiment_is_told_before_anything_is_run(
    project: Project, changes: dict, expected: list[str]
) -> None:
    write(project, **changes)
    with pytest.raises(UserError) as error:
        actions.run(project.path, "small", None, {})
    for words in expected:
        assert words in str(error.value)
    assert not (project.path / "data").exists()


def test_points_that_would_look_alike_in_every_table_are_told(project: Project) -> None:
    file = write(project, environments=["cifar10"], grid={})
    content = yaml.safe_load(file.read_text())
    (sweep,) = content["sweeps"]
    other = {**sweep, "settings": {**SMALL, "partition.evaluated_clients": None}}
    file.write_text(yaml.safe_dump({**content, "sweeps": [sweep, other]}))
    told = experiment(project, "run", "small", code=1)
    assert "cannot be told apart: a setting is null in one sweep and left out in another" in told


def test_an_experiment_that_there_is_not_is_told_with_the_nearest(project: Project) -> None:
    assert "Did you mean 'table1'" in experiment(project, "status", "tabel1", code=1)


def test_two_experiments_of_one_name_are_told(project: Project) -> None:
    file = write(project)
    other = file.rename(file.with_suffix(".yaml"))
    write(project)
    told = experiment(project, "list", code=1)
    assert f"{other} and {file} are experiments of the same name" in " ".join(told.split())


def test_a_selection_without_a_value_is_told(project: Project) -> None:
    assert "'seed' has no value" in experiment(project, "run", "table1", "--only", "seed", code=2)


def test_the_shipped_experiments_are_listed_and_all_their_settings_are_valid(
    project: Project, capsys
) -> None:
    actions.list_experiments(project.path)
    listed = capsys.readouterr().out
    names = ("table1", "figure2", "figure4", "figure5", "figure6")
    ours = ("results_", "tuning_", "gate_rates_", "content_free_")
    papers = [name for name in SHIPPED if not name.startswith(ours)]
    assert [f"{name}{end}" for name in sorted(names) for end in ("", "_quick")] == papers
    for name in SHIPPED:
        assert f"{name} " in listed
        actions.status(project.path, name)
        assert "0 of" in capsys.readouterr().out
