"""Probabilities are mixed, and not their logarithms (defect 4 of the reference code)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedexperts.models.mixture import Mixture, mix


def log(*rows):
    return torch.tensor(rows, dtype=torch.float64).log()


def logit(*weights):
    return torch.tensor([[math.log(weight / (1 - weight))] for weight in weights], dtype=torch.float64)


def test_by_hand():
    specialist = log([0.8, 0.1, 0.1], [0.5, 0.25, 0.25])
    generalist = log([0.2, 0.2, 0.6], [0.1, 0.1, 0.8])
    mixed = mix(specialist, generalist, logit(0.75, 0.5)).exp()
    expected = torch.tensor([[0.65, 0.125, 0.225], [0.3, 0.175, 0.525]], dtype=torch.float64)
    torch.testing.assert_close(mixed, expected)


def test_mixing_logarithms_would_give_something_else():
    specialist, generalist = log([0.9, 0.1]), log([0.1, 0.9])
    geometric = 0.7 * specialist + 0.3 * generalist
    assert (mix(specialist, generalist, logit(0.7)) - geometric).abs().min() > 0.1


finite = st.floats(-50, 50)


@given(
    st.lists(st.tuples(finite, finite), min_size=2, max_size=6),
    st.floats(-30, 30),
)
def test_the_mixture_is_log_of_h_p_plus_rest_and_sums_to_one(logits, gate):
    specialist, generalist = torch.tensor(logits, dtype=torch.float64).T.log_softmax(dim=1)
    mixed = mix(specialist, generalist, torch.tensor([gate], dtype=torch.float64))
    weight, rest = 1 / (1 + math.exp(-gate)), 1 / (1 + math.exp(gate))
    direct = (weight * specialist.exp() + rest * generalist.exp()).log()
    torch.testing.assert_close(mixed, direct, rtol=1e-9, atol=1e-9)
    assert float(mixed.exp().sum()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_extreme_gates_and_experts_stay_finite_and_so_do_their_gradients(dtype, size):
    gate = torch.tensor([[size], [-size]], dtype=dtype, requires_grad=True)
    sure = torch.tensor([[1e4, 0.0], [1e4, 0.0]], dtype=dtype, requires_grad=True)
    specialist = sure.log_softmax(dim=1)
    generalist = torch.tensor([[0.0, 1e4], [0.0, 1e4]], dtype=dtype).log_softmax(dim=1)
    mixed = mix(specialist, generalist, gate)
    assert mixed.isfinite().all()
    assert torch.equal(mixed.argmax(dim=1), torch.tensor([0, 1]))
    mixed.sum().backward()
    assert gate.grad.isfinite().all()
    assert sure.grad.isfinite().all()


@pytest.mark.parametrize(("gate", "winner"), [(200.0, 0), (-200.0, 1)])
def test_a_gate_that_is_sure_gives_one_expert_exactly(gate, winner):
    experts = log([0.7, 0.3]), log([0.4, 0.6])
    assert torch.equal(mix(*experts, torch.tensor([[gate]], dtype=torch.float64)), experts[winner])


def test_the_gradient_of_the_gate_by_hand():
    specialist, generalist = log([0.8, 0.2]), log([0.3, 0.7])
    gate = logit(0.4).requires_grad_()
    (-mix(specialist, generalist, gate)[0, 0]).backward()
    # d/dz log(h p + (1-h) q) = h (1-h) (p - q) / (h p + (1-h) q)
    assert float(gate.grad) == pytest.approx(-0.4 * 0.6 * 0.5 / 0.5)


def test_the_module_mixes_normalised_outputs_and_knows_nothing_of_a_generalist():
    specialist, gate = nn.Linear(2, 3).double(), nn.Linear(2, 1).double()
    mixture = Mixture(specialist, gate)
    assert {name.split(".")[0] for name, _ in mixture.named_parameters()} == {"specialist", "gate"}
    features = torch.randn(5, 2, dtype=torch.float64)
    generalist = torch.randn(5, 3, dtype=torch.float64).log_softmax(dim=1).requires_grad_()
    weight = gate(features).sigmoid()
    by_hand = weight * specialist(features).softmax(dim=1) + (1 - weight) * generalist.exp()
    torch.testing.assert_close(mixture(features, generalist).exp(), by_hand)
