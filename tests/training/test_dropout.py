"""The masks of dropout are a function of seed and place, and random enough."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from fedexperts.training.dropout import (
    ClientDropout,
    drawing_layers,
    layer_seeds,
    step_seed,
    with_client_dropout,
)

plain_dropout = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "plain_dropout.py")))

MANY = 200_000
SEEDS = st.integers(-(2**63), 2**63 - 1)


def seeds(*values):
    return torch.tensor(values, dtype=torch.int64)


def factors(layer, seed, *shape):
    return ClientDropout(layer).factors(torch.as_tensor(seed), torch.Size(shape), torch.float64)


def test_the_seeds_of_the_steps_are_the_published_words_of_splitmix64():
    # The first outputs for the seed 1234567, as in the tests of other implementations.
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    found = [step_seed(seeds(1234567), step).item() % 2**64 for step in range(5)]
    assert found == published == plain_dropout.words(1234567, 5)


@settings(deadline=None)
@given(base=st.lists(SEEDS, min_size=1, max_size=4), step=st.integers(0, 20))
def test_every_client_has_its_own_seed_for_a_step(base, step):
    expected = [plain_dropout.signed(plain_dropout.words(own, step + 1)[step]) for own in base]
    assert step_seed(seeds(*base), step).tolist() == expected


@settings(deadline=None)
@given(own=st.lists(SEEDS, min_size=1, max_size=3), layers=st.integers(0, 3))
def test_the_layers_of_a_client_have_seeds_of_their_own(own, layers):
    names = [f"body.{layer}" for layer in range(layers)]
    found = layer_seeds(seeds(*own), names)
    assert list(found) == [f"{name}.seed" for name in names]
    for layer, name in enumerate(names):
        expected = [plain_dropout.signed(plain_dropout.words(seed, layers)[layer]) for seed in own]
        assert found[f"{name}.seed"].tolist() == expected


@settings(deadline=None)
@given(
    own=st.lists(SEEDS, min_size=1, max_size=3),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    p=st.floats(0.01, 0.99),
)
def test_a_mask_equals_the_plain_one_for_every_client(own, shape, p):
    found = factors(nn.Dropout(p), seeds(*own), *shape)
    for client, seed in enumerate(own):
        torch.testing.assert_close(found[client], plain_dropout.factors(seed, shape, p), rtol=1e-15, atol=0)


@settings(deadline=None)
@given(
    seed=SEEDS, p=st.floats(0.05, 0.95), channels=st.integers(1, 4), sizes=st.tuples(*[st.integers(1, 3)] * 3)
)
def test_channels_are_dropped_as_a_whole(seed, p, channels, sizes):
    for dimensions, kind in enumerate([nn.Dropout1d, nn.Dropout2d, nn.Dropout3d], start=1):
        shape = (5, channels, *sizes[:dimensions])
        found = factors(kind(p), seed, *shape)
        assert found.shape == (5, channels, *[1] * dimensions)
        assert torch.equal(found.flatten(), factors(nn.Dropout(p), seed, 5, channels).flatten())


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.Dropout2d(0.4)])
def test_more_examples_behind_change_nothing_for_those_in_front(layer):
    assert torch.equal(factors(layer, 7, 10, 3, 4, 5)[:6], factors(layer, 7, 6, 3, 4, 5))


@pytest.mark.parametrize("p", [0.02, 0.2, 0.5, 0.9])
def test_as_many_are_dropped_as_asked_for_and_the_mean_is_kept(p):
    # Seeds next to one another are the hardest case.
    found = factors(nn.Dropout(p), seeds(*range(20)), MANY // 20)
    five_deviations = 5 * math.sqrt(p * (1 - p) / MANY)
    assert (found == 0).double().mean().item() == pytest.approx(p, abs=five_deviations)
    assert found.mean().item() == pytest.approx(1, abs=five_deviations / (1 - p))
    of_each = (found == 0).double().mean(dim=1)
    assert (of_each - p).abs().max() < 5 * math.sqrt(p * (1 - p) / (MANY // 20))


def test_masks_of_clients_steps_layers_and_neighbours_are_uncorrelated():
    masks = []
    for step in range(4):
        own = step_seed(seeds(0, 1, 2, 2**40), step)
        masks += [
            factors(nn.Dropout(0.5), seed, MANY // 10)
            for seed in layer_seeds(own, ["first", "second"]).values()
        ]
    every = torch.cat(masks)
    every = torch.cat([every, every[:3].roll(1, dims=1), every[:3].roll(28, dims=1)])
    correlations = torch.corrcoef(every) - torch.eye(len(every))
    # Of some 700 pairs, and their correlations have this deviation.
    assert correlations.abs().max() < 5 / math.sqrt(MANY // 10)


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_with_p_of_one_everything_is_dropped_with_a_gradient_of_zero(kind):
    layer = with_client_dropout(kind(1.0))
    values = torch.randn(3, 4, 2, 2, requires_grad=True)
    outputs = functional_call(layer, {"seed": torch.tensor(3)}, values)
    (gradient,) = torch.autograd.grad(outputs.sum(), values)
    assert torch.equal(outputs, torch.zeros(3, 4, 2, 2))
    assert torch.equal(gradient, torch.zeros(3, 4, 2, 2))


def test_with_p_of_zero_a_layer_draws_nothing():
    module = with_client_dropout(nn.Sequential(nn.Dropout(0.0), nn.Dropout2d(0.0)))
    values = torch.randn(3, 4, 2, 2)
    assert drawing_layers(module) == []
    assert torch.equal(module(values), values)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout1d(), (10, 4)),
        (nn.Dropout1d(), (10, 4, 3, 3)),
        (nn.Dropout2d(), (10, 4)),
        (nn.Dropout3d(), (10, 4, 3, 3)),
    ],
)
def test_a_layer_for_channels_refuses_activations_without_channels(layer, shape):
    # torch takes the batch of some of these for the channels, and drops whole examples.
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__} drops channels.*given \[10, 4"):
        factors(layer, 1, *shape)


class Twice(nn.Module):
    """Calls one dropout layer two times, as many models do."""

    def __init__(self, *, inplace=False):
        super().__init__()
        self.dropout = nn.Dropout(0.5, inplace=inplace)

    def forward(self, values):
        return torch.stack([self.dropout(values), self.dropout(values)])


def test_a_layer_that_is_called_twice_draws_anew_and_forgets_between_steps():
    module = with_client_dropout(Twice())
    ones = torch.ones(1000)
    first, second = functional_call(module, {"dropout.seed": torch.tensor(5)}, ones)
    assert torch.equal(first, factors(nn.Dropout(0.5), 5, 1000).float())
    assert 0.4 < (first == second).float().mean() < 0.6
    again = functional_call(module, {"dropout.seed": torch.tensor(5)}, ones)
    assert torch.equal(again, torch.stack([first, second]))
    assert torch.equal(module(ones), torch.ones(2, 1000))


def test_a_layer_that_works_in_place_does():
    module = with_client_dropout(Twice(inplace=True))
    values = torch.ones(1000)
    functional_call(module, {"dropout.seed": torch.tensor(5)}, values)
    assert set(values.tolist()) == {0.0, 4.0}


def test_layers_are_replaced_in_a_copy_wherever_they_stand():
    shared = nn.Dropout(0.5)
    module = nn.Sequential(
        shared, nn.Linear(2, 2), nn.Sequential(shared, nn.Dropout1d(0.1)), nn.AlphaDropout()
    )
    copied = with_client_dropout(module)
    assert drawing_layers(copied) == ["0", "2.1"]
    assert copied[0] is copied[2][0]
    assert copied[1] is not module[1]
    assert type(copied[3]) is nn.AlphaDropout
    assert module[0] is module[2][0] is shared
