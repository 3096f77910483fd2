"""On a GPU the engine gives what it gives on the CPU; and its recorded steps are the steps they stand for."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fedexperts.training import graphs
from fedexperts.training.cohort import train, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.graphs import Replayed
from fedexperts.training.stacked import StackedModule

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
EXACT = {"rtol": 0.0, "atol": 1e-9}


def on_gpu(data):
    return CohortData(tuple(part.cuda() for part in data.inputs), data.labels.cuda(), data.clients)


@needs_gpu
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
def test_a_gpu_trains_as_the_cpu_does(kind, optimizer):
    of = small.cohort(kind)
    module = StackedModule(of.plain.cuda())
    settings = small.optimizer(optimizer)
    on_cpu = train(small.cohort(kind).module, of.start, of.data, settings, of.streams(), epochs=6)
    found = train(module, of.start.cuda(), on_gpu(of.data), settings, of.streams(), epochs=6)
    torch.testing.assert_close(found.rows.cpu(), on_cpu.rows, **EXACT)
    torch.testing.assert_close(found.losses.cpu(), on_cpu.losses, **EXACT)


@needs_gpu
def test_clients_that_stop_leave_a_gpu_too():
    of = small.cohort("cnn", noise=0.8)
    module = StackedModule(of.plain.cuda())
    rest = small.optimizer(), of.streams(), 25, 3
    again = small.cohort("cnn", noise=0.8)
    on_cpu = train_until_stopped(again.module, of.start, of.data, of.validation, *rest)
    rest = small.optimizer(), of.streams(), 25, 3
    found = train_until_stopped(module, of.start.cuda(), on_gpu(of.data), on_gpu(of.validation), *rest)
    torch.testing.assert_close(found.rows.cpu(), on_cpu.rows, **EXACT)
    assert found.epochs.tolist() == on_cpu.epochs.tolist()


def test_where_recording_fails_the_steps_are_computed_as_they_are(monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no graphs here")

    monkeypatch.setattr(graphs, "_Recorded", fail)
    state = torch.zeros(3)

    def step(rows, weights, seeds):
        state[: len(rows)] += 1
        return weights.sum(dim=1)

    monkeypatch.setattr(Replayed, "possible", True)
    replayed = Replayed()
    for count in range(1, 9):
        assert replayed(step, torch.zeros(2, 4), torch.ones(2, 4), None).tolist() == [4.0, 4.0]
        assert state.tolist() == [count, count, 0.0]
    assert caplog.text.count("no graphs here") == 1
