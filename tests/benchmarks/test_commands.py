"""Each command runs as a user would run it, on tiny workloads, and writes what it has found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import PATIENCE

ROOT = Path(__file__).parents[2]
FIELDS = {"workload", "variant", "ratio_vs_plain", "share_of_peak", "peak_memory_mb"}


def run(*arguments, expected=0, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def measure(tmp_path, name, *arguments):
    output = tmp_path / "results" / "found.json"
    told = run(f"benchmarks.{name}", "--quick", "--repeats", "1", "--output", str(output), *arguments)
    found = json.loads(output.read_text(encoding="utf-8"))
    assert {"date", "hardware", "versions", "rows"} <= set(found)
    assert found["versions"]["torch"]
    for row in found["rows"]:
        assert set(row) >= FIELDS
        assert row["wall_seconds"] > 0
        assert row["ratio_vs_plain"] is None or row["ratio_vs_plain"] > 0
        assert row["share_of_peak"] is None or 0 < row["share_of_peak"] < 1
    return found, told


def test_cohort(tmp_path):
    found, told = measure(tmp_path, "cohort")
    assert {row["workload"] for row in found["rows"]} == {"W1, small", "W2, small", "text, small"}
    variants = {row["variant"] for row in found["rows"]}
    assert {"plain", "plain, fused", "stacked"} <= variants
    assert len(found["rows"]) == 3 * len(variants)
    assert all(row["ratio_vs_plain"] == 1 for row in found["rows"] if row["variant"] == "plain")
    assert all(row["largest_difference"] < 1e-9 for row in found["rows"])
    assert any(row["largest_difference"] > 0 for row in found["rows"] if row["variant"] == "stacked")
    assert "Trained weights differ from the plain loop's by" in told


def test_scaling(tmp_path):
    found, _ = measure(tmp_path, "scaling")
    assert 0 < found["largest_difference"] < 1e-9
    kinds = [(row["workload"], row["variant"], row["clients"]) for row in found["rows"]]
    assert kinds == [
        (kind, variant, 5) for kind in ("FedAvg", "personalisation") for variant in ("plain", "stacked")
    ]
    assert all(row["seconds_per_client"] > 0 for row in found["rows"])


def test_memory_is_measured_in_a_process_of_its_own():
    found = json.loads(
        run("benchmarks.scaling", "--alone", "personalisation", "5", "stacked").splitlines()[-1]
    )
    assert 0 < found["memory_before_mb"] <= found["peak_memory_mb"]


def test_gpu_code_runs_on_the_cpu(tmp_path):
    found, _ = measure(tmp_path, "gpu", "--device", "cpu")
    stages = [row["variant"] for row in found["rows"] if row["workload"] == "the paper's CIFAR-10"]
    assert stages == [f"stacked: {name}" for name in ("FedAvg", "local", "specialist", "mixture", "all")]
    assert all(row["microseconds_per_client_step"] > 0 for row in found["rows"])
    assert 0 < found["largest_difference"] < 1e-9


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_gpu_benchmark_says_so(tmp_path):
    output = tmp_path / "found.json"
    told = run("benchmarks.gpu", "--output", str(output), expected=2)
    assert told.startswith("There is no GPU")
    assert told.count("\n") == 1
    assert not output.exists()


def test_peers(tmp_path):
    found, _ = measure(tmp_path, "peers", "--only", "plain", "fedexperts")
    assert [row["variant"] for row in found["rows"]] == ["plain", "fedexperts"]
    plain, own = found["rows"]
    assert plain["ratio_vs_plain"] == own["ratio_to_own"] == 1
    assert plain["error"] is own["error"] is None
    assert own["ratio_vs_plain"] == pytest.approx(plain["cpu_seconds"] / own["cpu_seconds"])
    assert 0 < found["largest_difference"] < 1e-9
