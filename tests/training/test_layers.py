"""The fast path gives what the general one gives, and is taken where it may be."""

from __future__ import annotations

import runpy
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.func import functional_call

from fedexperts.models.mixture import Mixture
from fedexperts.training.dropout import drawing_layers, layer_seeds, with_client_dropout
from fedexperts.training.layers import _general, convolve_by_products, is_fast, stack

plain_dropout = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "plain_dropout.py")))

CLIENTS, BATCH = 3, 4


def dense(outputs=5):
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 9 * 7, 6), nn.GELU(), nn.Linear(6, outputs))


CHAINS = {
    "dense": dense(),
    "dense without bias": nn.Sequential(nn.Flatten(), nn.Linear(2 * 9 * 7, 5, bias=False)),
    "dense on the last axis": nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2)),
    "convolutions": nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(3, 4, (2, 1), stride=(1, 2), dilation=(2, 1), bias=False),
        nn.Flatten(),
        nn.Linear(4 * 2 * 2, 5),
    ),
    "same padding": nn.Sequential(nn.Conv2d(2, 3, 3, padding="same"), nn.Flatten(), nn.Linear(3 * 9 * 7, 2)),
    "group norm and average pooling": nn.Sequential(
        nn.Conv2d(2, 6, 3),
        nn.GroupNorm(3, 6),
        nn.SiLU(),
        nn.GroupNorm(2, 6, affine=False),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    ),
    "layers with names": nn.Sequential(
        OrderedDict(body=nn.Conv2d(2, 3, 3), flat=nn.Flatten(), head=nn.Linear(3 * 7 * 5, 2))
    ),
}


def draw(module, inputs):
    """Parameters of several clients, and what each client's own module gives."""
    stream = torch.Generator().manual_seed(0)
    parameters = {
        name: torch.randn(CLIENTS, *value.shape, generator=stream, dtype=torch.float64)
        for name, value in module.named_parameters()
    }
    single = [
        functional_call(module, {k: v[i] for k, v in parameters.items()}, tuple(x[i] for x in inputs))
        for i in range(CLIENTS)
    ]
    return parameters, torch.stack(single)


def images(*shape):
    return torch.randn(
        CLIENTS, BATCH, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_gives_every_client_what_its_own_module_gives(name):
    module = CHAINS[name].double()
    assert is_fast(module)
    inputs = (images(2, 9, 7),)
    parameters, expected = draw(module, inputs)
    torch.testing.assert_close(stack(module)(parameters, inputs), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, stride=2, padding=1)])
@pytest.mark.parametrize("channels", [1, 2])
def test_maxima_before_relu_are_those_behind_it_with_their_gradients(pool, channels):
    """Where all of a window is negative, and where values repeat, too."""
    convolutions = nn.Conv2d(channels, 3, 2), nn.Conv2d(3, 2, 2)
    chain = [convolutions[0], nn.ReLU(inplace=True), pool, convolutions[1], nn.ReLU(), nn.Flatten()]
    module = nn.Sequential(*chain).double()
    values = images(channels, 9, 7)
    values[:, :, :, :4] = values[:, :, :, :1]  # like an empty background
    values.requires_grad_()
    parameters, _ = draw(module, (values,))
    parameters = {name: value.requires_grad_() for name, value in parameters.items()}
    own = [{name: value[client] for name, value in parameters.items()} for client in range(CLIENTS)]
    single = torch.stack(
        [functional_call(module, own[client], (values[client],)) for client in range(CLIENTS)]
    )
    together = stack(module)(parameters, (values,))
    torch.testing.assert_close(together, single, rtol=1e-12, atol=1e-12)
    weights = torch.rand(single.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found, plain = (
        torch.autograd.grad((outputs * weights).sum(), [values, *parameters.values()])
        for outputs in (together, single)
    )
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-12)


def test_a_mixture_of_chains_gives_what_its_own_module_gives():
    module = Mixture(CHAINS["convolutions"], dense(outputs=1)).double()
    log_probs = images(5).log_softmax(dim=-1)
    inputs = (images(2, 9, 7), log_probs)
    parameters, expected = draw(module, inputs)
    torch.testing.assert_close(stack(module)(parameters, inputs), expected, rtol=1e-10, atol=1e-10)


class Doubled(nn.Linear):
    """A layer that is not what its base class is."""

    def forward(self, values):
        return 2 * super().forward(values)


def shared_layer():
    layer = nn.Linear(7, 7)
    return nn.Sequential(layer, nn.ReLU(), layer)


