"""Rules with a dial: their formulas by hand, their ends, and how a client sets them."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from fedexperts.personalization import constant, density_ratio, prior_shift, trained_gate, wise_ft
from fedexperts.personalization.choosing import first_within, lowest_loss
from fedexperts.personalization.outputs import MixtureParts, Outputs
from fedexperts.personalization.predictions import load_dials
from fedexperts.personalization.registry import METHODS

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))
SETTINGS = small.settings().personalization
DIALS = load_dials(tuple(METHODS))


def logs(probabilities):
    return np.log(np.array(probabilities, dtype=np.float64))


def outputs(specialist, generalist, labels, prior, gate=None):
    """Models that say these probabilities; the interpolated one goes from one to the other in log space."""
    specialist, generalist = logs(specialist), logs(generalist)
    gate = np.zeros(len(labels)) if gate is None else np.array(gate)
    return Outputs(
        labels=np.array(labels),
        generalist=generalist,
        personal={"specialists": specialist},
        prior=np.array(prior),
        parts=lambda: MixtureParts(specialist, gate),
        interpolated=lambda weight: log_softmax(weight * specialist + (1 - weight) * generalist, axis=1),
    )


TEST = outputs([[0.8, 0.2], [0.5, 0.5]], [[0.4, 0.6], [0.1, 0.9]], [1, 0], [0.75, 0.25], gate=[1.0, -2.0])


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def mixed(weights):
    weights = np.array(weights)[:, None]
    return weights * np.exp(TEST.personal["specialists"]) + (1 - weights) * np.exp(TEST.generalist)


def test_the_methods_that_have_a_dial():
    assert set(DIALS) == {"mixture", "density_ratio", "prior_shift", "wise_ft", "constant"}


@pytest.mark.parametrize("offset", [0.0, -1.3, 2.0])
def test_the_density_ratio_gate_by_hand(offset):
    # sum_y 2 prior(y) G(y | x) is 1.5 * 0.4 + 0.5 * 0.6 and 1.5 * 0.1 + 0.5 * 0.9
    ratios = [0.9, 0.6]
    np.testing.assert_allclose(np.exp(density_ratio.log_ratio(TEST)), ratios)
    odds = np.exp(offset) * np.array(ratios)
    expected = mixed(odds / (1 + odds))
    np.testing.assert_allclose(np.exp(density_ratio.predict(TEST, offset)), expected)


def test_a_client_with_all_classes_alike_has_a_gate_that_says_one_half():
    even = replace(TEST, prior=np.array([0.5, 0.5]))
    np.testing.assert_allclose(density_ratio.log_ratio(even), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.exp(density_ratio.predict(even, 0.0)), mixed([0.5, 0.5]))


def test_the_shifted_generalist_by_hand():
    # 0.4 * 0.75 against 0.6 * 0.25, and 0.1 * 0.75 against 0.9 * 0.25
    found = np.exp(prior_shift.predict(TEST, 1.0))
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [0.25, 0.75]])
    # 0.4 * 0.75 ** 2 against 0.6 * 0.25 ** 2
    np.testing.assert_allclose(np.exp(prior_shift.predict(TEST, 2.0))[0], [6 / 7, 1 / 7])


@pytest.mark.parametrize("offset", [0.0, 1.5])
def test_a_moved_gate_by_hand(offset):
    found = np.exp(trained_gate.predict(TEST, offset))
    np.testing.assert_allclose(found, mixed(sigmoid(np.array([1.0, -2.0]) + offset)))


@pytest.mark.parametrize("name", sorted(DIALS))
def test_values_ascend_from_the_generalist(name):
    values = DIALS[name].values(SETTINGS)
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(DIALS[name].predict(TEST, values[0]), TEST.generalist)


@pytest.mark.parametrize("name", ["density_ratio", "mixture", "wise_ft", "constant"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_last_value_is_the_specialist_exactly(name, dtype):
    specialist = TEST.personal["specialists"].astype(dtype)
    test = replace(
        TEST,
        generalist=TEST.generalist.astype(dtype),
        personal={"specialists": specialist},
        parts=lambda: MixtureParts(specialist, np.array([3.0, -40.0], dtype=dtype)),
        interpolated=lambda weight: specialist if weight == 1.0 else None,
    )
    dial = DIALS[name]
    np.testing.assert_array_equal(dial.predict(test, dial.values(SETTINGS)[-1]), specialist)


def test_settings_say_how_finely_a_dial_is_moved():
    finer = SETTINGS.model_copy(update={"constant_weights": 5, "wise_ft_weights": 3})
    assert constant.values(finer).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert wise_ft.values(finer).tolist() == [0.0, 0.5, 1.0]


probabilities = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3).map(
    lambda row: np.array(row) / sum(row)
)
rows = st.lists(probabilities, min_size=4, max_size=4).map(np.stack)


@given(rows, rows, probabilities, st.lists(st.floats(-20, 20), min_size=4, max_size=4), st.data())
def test_every_dial_gives_normalised_probabilities_everywhere(specialist, generalist, prior, gate, data):
    test = outputs(specialist, generalist, [0, 1, 2, 0], prior, gate)
    for name, dial in DIALS.items():
        value = data.draw(st.sampled_from(dial.values(SETTINGS).tolist()), label=name)
        log_probs = dial.predict(test, value)
        np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1.0, rtol=1e-9)


@given(rows, rows, probabilities)
def test_raising_an_offset_never_lowers_the_specialists_part(specialist, generalist, prior):
    test = outputs(specialist, generalist, [0, 1, 2, 0], prior)
    gaps = [
        np.abs(np.exp(density_ratio.predict(test, value)) - specialist).max()
        for value in density_ratio.values(SETTINGS)
    ]
    assert (np.diff(gaps) <= 1e-12).all()


def only(**predictions):
    """A dial for the choice alone: predictions by value, as probabilities of class 0 for each example."""
    table = {float(name.replace("at", "")): share for name, share in predictions.items()}

    def predict(_outputs, value):
        shares = np.array(table[value], dtype=np.float64)
        return np.log(np.stack([shares, 1 - shares], axis=1))

    return predict, np.array(list(table))


FOUR = outputs(
    [[0.9, 0.1]] * 4, [[0.5, 0.5]] * 4, [0, 0, 0, 1], [0.7, 0.3]
)  # the specialist has 3 of 4 right


def test_the_lowest_loss_is_taken_and_a_tie_goes_to_the_generalists_side():
    assert lowest_loss(*only(at0=[0.5] * 4, at1=[0.75] * 4, at2=[0.9] * 4), FOUR) == 1.0
    assert lowest_loss(*only(at0=[0.5] * 4, at1=[0.75] * 4, at2=[0.75] * 4), FOUR) == 1.0


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        (0.0, 2.0),  # 3 of 4 like the specialist
        (0.24, 2.0),
        (0.25, 1.0),  # one example fewer is allowed
        (0.75, 0.0),
    ],
)
def test_the_first_value_within_the_tolerance_is_taken(tolerance, expected):
    dial = only(at0=[0.1, 0.1, 0.1, 0.9], at1=[0.9, 0.9, 0.1, 0.9], at2=[0.9] * 4, at3=[0.9, 0.9, 0.9, 0.1])
    assert first_within(*dial, FOUR, tolerance) == expected


def test_an_accuracy_that_rises_and_falls_is_met_where_it_is_met_first():
    dial = only(at0=[0.9] * 4, at1=[0.1] * 4, at2=[0.9] * 4)
    assert first_within(*dial, FOUR, 0.0) == 0.0


@pytest.mark.parametrize("name", ["density_ratio", "prior_shift", "wise_ft", "constant"])
def test_methods_set_their_dial_by_validation_examples_and_never_by_the_test(name):
    validation = outputs(
        [[0.9, 0.1], [0.8, 0.2], [0.9, 0.1]], [[0.4, 0.6], [0.3, 0.7], [0.6, 0.4]], [0, 0, 1], [0.7, 0.3]
    )
    method = getattr(__import__(f"fedexperts.personalization.{name}", fromlist=[name]), name)
    found = method(TEST, validation, SETTINGS)
    np.testing.assert_array_equal(method(replace(TEST, labels=1 - TEST.labels), validation, SETTINGS), found)
    dial = DIALS[name]
    values = dial.values(SETTINGS)
    if name == "density_ratio":
        value = first_within(dial.predict, values, validation, SETTINGS.tolerance)
    else:
        value = lowest_loss(dial.predict, values, validation)
    np.testing.assert_array_equal(found, dial.predict(TEST, value))
    other = replace(validation, labels=1 - validation.labels)
    assert not np.array_equal(method(TEST, other, SETTINGS), found)


def test_the_tolerance_is_the_setting():
    # the specialist has both right; the generalist one of them
    validation = outputs([[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.9, 0.1]], [0, 1], [0.5, 0.5])
    generous = SETTINGS.model_copy(update={"tolerance": 0.5})
    found = density_ratio.density_ratio(TEST, validation, generous)
    np.testing.assert_array_equal(found, TEST.generalist)
    strict = density_ratio.density_ratio(TEST, validation, SETTINGS.model_copy(update={"tolerance": 0.0}))
    assert not np.array_equal(strict, TEST.generalist)
