"""A model that cannot work is found before anything is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from fedexperts.errors import UserError
from fedexperts.models.architecture import Architecture
from fedexperts.models.inputs import InputSpec
from fedexperts.parameters import ModelSettings
from fedexperts.training.trial import try_models

FEATURES = torch.zeros(1, 1, 8, 8)


class WrongWidth(nn.Module):
    """Takes inputs of another size."""

    def __init__(self, _inputs, outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(63, outputs))

    def forward(self, values):
        return self.layers(values)


class WrongOutputs(WrongWidth):
    """Returns one value too many."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, outputs + 1))


class Functional(nn.Module):
    """Dropout that is no layer."""

    def forward(self, values):
        return functional.dropout(values, 0.5, self.training)


class Always(nn.Module):
    """Dropout in evaluation too."""

    def forward(self, values):
        return functional.dropout(values)


class LSTM(nn.Module):
    """Two layers with dropout between them."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(8, 8, num_layers=2, dropout=0.5)

    def forward(self, values):
        return self.recurrent(values)[0]


class Attention(nn.Module):
    """Attention whose weights are dropped."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5)

    def forward(self, values):
        return self.attention(values, values, values)[0]


class Constants(nn.Module):
    """Numbers that are not trained: the same ones whenever it is built, or not."""

    def __init__(self, seed=None):
        super().__init__()
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.register_buffer("constants", torch.randn(8, generator=generator))

    def forward(self, values):
        return values * self.constants


def around(layer):
    """A model with a layer in its middle."""
    return lambda _inputs, outputs: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), layer(), nn.Linear(8, outputs)
    )


with_dropout = around(nn.Dropout)
with_dropout_in_a_block = around(lambda: nn.Sequential(nn.Softmax(dim=1), nn.Dropout(0.5)))
with_dropout1d = around(nn.Dropout1d)
with_functional = around(Functional)
with_always = around(Always)
with_lstm = around(LSTM)
with_attention = around(Attention)
with_rrelu = around(nn.RReLU)
with_random_constants = around(Constants)
with_constants = around(lambda: Constants(seed=1))


def attempt(**names):
    settings = ModelSettings(**{"expert": "mlp", "gate": "mlp", "specialist": None, **names})
    try_models(Architecture(settings, InputSpec((1, 8, 8)), 10), FEATURES)


@pytest.mark.parametrize("name", ["mlp", "small_cnn", "logistic_regression"])
def test_models_that_suit_the_data_pass(name):
    attempt(expert=name, gate=name)


@pytest.mark.parametrize("setting", ["expert", "specialist", "gate"])
def test_the_setting_of_a_model_that_cannot_be_computed_is_named(setting):
    with pytest.raises(UserError, match=rf"^model\.{setting} cannot be trained on examples of the shape"):
        attempt(**{setting: f"{__name__}:WrongWidth"})


def test_a_gate_that_returns_more_than_one_value_is_refused():
    with pytest.raises(UserError, match=r"^model\.gate must return 1 values.*returned \[2, 2\]"):
        attempt(gate=f"{__name__}:WrongOutputs")


@pytest.mark.parametrize("setting", ["expert", "specialist", "gate"])
def test_a_model_that_is_another_one_whenever_it_is_built_is_refused(setting):
    with pytest.raises(
        UserError, match=rf"^model\.{setting} has a buffer that is drawn at random, '2.constants'"
    ):
        attempt(**{setting: f"{__name__}:with_random_constants"})
    attempt(**{setting: f"{__name__}:with_constants"})


@pytest.mark.parametrize("name", ["with_dropout", "with_dropout_in_a_block"])
def test_layers_of_dropout_are_welcome(name):
    attempt(expert=f"{__name__}:{name}", gate=f"{__name__}:{name}")


@pytest.mark.parametrize("setting", ["expert", "specialist", "gate"])
@pytest.mark.parametrize(
    "name", ["with_functional", "with_always", "with_lstm", "with_attention", "with_rrelu"]
)
def test_a_model_that_draws_in_another_way_is_refused(setting, name):
    with pytest.raises(UserError, match=rf"^model\.{setting} draws random numbers.*nn\.Dropout"):
        attempt(**{setting: f"{__name__}:{name}"})


def test_dropout_of_channels_where_there_are_none_is_found():
    with pytest.raises(
        UserError, match=r"^model\.gate cannot be trained.*Dropout1d drops channels.*\[2, 8\]"
    ):
        attempt(gate=f"{__name__}:with_dropout1d")