def tied_weights():
    first, second = nn.Linear(7, 7), nn.Linear(7, 7)
    second.weight = first.weight
    return nn.Sequential(first, second)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(Doubled(7, 3)),
        shared_layer(),
        tied_weights(),
        nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(4 * 7 * 5, 2)),
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"), nn.Flatten()),
        nn.Sequential(nn.Linear(7, 3), nn.Softmax(dim=-1)),
        nn.Sequential(nn.Sequential(nn.Linear(7, 3))),
    ],
)
def test_anything_else_takes_the_general_path_and_is_exact(module):
    module = module.double()
    assert not is_fast(module)
    inputs = (images(2, 9, 7),)
    parameters, expected = draw(module, inputs)
    torch.testing.assert_close(stack(module)(parameters, inputs), expected, rtol=1e-10, atol=1e-10)


class Recurrent(nn.Module):
    """A layer that has no batching rule."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(7, 3, batch_first=True)

    def forward(self, values):
        return self.recurrent(values.flatten(1, 2))[0][:, -1]


def test_layers_that_cannot_be_batched_are_computed_one_client_at_a_time():
    module = Recurrent().double()
    inputs = (images(2, 9, 7),)
    parameters, expected = draw(module, inputs)
    parameters = {name: value.requires_grad_() for name, value in parameters.items()}
    outputs = stack(module)(parameters, inputs)
    torch.testing.assert_close(outputs, expected, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad(outputs[1].sum(), list(parameters.values()))
    assert all(part[1].abs().sum() > 0 for part in gradients)
    assert all(part[[0, 2]].abs().sum() == 0 for part in gradients)


WITH_DROPOUT = {
    "dense": nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.75),
        nn.Linear(2 * 9 * 7, 6),
        nn.ReLU(),
        nn.Dropout(0.5, inplace=True),
        nn.Linear(6, 5),
    ),
    "dense on the last axis": nn.Sequential(
        nn.Linear(7, 5), nn.Dropout(0.5), nn.Linear(5, 2), nn.Dropout2d(0.5)
    ),
    "convolutions": nn.Sequential(
        nn.Dropout2d(0.5),
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Dropout(0.5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(3, 4, 2),
        nn.Dropout2d(0.75),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(4 * 3 * 2, 5),
    ),
    "everything and nothing": nn.Sequential(
        nn.Dropout2d(1.0), nn.Flatten(), nn.Dropout(0.0), nn.Linear(2 * 9 * 7, 3), nn.Dropout(0.5)
    ),
}


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_the_fast_path_drops_exactly_what_the_general_one_drops_and_what_a_client_alone_drops(name):
    module = with_client_dropout(WITH_DROPOUT[name]).double()
    assert is_fast(module)
    # Whole numbers, and factors of two or zero: nothing is rounded, in whatever order it is added up.
    inputs = (images(2, 9, 7).mul(3).round(),)
    parameters = {key: value.round() for key, value in draw(module, inputs)[0].items()}
    seeds = torch.tensor([3, -(2**63), 2**63 - 1])
    stacked = {**parameters, **layer_seeds(seeds, drawing_layers(module))}
    found = stack(module)(stacked, inputs)
    assert torch.equal(found, _general(module)(stacked, inputs))
    for client, seed in enumerate(seeds.tolist()):
        own = {key: value[client] for key, value in parameters.items()}
        plain = plain_dropout.with_masks(WITH_DROPOUT[name], seed)
        assert torch.equal(found[client], functional_call(plain, own, inputs[0][client]))


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "padding": (1, 2), "bias": False},
        {"kernel_size": 3, "stride": (2, 1), "dilation": (1, 2), "padding": 2},
    ],
    ids=str,
)
def test_convolving_by_products_is_convolving(options):
    layer = nn.Conv2d(2, 5, **options).double()
    draw = torch.Generator().manual_seed(4)
    own = {
        name: torch.randn(3, *value.shape, generator=draw, dtype=torch.float64)
        for name, value in layer.named_parameters()
    }
    images = torch.randn(4, 3 * 2, 9, 8, generator=draw, dtype=torch.float64, requires_grad=True)
    found = convolve_by_products(layer, own, images, 3)
    expected = torch.cat(
        [
            functional_call(layer, {name: value[client] for name, value in own.items()}, part)
            for client, part in enumerate(images.chunk(3, dim=1))
        ],
        dim=1,
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    gradients = [
        torch.autograd.grad((out**2).sum(), images, retain_graph=True)[0] for out in (found, expected)
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-11)
