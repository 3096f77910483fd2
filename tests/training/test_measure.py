"""Loss and accuracy of every client's model."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from fedexperts.training import cohort
from fedexperts.training.cohort import measure, measure_one
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

HERE = Path(__file__).parent
small = SimpleNamespace(**runpy.run_path(str(HERE.parent / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(HERE / "plain_loop.py")))


def test_by_hand():
    # one weight that gives class 1 the logit w x, and class 0 the logit 0
    module = StackedModule(nn.Linear(1, 2, bias=False))
    rows = torch.tensor([[0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    features = torch.tensor([[math.log(3)], [math.log(3)], [-math.log(3)]], dtype=torch.float64)
    data = CohortData((features,), torch.tensor([1, 0, 0]), [np.array([0, 1, 2]), np.array([1])])
    losses, accuracies = measure(module, rows, data)
    # client 0 says 3/4 for class 1, twice, and then for class 0; client 1 says 3/4 for class 0
    by_hand = (-math.log(3 / 4) - math.log(1 / 4) - math.log(3 / 4)) / 3
    assert losses.tolist() == pytest.approx([by_hand, -math.log(3 / 4)])
    assert accuracies.tolist() == pytest.approx([2 / 3, 1.0])


@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
@pytest.mark.parametrize("batch", [4, 256])
def test_ragged_clients_equal_one_model_at_a_time(kind, batch, monkeypatch):
    monkeypatch.setattr(cohort, "EVALUATION_BATCH", batch)
    of = small.cohort(kind)
    losses, accuracies = measure(of.module, of.start, of.data)
    for client, rows in enumerate(of.data.clients):
        loss, accuracy = plain_loop.measure(of.plain, of.start[client], of.data, rows)
        assert float(losses[client]) == pytest.approx(loss, abs=1e-12)
        assert float(accuracies[client]) == pytest.approx(accuracy, abs=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
@pytest.mark.parametrize("batch", [4, 256])
def test_one_model_for_all_clients_equals_that_model_for_each(kind, batch, monkeypatch):
    monkeypatch.setattr(cohort, "EVALUATION_BATCH", batch)
    of = small.cohort(kind)
    losses, accuracies = measure_one(of.module, of.start[0], of.data)
    for client, rows in enumerate(of.data.clients):
        loss, accuracy = plain_loop.measure(of.plain, of.start[0], of.data, rows)
        assert float(losses[client]) == pytest.approx(loss, abs=1e-12)
        assert float(accuracies[client]) == pytest.approx(accuracy, abs=1e-12)


def test_log_probabilities_may_stand_in_for_logits():
    of = small.cohort("mixture")
    log_probs = of.module(of.start[:1], tuple(part[None] for part in of.data.inputs))[0]
    torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(len(log_probs), dtype=torch.float64))
    every = np.arange(len(log_probs))
    data = CohortData(of.data.inputs, of.data.labels, [every])
    losses, _ = measure(of.module, of.start[:1], data)
    by_hand = -log_probs[every, of.data.labels].mean()
    assert float(losses[0]) == pytest.approx(float(by_hand), abs=1e-12)
