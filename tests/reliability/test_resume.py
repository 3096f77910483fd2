"""Runs that are killed or stopped at any moment end, when they are started again, with the very same bits.

``FEDEXPERTS_KILLS`` says how often runs are killed; a few times unless it is set.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from fedexperts import interruption

conftest = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "conftest.py")))

KILLS = int(os.environ.get("FEDEXPERTS_KILLS", "4"))

# A checkpoint after every round and every client, so that many of the kills come while one is written.
SETTINGS = "federation.rounds=30,engine.checkpoint_every=1,engine.chunk_size=1"
RUN = ("run", "--env", "test", "--params", SETTINGS)
MODELS = ("generalist", "locals", "specialists", "mixtures")


def start(project):
    environment = {**os.environ, "DO_NOT_TRACK": "1", "COLUMNS": "120", "NO_COLOR": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *RUN],
        cwd=project.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(project):
    """Everything that was computed, to the last bit."""
    models = {name: project.latest("06_models", f"{name}.safetensors").read_bytes() for name in MODELS}
    history = pd.read_parquet(project.latest("07_model_output", "federation_history.parquet"))
    metrics = pd.read_parquet(project.latest("07_model_output", "client_metrics.parquet"))
    return models | {
        "history": history.to_json(double_precision=15),
        "metrics": metrics.to_json(double_precision=15),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    project = conftest.make_project(tmp_path_factory.mktemp("undisturbed") / "project")
    began = time.monotonic()
    run = start(project)
    output, _ = run.communicate(timeout=conftest.PATIENCE)
    assert run.returncode == 0, output
    return SimpleNamespace(results=results(project), seconds=time.monotonic() - began)


def test_killed_runs_give_the_same_bits(undisturbed, project):
    moments = random.Random(0)  # noqa: S311 - moments to kill at, no secrets
    kills = torn = finished = 0
    torn_before = set()
    while kills < KILLS or not finished:
        run = start(project)
        if kills < KILLS:
            time.sleep(moments.uniform(0.1, 1.0) * undisturbed.seconds)
            if run.poll() is None:
                run.send_signal(signal.SIGKILL)
                kills += 1
        output, _ = run.communicate(timeout=conftest.PATIENCE)
        if run.returncode == 0:
            finished += 1
            assert results(project) == undisturbed.results
            assert not list(project.path.glob("data/09_unfinished/test/*/step-*"))
        else:
            assert run.returncode == -signal.SIGKILL, output
            left = set(project.path.rglob("*.partial"))
            torn += bool(left - torn_before)
            torn_before |= left
    # shown by `pytest -s`: the figures of docs/reliability.md
    print(f"{kills} kills, {torn} of them left a torn file, {finished} runs finished, all alike")  # noqa: T201


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_run_that_is_asked_to_stop_says_how_to_go_on_and_goes_on(undisturbed, project, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("it is ignored here, as by nohup")
    run = start(project)
    deadline = time.monotonic() + conftest.PATIENCE
    while not list(project.path.glob("data/09_unfinished/test/generalist-*/step-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(number)
    output, _ = run.communicate(timeout=conftest.PATIENCE)
    assert run.returncode == 128 + number, output
    assert output.rstrip().endswith("Stopped. The same command goes on from here.")
    assert "Traceback" not in output
    again = project.kedro(*RUN)
    assert again.returncode == 0, again.stderr
    assert "Going on with federated training after round" in " ".join((again.stdout + again.stderr).split())
    assert results(project) == undisturbed.results


def test_a_finished_stage_is_not_trained_again(undisturbed, project):
    run = start(project)
    deadline = time.monotonic() + conftest.PATIENCE
    while not list(project.path.glob("data/09_unfinished/test/*/chunk-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.kill()
    run.communicate(timeout=conftest.PATIENCE)
    again = project.kedro(*RUN)
    assert "after round 30 of 30" in " ".join((again.stdout + again.stderr).split())
    assert results(project) == undisturbed.results


def test_starting_anew_can_be_forced_and_refused(project):
    refused = project.kedro("run", "--env", "test", "--params", "resume=required")
    assert refused.returncode == 1
    assert "there is no unfinished generalist to go on from" in " ".join(refused.stderr.split())
    assert not list(project.path.glob("data/06_models/test/generalist*/*/*"))


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bits(undisturbed, project, workers):
    assert project.kedro(*RUN[:-1], f"{SETTINGS},engine.workers={workers}").returncode == 0
    assert results(project) == undisturbed.results


def test_two_runs_at_once_in_one_folder_are_both_right(undisturbed, project):
    project.kedro("run", "--env", "test", "--pipelines", "data_ingestion")  # the one output without versions
    pipelines = "client_partitioning,federated_training,personalization,evaluation,reporting"
    other = (*RUN[:-1], f"{SETTINGS},seed=1")
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "kedro", *run, "--pipelines", pipelines],
            cwd=project.path,
            env={**os.environ, "DO_NOT_TRACK": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for run in (RUN, RUN, other)
    ]
    assert [run.wait(conftest.PATIENCE) for run in runs] == [0, 0, 0]
    manifests = [
        json.loads(file.read_text())
        for file in (project.path / "data/08_reporting/test/run_manifest.json").glob("*/run_manifest.json")
    ]
    found = []
    for manifest in manifests:
        if "generalist" in manifest["saved_versions"]:
            (version,) = {manifest["saved_versions"][name] for name in MODELS}
            models = project.path / "data/06_models/test"
            own = {
                name: (models / f"{name}.safetensors" / version / f"{name}.safetensors").read_bytes()
                for name in MODELS
            }
            found.append((manifest["seed"], own == {name: undisturbed.results[name] for name in MODELS}))
    assert sorted(found) == [(0, True), (0, True), (1, False)]
    assert not list(project.path.glob("data/09_unfinished/test/*"))
