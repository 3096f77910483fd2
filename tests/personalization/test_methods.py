"""What every method makes of the models' outputs, by hand."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedexperts.personalization import (
    constant,
    controls,
    density_ratio,
    experts,
    prior_shift,
    wise_ft,
)
from fedexperts.personalization.mixing import mix_constant
from fedexperts.personalization.outputs import Outputs
from fedexperts.personalization.predictions import load_kind, load_method
from fedexperts.personalization.registry import KINDS, METHODS, chosen_methods, needed_kinds

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

FUNCTIONS = {
    "fedavg": experts.generalist,
    "local": experts.local,
    "finetuned": experts.finetuned,
    "mixture": experts.mixture,
    "density_ratio": density_ratio.density_ratio,
    "prior_shift": prior_shift.prior_shift,
    "wise_ft": wise_ft.wise_ft,
    "average": controls.average,
    "constant": constant.constant,
    "oracle": controls.oracle,
}


def outputs(specialist, generalist, labels, **others):
    return Outputs(
        labels=np.array(labels),
        generalist=np.log(np.array(generalist, dtype=np.float64)),
        personal={"specialists": np.log(np.array(specialist, dtype=np.float64)), **others},
        prior=np.full(np.shape(generalist)[1], 1 / np.shape(generalist)[1]),
        parts=None,
        interpolated=None,
    )


def both(weight, test=None):
    test = TEST if test is None else test
    return mix_constant(test.personal["specialists"], test.generalist, weight)


def choose(candidates=10):
    return small.settings({"personalization.constant_weights": candidates}).personalization


TEST = outputs([[0.8, 0.2], [0.5, 0.5]], [[0.4, 0.6], [0.1, 0.9]], [1, 0])


def test_every_registered_method_and_kind_is_what_its_name_says():
    assert {name: load_method(name) for name in METHODS} == FUNCTIONS
    for name in KINDS:
        kind = load_kind(name)
        assert all(callable(getattr(kind, part)) for part in ("module", "start", "inputs", "training"))
    assert all(set(entry.needs) <= set(KINDS) for entry in METHODS.values())


def test_the_experts_pass_on_what_their_model_says():
    test = outputs([[1.0]], [[1.0]], [0], locals="of the local model", mixtures="of the mixture")
    assert experts.generalist(test, test, None) is test.generalist
    assert experts.finetuned(test, test, None) is test.personal["specialists"]
    assert experts.local(test, test, None) == "of the local model"
    assert experts.mixture(test, test, None) == "of the mixture"


def test_the_average_is_of_probabilities():
    averaged = np.exp(controls.average(TEST, None, None))
    np.testing.assert_allclose(averaged, [[0.6, 0.4], [0.3, 0.7]])


@pytest.mark.parametrize("weight", [0.25, 0.9])
def test_a_constant_weight_by_hand(weight):
    mixed = np.exp(constant.predict(TEST, weight))
    np.testing.assert_allclose(
        mixed,
        [
            [0.8 * weight + 0.4 * (1 - weight), 0.2 * weight + 0.6 * (1 - weight)],
            [0.5 * weight + 0.1 * (1 - weight), 0.5 * weight + 0.9 * (1 - weight)],
        ],
    )
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_none_and_all_give_one_expert_exactly(dtype):
    sure = np.array([[0.0, -1e4], [-700.0, 0.0]], dtype=dtype)
    unsure = np.log(np.array([[0.3, 0.7], [0.6, 0.4]], dtype=dtype))
    np.testing.assert_array_equal(mix_constant(unsure, sure, 0.0), sure)
    np.testing.assert_array_equal(mix_constant(unsure, sure, 1.0), unsure)


def test_the_constant_is_the_best_of_the_grid_on_validation():
    # 2 log(0.2 + 0.6 w) + log(0.8 - 0.6 w) is largest at w = 7/9, which is on a grid of ten
    validation = outputs([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], [[0.2, 0.8]] * 3, [0, 0, 1])
    found = constant.constant(TEST, validation, choose(10))
    np.testing.assert_allclose(found, both(7 / 9))
    # of 0, 1/2 and 1 it is 1: 0.8 * 0.8 * 0.2 is a little more than 0.5 * 0.5 * 0.5
    coarse = constant.constant(TEST, validation, choose(3))
    np.testing.assert_array_equal(coarse, TEST.personal["specialists"])


@pytest.mark.parametrize(("right", "expected"), [("specialist", 1.0), ("generalist", 0.0)])
def test_the_constant_goes_to_either_end(right, expected):
    good, bad = [[0.9, 0.1]] * 2, [[0.2, 0.8]] * 2
    validation = outputs(good, bad, [0, 0]) if right == "specialist" else outputs(bad, good, [0, 0])
    found = constant.constant(TEST, validation, choose())
    np.testing.assert_array_equal(found, both(expected))


def test_the_constant_never_looks_at_the_test_labels():
    validation = outputs([[0.7, 0.3]] * 2, [[0.4, 0.6]] * 2, [0, 1])
    flipped = replace(TEST, labels=1 - TEST.labels)
    np.testing.assert_array_equal(
        constant.constant(TEST, validation, choose()), constant.constant(flipped, validation, choose())
    )


@pytest.mark.parametrize(
    ("specialist", "generalist", "winner"),
    [
        ([0.6, 0.3, 0.1], [0.3, 0.6, 0.1], "specialist"),  # only the specialist is right
        ([0.3, 0.6, 0.1], [0.4, 0.3, 0.3], "generalist"),  # only the generalist is
        ([0.9, 0.1, 0.0], [0.6, 0.3, 0.1], "specialist"),  # both are, the specialist more surely
        ([0.6, 0.3, 0.1], [0.9, 0.1, 0.0], "generalist"),
        ([0.3, 0.7, 0.0], [0.2, 0.4, 0.4], "specialist"),  # neither is, the specialist is nearer
        ([0.2, 0.7, 0.1], [0.3, 0.1, 0.6], "generalist"),
        # who is right counts more than who gives the label more
        ([0.36, 0.32, 0.32], [0.45, 0.55, 0.0], "specialist"),
        ([0.45, 0.55, 0.0], [0.36, 0.32, 0.32], "generalist"),
    ],
)
def test_the_oracle_takes_the_better_expert(specialist, generalist, winner):
    with np.errstate(divide="ignore"):
        test = outputs([specialist], [generalist], [0])
    expected = test.personal["specialists"] if winner == "specialist" else test.generalist
    np.testing.assert_array_equal(controls.oracle(test, None, None), expected)


def test_the_oracle_decides_example_by_example_and_is_at_least_as_right_as_either():
    stream = np.random.default_rng(0)
    specialist, generalist = stream.dirichlet(np.ones(3), (2, 200))
    labels = stream.integers(0, 3, 200)
    test = outputs(specialist, generalist, labels)
    found = controls.oracle(test, None, None)
    right = found.argmax(axis=1) == labels
    either = (specialist.argmax(axis=1) == labels) | (generalist.argmax(axis=1) == labels)
    np.testing.assert_array_equal(right, either)
    from_specialist = (found == test.personal["specialists"]).all(axis=1)
    assert 0 < from_specialist.sum() < 200


def test_the_generalist_is_always_compared_with_and_nobody_twice():
    assert chosen_methods(("mixture", "local", "mixture")) == ("fedavg", "mixture", "local")
    assert chosen_methods(("local", "fedavg")) == ("fedavg", "local")


def test_the_models_that_methods_need():
    assert needed_kinds(("fedavg",)) == set()
    assert needed_kinds(("local", "oracle", "average")) == {"locals", "specialists"}
    assert needed_kinds(tuple(METHODS)) == set(KINDS)


def test_only_methods_that_ask_the_generalist_change_with_it():
    assert {name for name, entry in METHODS.items() if not entry.asks_generalist} == {"local", "finetuned"}
