"""Standardised numbers have mean 0 and deviation 1, and depend on the fitted rows alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fedexperts.errors import UserError
from fedexperts.parameters import DataSettings, VocabularySettings
from fedexperts.preprocessing import apply, fit, standardize

SETTINGS = DataSettings(
    path=None,
    preprocessing="standardize",
    vocabulary=VocabularySettings(size=1, min_count=1, lower_case=True, max_length=1),
)


def fitted(features):
    return json.loads(json.dumps(fit("standardize", features, SETTINGS)))


def test_images_by_channel():
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    images[:, 1] //= 4
    state = fitted(images)
    assert state["kind"] == "standardize"
    np.testing.assert_allclose(state["mean"], images.mean((0, 2, 3)))
    np.testing.assert_allclose(state["std"], images.std((0, 2, 3)))
    ready = apply(state, images)
    assert ready.dtype == np.float32
    assert ready.shape == images.shape
    np.testing.assert_allclose(ready.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(ready.std((0, 2, 3)), 1, atol=1e-6)


@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)), st.integers(1, 8))
@settings(deadline=None)
def test_features_one_by_one_and_in_blocks(features, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standardize, "ROWS_AT_ONCE", block)
        state = fitted(features)
        ready = apply(state, features)
    assert np.isfinite(ready).all()
    np.testing.assert_allclose(state["mean"], features.mean(0), rtol=1e-9, atol=1e-6)
    # each row by itself, whatever stands beside it
    for row in range(7):
        np.testing.assert_array_equal(apply(state, features[row : row + 1]), ready[row : row + 1])


@pytest.mark.parametrize("value", [0, 3, 0.1, -1e7])
def test_a_constant_channel_becomes_zero(value):
    features = np.stack([np.full(1000, value, float), np.arange(1000.0)], axis=1)
    ready = apply(fitted(features), features)
    np.testing.assert_allclose(ready[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(ready[:, 1].std(), 1, rtol=1e-6)


def test_a_large_mean_costs_no_digits():
    features = 1e9 + np.array([[0.0], [200.0]])
    np.testing.assert_allclose(apply(fitted(features), features), [[-1], [1]])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.array([[np.nan], [1.0]]), "no finite numbers"),
        (np.array([[np.inf], [1.0]]), "no finite numbers"),
        (np.zeros((0, 3)), "at least one example"),
        (np.array(["a"], dtype=object), "set data.preprocessing to vocabulary"),
        (np.zeros(3), "standardize is for numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_features_that_do_not_suit(features, message):
    with pytest.raises(UserError, match=message):
        fit("standardize", features, SETTINGS)


def test_another_number_of_channels():
    with pytest.raises(UserError, match="fitted to 2 channels or features, but these examples have 3"):
        apply(fitted(np.zeros((4, 2))), np.zeros((4, 3)))


def test_an_unknown_kind():
    with pytest.raises(UserError, match="Did you mean 'standardize'"):
        fit("standardise", np.zeros((4, 2)), SETTINGS)
