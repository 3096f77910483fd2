"""A model that cannot work is found before anything is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
