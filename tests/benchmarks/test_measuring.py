"""What the figures rest on: counted arithmetic, measured time and memory, comparable workloads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import PATIENCE
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import flops, measuring, plain, reporting, tables, variants, workloads

ROOT = Path(__file__).parents[2]


def small(kind):
    return next(build(name) for name, build in workloads.SMALL.items() if name.startswith(kind))


def test_the_arithmetic_of_the_images_network_is_what_torch_counts():
    workload = small("W1").only(1)
    (own,) = workload.train
    model = plain.first_model(workload)
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(model(workload.inputs[own]), workload.labels[own]).backward()
    assert flops.useful_flops(workload, [1]) == counter.get_total_flops()
    assert flops.useful_flops(workload, [3]) == 3 * counter.get_total_flops()
    # 1.60 million multiply-adds for an image: 32 million operations for a batch of ten
    assert counter.get_total_flops() / len(own) == 2 * (3 * 651_720 - 352_800)


def test_validation_counts_a_pass_forwards_at_the_start_and_after_each_epoch():
    workload = small("W2").only(1)
    training = flops.useful_flops(workload, [1]) - flops.useful_flops(workload, [0])
    assert flops.useful_flops(workload, [0]) == 2 * 651_720 * len(workload.validation[0])
    assert flops.useful_flops(workload, [4]) == flops.useful_flops(workload, [0]) + 4 * training


def test_padding_is_no_useful_arithmetic():
    workload = small("text")
    forwards, _ = flops.multiply_adds(workload)
    words = (workload.inputs != 0).sum(dim=1).numpy()
    assert len(set(words)) > 1
    # two directions, four gates of 64 units, from 100 inputs and 64 states; two states to four classes
    np.testing.assert_array_equal(forwards, words * 2 * 4 * 64 * (100 + 64) + 2 * 64 * 4)


def test_clients_stop_at_different_epochs_with_weights_that_have_moved():
    workload = small("W2")
    outcome = variants.run_plain(workload)
    assert len(set(outcome.epochs)) > 1
    first = dict(plain.first_model(workload).named_parameters())
    moved = [float((own["7.weight"] - first["7.weight"]).detach().abs().max()) for own in outcome.weights]
    assert max(moved) > 1e-3


def test_a_client_step_is_a_batch_of_one_client():
    workload = small("W1")
    assert [len(own) for own in workload.train] != sorted(len(own) for own in workload.train)
    assert sorted(len(own) for own in workload.train) == [12, 21, 31]
    assert workload.client_steps([1, 1, 1]) == 2 + 3 + 4


@pytest.mark.parametrize("kind", ["W1", "text"])
def test_the_same_data_and_weights_are_drawn_again(kind):
    one, other = small(kind), small(kind)
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.labels, other.labels)
    pairs = zip(plain.first_model(one).parameters(), plain.first_model(other).parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_a_difference_between_variants_is_seen():
    workload = small("W1")

    def slightly_wrong(given):
        outcome = variants.run_plain(given)
        outcome.weights[1]["0.bias"].add_(1e-6)
        return outcome

    wrong = {variants.PLAIN: variants.run_plain, "wrong": slightly_wrong}
    assert variants.differences(workload, wrong)["wrong"] == pytest.approx(1e-6)


def test_ratios_are_medians_of_pairs():
    plain_turns = [measuring.Spent(cpu=value) for value in (2.0, 30.0, 4.0)]
    own_turns = [measuring.Spent(cpu=value) for value in (1.0, 10.0, 1.0)]
    assert measuring.ratio(plain_turns, own_turns) == 3.0
    assert measuring.median(plain_turns).cpu == 4.0


def test_variants_are_measured_in_turn():
    calls = []
    spent = measuring.interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, repeats=3)
    assert calls == list("ababab")
    assert {name: len(turns) for name, turns in spent.items()} == {"a": 3, "b": 3}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")
def test_a_small_child_of_a_large_parent_is_small():
    ballast = np.ones(50_000_000)
    look = "from benchmarks import measuring; print(measuring.peak_memory_mb())"
    code = f"import sys; sys.path.append({str(ROOT)!r}); {look}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert 0 < float(done.stdout) < measuring.peak_memory_mb() - 0.5 * ballast.nbytes / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans cannot be adopted")
def test_the_time_of_processes_that_outlive_their_parent_counts():
    # In a process of its own: adopting orphans and waiting for all children is not for a test runner.
    code = f"""
import sys; sys.path.append({str(ROOT)!r})
from benchmarks.peers import processes
processes.adopt_orphans()
burn = "import time\\nwhile time.process_time() < 1.0: pass"
start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {{burn!r}}])"
spent, _ = processes.run([sys.executable, "-c", start], {{}}, {PATIENCE})
assert spent.cpu > 1.0, spent
assert spent.wall > 0, spent
try:
    processes.run([sys.executable, "-c", "raise SystemExit('it broke')"], {{}}, {PATIENCE})
except processes.ProgramError as error:
    assert "it broke" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_the_document_shows_what_the_files_of_results_say():
    document = tables.DOCUMENT.read_text(encoding="utf-8")
    assert tables.filled(document) == document
    with pytest.raises(ValueError, match="no place for this table: <!-- cohort -->"):
        tables.filled("nothing")


def test_a_table_holds_the_measured_rows(tmp_path, monkeypatch):
    row = reporting.row("W1", "stacked", ratio_vs_plain=2.345, cpu_seconds=123.4)
    output = tmp_path / "cohort.json"
    reporting.finish("title", [row], {"workload": "workload"}, output, note="a note", matmul_peak_gflops=1.0)
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    marks = "".join(f"<!-- {name} -->\nold\n<!-- end of {name} -->\n" for name in tables.TABLES)
    filled = tables.filled(f"before\n{marks}after\n")
    assert "| W1 | stacked | 2.35 | 123 |" in filled
    assert "| workload | variant | times faster | CPU s |" in filled
    assert "a note" in filled
    assert "old" not in filled
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
