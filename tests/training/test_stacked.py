"""Many sets of weights for one module."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from fedexperts.errors import UserError
from fedexperts.models.mixture import Mixture
from fedexperts.training.stacked import StackedModule

HERE = Path(__file__).parent
small = SimpleNamespace(**runpy.run_path(str(HERE.parent / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(HERE / "plain_loop.py")))
plain_dropout = SimpleNamespace(**runpy.run_path(str(HERE / "plain_dropout.py")))


class Scaled(nn.Module):
    """A module with a parameter that has no dimension."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.linear = nn.Linear(2, 3)

    def forward(self, features):
        return self.scale * self.linear(features)


class AlwaysDropout(nn.Dropout):
    """A layer that drops in evaluation too."""

    def forward(self, values):
        return functional.dropout(values, self.p)


class Recurrent(nn.Module):
    """Dropout around a layer that can only be computed one client at a time."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.recurrent = nn.GRU(3, 4, batch_first=True)

    def forward(self, features):
        return self.dropout(self.recurrent(self.dropout(features))[0][:, -1])


class Residual(nn.Module):
    """Layers that are no chain."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout1d(0.4))
        self.dropout = nn.Dropout(0.3)

    def forward(self, features):
        return (self.dropout(features) + self.body(features)).flatten(1)


def dense(outputs=2):
    return nn.Sequential(
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(6, 4), nn.ReLU(), nn.Dropout(0.6), nn.Linear(4, outputs)
    )


WITH_DROPOUT = {
    "chain": dense(),
    "chain with dropout in front": nn.Sequential(nn.Dropout1d(0.5), nn.Flatten(), nn.Linear(6, 2)),
    "general": Residual(),
    "one by one": Recurrent(),
    "mixture": Mixture(dense(), dense(outputs=1)),
    "mixture with a general part": Mixture(nn.Sequential(Residual(), nn.Linear(6, 2)), dense(outputs=1)),
}


def with_dropout(module, clients=5, batch=4):
    """A stack of a module, with weights, inputs and seeds of every client."""
    stream = torch.Generator().manual_seed(0)
    stacked = StackedModule(module.double())
    rows = torch.randn(clients, stacked.size, dtype=torch.float64, generator=stream)
    inputs = (torch.randn(clients, batch, 2, 3, dtype=torch.float64, generator=stream),)
    if isinstance(module, Mixture):
        log_probs = torch.randn(clients, batch, 2, dtype=torch.float64, generator=stream).log_softmax(dim=2)
        inputs = (*inputs, log_probs)
    return stacked, rows, inputs, torch.arange(clients) - 2


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
    row = StackedModule(module).row(dict(module.named_parameters()))
    assert torch.equal(row, parameters_to_vector(module.parameters()))


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
        nn.AlphaDropout(0.1),
        nn.FeatureAlphaDropout(0.0),
        AlwaysDropout(0.5),
    ],
)
def test_layers_that_would_tie_clients_together_are_refused_by_name(layer):
    body = nn.Sequential(nn.Linear(3, 3), layer)
    with pytest.raises(UserError, match=rf"{type(layer).__name__} \('body.1'\)"):
        StackedModule(nn.ModuleDict({"body": body}))


def test_frozen_parameters_are_refused_by_name():
    body = nn.Sequential(nn.Linear(3, 3).requires_grad_(requires_grad=False), nn.Linear(3, 2))
    with pytest.raises(UserError, match=r"frozen parameter \('0.weight'\)"):
        StackedModule(body)


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


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_with_seeds_every_client_has_its_own_dropout(name):
    module = WITH_DROPOUT[name]
    stacked, rows, inputs, seeds = with_dropout(module)
    assert stacked.draws
    found = stacked(rows.requires_grad_(), inputs, seeds)
    (gradient,) = torch.autograd.grad(found.square().sum(), rows)
    for client, seed in enumerate(seeds.tolist()):
        model = plain_loop.load(plain_dropout.with_masks(module, seed), rows[client].detach())
        alone = model(*(part[client] for part in inputs))
        torch.testing.assert_close(found[client], alone, rtol=0, atol=1e-12)
        own = torch.autograd.grad(alone.square().sum(), list(model.parameters()))
        torch.testing.assert_close(gradient[client], parameters_to_vector(own), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_without_seeds_nothing_is_dropped(name):
    module = WITH_DROPOUT[name]
    stacked, rows, inputs, seeds = with_dropout(module)
    found = stacked(rows, inputs)
    for client in range(len(rows)):
        alone = plain_loop.load(module, rows[client]).eval()(*(part[client] for part in inputs))
        torch.testing.assert_close(found[client], alone, rtol=0, atol=1e-12)
    assert not torch.equal(found, stacked(rows, inputs, seeds))
    # ... and the seeds of a step are gone behind it.
    assert torch.equal(found, stacked(rows, inputs))


@pytest.mark.parametrize("module", WITH_DROPOUT.values())
def test_dropout_depends_neither_on_the_other_clients_nor_on_empty_slots(module):
    stacked, rows, inputs, seeds = with_dropout(module)
    every = stacked(rows, inputs, seeds)
    for chosen in ([3], [4, 1], [2, 0, 3, 1, 4]):
        some = stacked(rows[chosen], tuple(part[chosen] for part in inputs), seeds[chosen])
        torch.testing.assert_close(some, every[chosen], rtol=0, atol=1e-12)
    fewer = stacked(rows, tuple(part[:, :3] for part in inputs), seeds)
    torch.testing.assert_close(fewer, every[:, :3], rtol=0, atol=1e-12)
    assert not torch.equal(stacked(rows, inputs, seeds + 1), every)


def test_a_module_draws_only_if_it_drops_something():
    assert StackedModule(dense()).draws
    assert not StackedModule(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0))).draws
    stacked = StackedModule(nn.Linear(2, 2))
    assert not stacked.draws
    rows, features = torch.randn(3, stacked.size), (torch.randn(3, 5, 2),)
    assert torch.equal(stacked(rows, features, torch.arange(3)), stacked(rows, features))


def test_a_module_is_copied_and_left_as_it_was():
    module = dense()
    StackedModule(module)
    assert module.training
    assert [type(layer) for layer in module] == [type(layer) for layer in dense()]
