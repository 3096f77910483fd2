"""The calibrated generalist: estimated without anybody's data, and taken off exactly."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from fedexperts.errors import UserError
from fedexperts.examples import PADDING
from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.parameters import ModelSettings
from fedexperts.personalization.calibration import COUNT, calibrate, estimate_bias, leaning, soften
from fedexperts.personalization.content_free import LIMIT, STRENGTH, lowfreq, random_tokens, zipf_tokens
from fedexperts.preprocessing.vocabulary import FIRST_WORD
from fedexperts.randomness import generator

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

IMAGES = InputSpec((3, 32, 32))
TEXTS = InputSpec((12,), vocabulary=50)


def settings(calibration="auto", threshold=0.0):
    changes = {"personalization.calibration": calibration, "personalization.calibration_threshold": threshold}
    return small.settings(changes).personalization


def built(inputs=IMAGES, expert="lenet", classes=4, seed=0):
    architecture = Architecture(ModelSettings(expert=expert, gate=expert), inputs, classes)
    return architecture, initial_parameters(architecture.expert, seed, "generalist")


def test_the_leaning_by_hand():
    log_probs = np.log([[0.2, 0.8], [0.6, 0.4]])
    # mean probabilities 0.4 and 0.6
    half = (np.log(0.6) - np.log(0.4)) / 2
    np.testing.assert_allclose(leaning(log_probs), [-half, half])


def test_taking_a_leaning_off_by_hand():
    bias = np.log([2.0, 0.5])
    # 0.4 / 2 against 0.6 / 0.5
    np.testing.assert_allclose(np.exp(calibrate(np.log([[0.4, 0.6]]), bias)), [[1 / 7, 6 / 7]])


def test_small_leanings_count_as_none_and_others_as_smaller():
    np.testing.assert_allclose(soften(np.array([-0.5, -0.1, 0.0, 0.2, 0.9]), 0.2), [-0.3, 0, 0, 0, 0.7])


logits = arrays(np.float64, (5, 3), elements=st.floats(-20, 20))
biases = arrays(np.float64, (3,), elements=st.floats(-5, 5))


@given(logits, biases)
def test_calibrated_probabilities_are_normalised_and_can_be_put_back(values, bias):
    log_probs = calibrate(values, np.zeros(3))
    found = calibrate(log_probs, bias)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)
    np.testing.assert_allclose(calibrate(found, -bias), log_probs, atol=1e-9)
    # a leaning towards all classes alike is none
    np.testing.assert_allclose(calibrate(log_probs, bias + 3.0), found, atol=1e-9)


def test_the_estimate_is_that_of_the_generalist_on_the_drawn_inputs():
    architecture, weights = built()
    found = estimate_bias(architecture, weights, settings(), seed=5)
    module = architecture.expert()
    module.load_state_dict(weights)
    drawn = torch.as_tensor(lowfreq(IMAGES, COUNT, generator(5, "inputs/content_free")))
    with torch.no_grad():
        means = module(drawn).softmax(dim=1).mean(dim=0).log()
    np.testing.assert_allclose(found, (means - means.mean()).numpy(), atol=1e-4)
    assert found.sum() == pytest.approx(0.0, abs=1e-5)
    softened = estimate_bias(architecture, weights, settings(threshold=0.05), seed=5)
    np.testing.assert_allclose(softened, soften(found, 0.05))


def test_what_is_added_to_the_last_bias_is_found_and_taken_off():
    architecture, weights = built()
    last = [name for name in weights if name.endswith("bias")][-1]
    added = torch.tensor([0.5, -1.0, 0.25, 0.25])
    leaning_more = weights | {last: weights[last] + added}
    before, after = (estimate_bias(architecture, of, settings(), 0) for of in (weights, leaning_more))
    # exactly so for one input; the logarithm of a mean over inputs that hardly differ comes close
    np.testing.assert_allclose(after - before, added, atol=0.02)


def test_no_example_and_no_client_can_reach_the_estimate():
    # all that it is given: weights, what they are built like, settings and the seed
    assert list(inspect.signature(estimate_bias).parameters) == [
        "architecture",
        "generalist",
        "settings",
        "seed",
    ]
    architecture, weights = built()
    first = estimate_bias(architecture, weights, settings(), 3)
    np.testing.assert_array_equal(estimate_bias(architecture, weights, settings(), 3), first)
    assert not np.array_equal(estimate_bias(architecture, weights, settings(), 4), first)


def test_without_calibration_there_is_no_bias():
    assert estimate_bias(*built(), settings("none"), 0) is None


def test_auto_takes_what_suits_the_data():
    images, texts = built(), built(TEXTS, "bag_of_embeddings")
    for of, source in ((images, "lowfreq"), (texts, "random_tokens")):
        np.testing.assert_array_equal(
            estimate_bias(*of, settings("auto"), 1), estimate_bias(*of, settings(source), 1)
        )
    zipf = estimate_bias(*texts, settings("zipf_tokens"), 1)
    assert not np.array_equal(zipf, estimate_bias(*texts, settings("random_tokens"), 1))


def test_a_source_of_other_inputs_is_refused():
    with pytest.raises(UserError, match="lowfreq is for numbers and images"):
        estimate_bias(*built(TEXTS, "bag_of_embeddings"), settings("lowfreq"), 0)
    for source in ("random_tokens", "zipf_tokens"):
        with pytest.raises(UserError, match="random words are for texts"):
            estimate_bias(*built(), settings(source), 0)


@pytest.mark.parametrize(
    ("shape", "cells"),
    [((3, 32, 32), (4, 4)), ((1, 28, 28), (4, 4)), ((1, 8, 8), (2, 2)), ((2, 64, 16), (8, 2))],
)
def test_smooth_inputs_are_noise_on_a_coarse_grid_scaled_up(shape, cells):
    drawn = lowfreq(InputSpec(shape), 6, np.random.default_rng(2))
    grid = np.random.default_rng(2).standard_normal((6, shape[0], *cells))
    expected = nn.functional.interpolate(torch.as_tensor(grid), size=shape[1:], mode="bilinear")
    clamped = (STRENGTH * expected).clamp(-LIMIT, LIMIT).numpy()
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, clamped, atol=1e-6)


def test_numbers_that_are_no_images_are_drawn_one_by_one():
    drawn = lowfreq(InputSpec((5,)), 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 5)
    correlations = np.corrcoef(drawn.T) - np.eye(5)
    assert np.abs(correlations).max() < 0.06
    within = np.abs(drawn) < LIMIT
    noise = np.random.default_rng(0).standard_normal((4000, 5))
    np.testing.assert_allclose(drawn[within], STRENGTH * noise[within], atol=1e-6)


def test_inputs_stay_within_the_range():
    drawn = lowfreq(InputSpec((200,)), 2000, np.random.default_rng(0))
    assert np.abs(drawn).max() == LIMIT


@pytest.mark.parametrize("draw", [random_tokens, zipf_tokens])
def test_random_texts_hold_known_words_with_padding_behind_them_only(draw):
    drawn = draw(TEXTS, 3000, np.random.default_rng(1))
    assert drawn.shape == (3000, 12)
    assert drawn.dtype == np.int64
    words = drawn != PADDING
    assert set(np.unique(drawn[words])) == set(range(FIRST_WORD, 50))
    lengths = words.sum(axis=1)
    np.testing.assert_array_equal(words, np.arange(12) < lengths[:, None])
    assert np.bincount(lengths, minlength=13)[1:].min() > 150  # every length is as frequent as any other


def test_words_are_drawn_alike_or_by_the_inverse_of_their_rank():
    def shares(draw):
        drawn = draw(TEXTS, 8000, np.random.default_rng(1))
        return np.bincount(drawn[drawn != PADDING], minlength=50)[FIRST_WORD:] / (drawn != PADDING).sum()

    ranks = np.arange(1, 49)
    np.testing.assert_allclose(shares(random_tokens), 1 / 48, atol=0.003)
    np.testing.assert_allclose(shares(zipf_tokens), (1 / ranks) / (1 / ranks).sum(), atol=0.006)
