"""How far gates trust their specialists, on gates whose answer is known."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.models.weights import FAILED, ClientWeights
from fedexperts.personalization.data import PersonalData
from fedexperts.personalization.gates import COLUMNS, gate_table, majority_classes, measure_gate
from fedexperts.personalization.predictions import consult
from fedexperts.personalization.training import Workbench

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([0, 0, 1], 2, [True, False]),
        ([0, 1], 2, [False, False]),  # an even share is no majority
        ([0, 0, 0, 1, 1, 2], 3, [True, False, False]),
        ([2, 2, 1], 3, [False, False, True]),
        ([0, 0, 1, 1, 2], 4, [True, True, False, False]),
    ],
)
def test_majority_classes_have_more_than_an_even_share(labels, classes, expected):
    assert majority_classes(np.array(labels), classes).tolist() == expected


# ten examples of one feature, three classes, two clients
FEATURES = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0], [9.0]], dtype=np.float32)
LABELS = np.array([0, 0, 1, 0, 1, 2, 0, 1, 2, 2])
DATA = PersonalData(
    client_ids=(3, 8),
    opted_out=np.array([False, True]),
    features=FEATURES,
    labels=LABELS,
    # client 3 has most of class 0; client 8 of classes 1 and 2
    train=(np.array([0, 1, 2]), np.array([4, 5])),
    validation=(np.array([3]), np.array([6])),
    local_test=(np.array([1, 3]), np.array([2, 5, 6])),
    global_test=np.array([6, 7, 8]),
    classes=3,
)


def workbench():
    models = small.architecture("logistic_regression", shape=(1,))
    features = torch.as_tensor(FEATURES)
    says = torch.full((10, 3), 1 / 3).log()
    return Workbench(models, {}, features, torch.as_tensor(LABELS), says)


def gates(weight, bias):
    specialist = {
        "specialist.1.weight": np.full((2, 3, 1), 100.0, np.float32),
        "specialist.1.bias": np.full((2, 3), -100.0, np.float32),
    }
    gate = {
        "gate.1.weight": np.array(weight, np.float32).reshape(2, 1, 1),
        "gate.1.bias": np.array(bias, np.float32).reshape(2, 1),
    }
    return ClientWeights(np.array([3, 8]), {**specialist, **gate}, {}, np.array([1, 1]))


def measured(mixtures, bench=None):
    asked = consult(bench or workbench(), DATA, {"mixtures": mixtures}, ("mixture",))
    settings = small.settings({"personalization.constant_weights": 5}).personalization
    return gate_table(row for client in asked for row in measure_gate(client, DATA, settings))


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def test_constant_gates_are_measured_as_what_they_are():
    table = measured(gates([0, 0], [np.log(3), -np.log(4)]))
    assert table.columns.tolist() == list(COLUMNS)
    assert table.loc[table["client_id"] == 3, "mean_weight"].tolist() == pytest.approx([0.75, 0.75, 0.75])
    assert table.loc[table["client_id"] == 8, "mean_weight"].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2])
    assert table.groupby("client_id")["opted_out"].first().to_dict() == {3: False, 8: True}


def test_means_are_over_the_examples_of_each_group_and_test_set():
    table = measured(gates([1, -0.5], [-4, 1]))
    found = {(row.client_id, row.test_set, row.class_group): row for row in table.itertuples()}
    expected = {
        # local test of client 3 is of class 0 only, so there is no row for its minority
        (3, "local", "majority"): [sigmoid(1 - 4), sigmoid(3 - 4)],
        (3, "global", "majority"): [sigmoid(6 - 4)],
        (3, "global", "minority"): [sigmoid(7 - 4), sigmoid(8 - 4)],
        (8, "local", "majority"): [sigmoid(1 - 2 / 2), sigmoid(1 - 5 / 2)],
        (8, "local", "minority"): [sigmoid(1 - 6 / 2)],
        (8, "global", "majority"): [sigmoid(1 - 7 / 2), sigmoid(1 - 8 / 2)],
        (8, "global", "minority"): [sigmoid(1 - 6 / 2)],
    }
    assert found.keys() == expected.keys()
    for key, weights in expected.items():
        assert found[key].n == len(weights)
        assert found[key].mean_weight == pytest.approx(np.mean(weights), rel=1e-5)


def test_a_gate_whose_training_failed_is_left_out():
    trained = gates([0, 0], [np.log(3), -np.log(4)])
    table = measured(replace(trained, epochs=np.array([1, FAILED])))
    assert set(table["client_id"]) == {3}


def test_without_mixtures_the_table_is_empty_but_has_its_columns():
    table = gate_table([])
    assert len(table) == 0
    assert table.columns.tolist() == list(COLUMNS)


# the specialist is sure of class 0 and right on the classes 0, the generalist is sure of class 1
SURE = {
    "specialist.1.weight": np.zeros((2, 3, 1), np.float32),
    "specialist.1.bias": np.tile(np.log([0.8, 0.1, 0.1]).astype(np.float32), (2, 1)),
}


def test_the_gain_is_against_the_weight_that_suits_the_validation_examples():
    bench = workbench()
    says = torch.tensor([0.1, 0.8, 0.1]).log().expand(10, 3)
    bench = Workbench(bench.architecture, {}, bench.features, bench.labels, says)
    # h(x) = sigmoid(5 - x) is a half or more up to the feature 5
    gate = {
        "gate.1.weight": np.full((2, 1, 1), -1.0, np.float32),
        "gate.1.bias": np.full((2, 1), 5.0, np.float32),
    }
    table = measured(ClientWeights(np.array([3, 8]), SURE | gate, {}, np.array([1, 1])), bench)
    found = table.set_index(["client_id", "test_set", "class_group"])["gain"]
    # both validation examples, 3 and 6, are of class 0: the best of 0, 1/4, ..., 1 is 1, the specialist alone

    def loss(weight, label):
        specialist, generalist = [0.8, 0.1, 0.1][label], [0.1, 0.8, 0.1][label]
        return -np.log(weight * specialist + (1 - weight) * generalist)

    def gain(examples):
        pairs = [(sigmoid(5.0 - FEATURES[row, 0]), LABELS[row]) for row in examples]
        return np.mean([loss(1.0, label) - loss(weight, label) for weight, label in pairs])

    assert found[3, "local", "majority"] == pytest.approx(gain([1, 3]), rel=1e-4)
    assert found[3, "global", "majority"] == pytest.approx(gain([6]), rel=1e-4)
    assert found[3, "global", "minority"] == pytest.approx(gain([7, 8]), rel=1e-4)
    assert found[8, "local", "majority"] == pytest.approx(gain([2, 5]), rel=1e-4)
    assert found[3, "global", "minority"] > 0 > found[3, "global", "majority"]


def test_a_gate_that_is_the_best_constant_gains_nothing():
    bench = workbench()
    gate = {
        "gate.1.weight": np.zeros((2, 1, 1), np.float32),
        "gate.1.bias": np.full((2, 1), 200.0, np.float32),  # always the specialist
    }
    table = measured(ClientWeights(np.array([3, 8]), SURE | gate, {}, np.array([1, 1])), bench)
    np.testing.assert_allclose(table["gain"], 0.0, atol=1e-6)
