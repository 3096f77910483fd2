"""What experts and gates look like, and where their first weights come from."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from fedexperts.errors import UserError
from fedexperts.models.architecture import initial_parameters

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

CIFAR, FASHION = (3, 32, 32), (1, 28, 28)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("shape", "expert", "gate"), [(CIFAR, 62_006, 61_241), (FASHION, 44_426, 43_661)])
def test_lenet_has_as_many_parameters_as_the_papers(shape, expert, gate):
    models = small.architecture("lenet", "lenet", shape, classes=10)
    assert count(models.expert()) == expert
    assert count(models.gate()) == gate
    images = torch.zeros(2, *shape)
    assert models.expert()(images).shape == (2, 10)
    assert models.gate()(images).shape == (2, 1)


def test_lenet_equals_the_papers_order_of_layers():
    # the paper puts the ReLU in front of the pooling
    lenet = small.architecture("lenet", shape=CIFAR, classes=10).expert()
    layers = dict(lenet.named_children())
    order = ["0", "2", "1", "3", "5", "4", *(str(place) for place in range(6, 12))]
    assert [type(layers[place]).__name__ for place in order[:6]] == ["Conv2d", "ReLU", "MaxPool2d"] * 2
    images = torch.randn(4, *CIFAR)
    assert torch.equal(nn.Sequential(*(layers[place] for place in order))(images), lenet(images))


@pytest.mark.parametrize("name", ["lenet", "small_cnn", "mlp", "logistic_regression"])
def test_a_model_returns_logits_and_no_probabilities(name):
    # defect 6 of the reference code: softmax inside the model, and again in the loss
    shape = (1, 16, 16)
    expert = small.architecture(name, shape=shape, classes=5).expert()
    outputs = expert(10 * torch.randn(50, *shape, generator=torch.Generator().manual_seed(0)))
    assert outputs.shape == (50, 5)
    assert not isinstance(list(expert.children())[-1], nn.Softmax | nn.LogSoftmax)
    assert (outputs < 0).any()
    assert (outputs > 0).any()
    assert (outputs.exp().sum(dim=1) - 1).abs().min() > 1e-6


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lenet", (1, 15, 16)), ("lenet", (3, 40)), ("small_cnn", (3, 8, 3)), ("small_cnn", (20,))],
)
def test_images_that_are_too_small_or_none_at_all_are_refused(name, shape):
    models = small.architecture(name, "mlp", shape)
    with pytest.raises(UserError, match=rf"'{name}' needs images.*of at least"):
        models.models()


@pytest.mark.parametrize(("name", "side"), [("lenet", 16), ("small_cnn", 4)])
def test_the_smallest_images_do(name, side):
    shape = (2, side, side)
    assert small.architecture(name, shape=shape).expert()(torch.zeros(1, *shape)).shape == (1, 3)


def test_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match=r"'lenett'.*Did you mean 'lenet'"):
        small.architecture("lenett").expert()


class Custom(nn.Module):
    """A user's model: weights outside any layer, and a layer that starts from nothing."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(inputs.shape[0]))
        self.head = nn.Linear(inputs.shape[0], outputs)
        nn.init.zeros_(self.head.weight)

    def forward(self, features):
        return self.head(features - self.centres)


@pytest.fixture
def custom(monkeypatch):
    module = ModuleType("somebodys_models")
    module.Custom = Custom
    monkeypatch.setitem(sys.modules, "somebodys_models", module)
    return small.architecture("somebodys_models:Custom")


def test_a_model_can_be_named_by_its_import_path(custom):
    assert custom.expert()(torch.zeros(6, 4)).shape == (6, 3)


def first_weights(models, *keys, seed=0, purpose="test"):
    return initial_parameters(models.expert, seed, purpose, *keys)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", ["mlp", "small_cnn"])
def test_first_weights_depend_on_seed_purpose_and_keys_alone(name):
    models = small.architecture(name, shape=(1, 4, 4))
    first = first_weights(models, 1)
    torch.manual_seed(5)
    torch.randn(3)
    assert same(first_weights(models, 1), first)
    for other in (
        first_weights(models, 2),
        first_weights(models),
        first_weights(models, 1, seed=1),
        first_weights(models, 1, purpose="other"),
    ):
        assert not any(torch.equal(other[key], first[key]) for key in first)


def test_all_weights_of_a_users_model_come_from_the_stream_in_its_own_way(custom):
    first = first_weights(custom)
    torch.randn(7)
    assert same(first_weights(custom), first)
    other = first_weights(custom, seed=1)
    assert not torch.equal(other["centres"], first["centres"])
    assert not torch.equal(other["head.bias"], first["head.bias"])
    assert first["head.weight"].tolist() == [[0.0] * 4] * 3


def test_first_weights_leave_torchs_own_generator_untouched():
    before = torch.random.get_rng_state()
    first_weights(small.architecture())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_first_weights_leave_the_gpus_generator_untouched():
    before = torch.cuda.get_rng_state()
    first_weights(small.architecture())
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_first_weights_are_spread_as_torch_spreads_them():
    weight = first_weights(small.architecture("mlp", shape=(100,)))["1.weight"]
    # uniform between -1/sqrt(inputs) and +1/sqrt(inputs)
    assert weight.abs().max() <= 0.1
    assert float(weight.std()) == pytest.approx(0.1 / 3**0.5, rel=0.05)
