"""Many sets of weights for one module."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from fedexperts.errors import UserError
from fedexperts.training.stacked import StackedModule

HERE = Path(__file__).parent
small = SimpleNamespace(**runpy.run_path(str(HERE.parent / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(HERE / "plain_loop.py")))


class Scaled(nn.Module):
    """A module with a parameter that has no dimension."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.linear = nn.Linear(2, 3)

    def forward(self, features):
        return self.scale * self.linear(features)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
def test_every_client_is_computed_with_its_own_weights(kind):
    of = small.cohort(kind)
    rows = torch.arange(10).reshape(5, 2)
    inputs, _ = of.data.batch(rows)
    found = of.module(of.start, inputs)
    for client in range(5):
        model = plain_loop.load(of.plain, of.start[client])
        alone = model(*(part[rows[client]] for part in of.data.inputs))
        torch.testing.assert_close(found[client], alone, rtol=0, atol=1e-12)


def test_rows_and_parameters_undo_each_other():
    of = small.cohort("cnn")
    parameters = of.module.parameters(of.start)
    shapes = {name: tuple(value.shape) for name, value in of.plain.named_parameters()}
    assert {name: tuple(value.shape[1:]) for name, value in parameters.items()} == shapes
    assert torch.equal(of.module.rows(parameters), of.start)
    assert of.module.size == of.start.shape[1] == sum(value.numel() for value in of.plain.parameters())


def test_a_row_holds_the_parameters_in_the_modules_order():
    module = nn.Linear(2, 3)
    row = StackedModule(module).rows({name: value[None] for name, value in module.named_parameters()})
    assert torch.equal(row[0], parameters_to_vector(module.parameters()))


def test_rows_are_a_copy():
    module = StackedModule(nn.Linear(2, 1))
    parameters = {"weight": torch.ones(1, 1, 2), "bias": torch.ones(1, 1)}
    module.rows(parameters).zero_()
    assert parameters["weight"].tolist() == [[[1.0, 1.0]]]


def test_a_parameter_without_dimensions():
    module = Scaled()
    stacked = StackedModule(module)
    rows = torch.stack([torch.arange(1.0, 11.0), torch.ones(10)])
    parameters = stacked.parameters(rows)
    assert parameters["scale"].tolist() == [1.0, 1.0]
    assert torch.equal(stacked.rows(parameters), rows)
    found = stacked(rows, (torch.ones(2, 1, 2),))
    assert found[:, 0].tolist() == [[13.0, 18.0, 23.0], [3.0, 3.0, 3.0]]


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(3),
        nn.BatchNorm2d(3, affine=False, track_running_stats=False),
        nn.SyncBatchNorm(3),
        nn.Dropout(0.5),
        nn.Dropout2d(0.1),
        nn.AlphaDropout(0.1),
    ],
)
def test_layers_that_would_tie_clients_together_are_refused_by_name(layer):
    body = nn.Sequential(nn.Linear(3, 3), layer)
    with pytest.raises(UserError, match=rf"{type(layer).__name__} \('body.1'\)"):
        StackedModule(nn.ModuleDict({"body": body}))


def test_group_norm_is_welcome():
    module = nn.Sequential(nn.Linear(3, 4), nn.GroupNorm(2, 4))
    stacked = StackedModule(module)
    row = parameters_to_vector(module.parameters()).detach()
    features = torch.randn(1, 5, 3)
    torch.testing.assert_close(stacked(row[None], (features,))[0], module(features[0]))


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 2, 2), (4, 1, 1, 1)])
@pytest.mark.parametrize("first", [nn.Tanh(), nn.Identity()])
def test_a_chain_takes_features_of_any_shape(first, shape):
    module = nn.Sequential(first, nn.Flatten(), nn.Linear(4, 2)).double()
    stacked = StackedModule(module)
    rows = torch.randn(3, stacked.size, dtype=torch.float64)
    features = torch.randn(3, 5, *shape, dtype=torch.float64)
    found = stacked(rows, (features,))
    for client in range(3):
        alone = plain_loop.load(module, rows[client])(features[client])
        torch.testing.assert_close(found[client], alone, rtol=0, atol=1e-12)
