"""How a model learns what comes in, and what it says of what does not suit it."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedexperts.errors import UserError
from fedexperts.examples import Examples, as_texts
from fedexperts.federation.server import train_generalist
from fedexperts.models.architecture import Architecture
from fedexperts.models.inputs import InputSpec
from fedexperts.parameters import ModelSettings
from fedexperts.personalization.data import select_personal

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

TEXT_SETTINGS = {
    "data.preprocessing": "vocabulary",
    "data.vocabulary": {"size": 50, "min_count": 1, "lower_case": True, "max_length": 7},
    "federation.rounds": 20,
    "federation.learning_rate": 0.02,
}


def texts_about_classes(count=200, classes=3):
    stream = np.random.default_rng(0)
    labels = stream.permutation(np.arange(count) % classes)
    texts = []
    for label in labels:
        about = [f"topic{label}x{stream.integers(3)}", *(f"word{i}" for i in stream.integers(30, size=4))]
        texts.append(" ".join(stream.permutation(about)))
    return Examples(as_texts(texts), labels, tuple("abc"[:classes]))


@pytest.mark.parametrize(
    ("expert", "inputs", "problem"),
    [
        ("mlp", InputSpec((7,), 50), "'mlp' needs numbers, but the examples are texts of up to 7 words"),
        ("logistic_regression", InputSpec((7,), 50), "'logistic_regression' needs numbers"),
        ("lenet", InputSpec((7,), 50), "'lenet' needs images .* vocabulary of 50"),
        ("small_cnn", InputSpec((7,), 50), "'small_cnn' needs images"),
        ("bilstm", InputSpec((1, 8, 8)), "'bilstm' needs texts .* numbers of the shape"),
        ("bag_of_embeddings", InputSpec((1, 8, 8)), "'bag_of_embeddings' needs texts"),
    ],
)
@pytest.mark.parametrize("role", ["expert", "specialist", "gate"])
def test_a_model_that_does_not_suit_the_data_is_refused_in_any_role(expert, inputs, problem, role):
    suited = "bag_of_embeddings" if inputs.vocabulary else "mlp"
    names = {"expert": suited, "gate": suited, role: expert}
    with pytest.raises(UserError, match=problem):
        Architecture(ModelSettings(**names), inputs, 3).models()


def test_an_unsuited_gate_is_refused_before_the_generalist_is_trained():
    of = small.world(
        TEXT_SETTINGS | {"model.expert": "bag_of_embeddings", "model.gate": "mlp"}, texts_about_classes()
    )
    with pytest.raises(UserError, match="'mlp' needs numbers"):
        train_generalist(
            small.opt_in_clients(of),
            of.settings.model,
            of.settings.federation,
            0,
            small.ENGINE,
            small.checkpoints(),
        )


@pytest.mark.parametrize("model", ["bilstm", "bag_of_embeddings"])
def test_texts_are_learnt_from_end_to_end(model):
    of = small.world(TEXT_SETTINGS | {"model.expert": model, "model.gate": model}, texts_about_classes())
    clients = small.opt_in_clients(of)
    data = select_personal(of.examples, of.clients, of.assignments, of.preprocessing)
    assert clients.vocabulary == data.vocabulary == len(of.preprocessing["words"]) + 2
    weights, history = train_generalist(
        clients,
        of.settings.model,
        of.settings.federation,
        of.settings.seed,
        small.ENGINE,
        small.checkpoints(),
    )
    assert len(weights.parameters["encoder.embedding.weight"]) == clients.vocabulary
    assert history["validation_accuracy"].iloc[-1] > 0.9


def test_numbers_have_no_vocabulary():
    of = small.world()
    assert small.opt_in_clients(of).vocabulary is None
    assert select_personal(of.examples, of.clients, of.assignments, of.preprocessing).vocabulary is None
