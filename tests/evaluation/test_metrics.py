import math

import numpy as np
import pytest

from fedexperts.evaluation.metrics import accuracy, expected_calibration_error, negative_log_likelihood

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.25, 0.25, 0.5], [0.9, 0.05, 0.05]])
LABELS = np.array([0, 1, 0, 2])


def test_accuracy_counts_the_most_probable_class():
    assert accuracy(np.log(PROBABILITIES), LABELS) == 0.5


def test_negative_log_likelihood_is_the_mean_over_examples():
    expected = -(math.log(0.7) + math.log(0.6) + math.log(0.25) + math.log(0.05)) / 4
    assert negative_log_likelihood(np.log(PROBABILITIES), LABELS) == pytest.approx(expected)


def test_an_impossible_right_class_costs_infinitely_much_and_warns_of_nothing(recwarn):
    log_probs = np.array([[-np.inf, 0.0]])
    assert negative_log_likelihood(log_probs, np.array([0])) == math.inf
    assert expected_calibration_error(log_probs, np.array([0]), bins=10) == 1.0
    assert not recwarn


def test_calibration_error_by_hand():
    # Confidences .7 .6 .5 .9, right right wrong wrong. Two bins, (0, .5] and (.5, 1]:
    # the first holds the third example, |0 - .5|; the second the others, |2/3 - 2.2/3|.
    expected = 1 / 4 * 0.5 + 3 / 4 * (2.2 / 3 - 2 / 3)
    assert expected_calibration_error(np.log(PROBABILITIES), LABELS, bins=2) == pytest.approx(expected)


def test_calibration_error_of_one_bin_is_confidence_against_accuracy():
    assert expected_calibration_error(np.log(PROBABILITIES), LABELS, bins=1) == pytest.approx(2.7 / 4 - 2 / 4)


def test_sure_and_right_is_calibrated_even_if_rounding_exceeds_one():
    log_probs = np.array([[1e-7, -20.0]], dtype=np.float32)
    assert expected_calibration_error(log_probs, np.array([0]), bins=15) == pytest.approx(0.0)


def test_no_examples_give_no_number():
    log_probs, labels = np.empty((0, 3)), np.empty(0, dtype=int)
    assert math.isnan(accuracy(log_probs, labels))
    assert math.isnan(negative_log_likelihood(log_probs, labels))
    assert math.isnan(expected_calibration_error(log_probs, labels, bins=5))


def test_who_says_nothing_is_not_right(recwarn):
    log_probs = np.array([[np.nan, np.nan], [0.0, -np.inf]])
    labels = np.array([0, 0])
    assert accuracy(log_probs, labels) == 0.5
    assert math.isnan(negative_log_likelihood(log_probs, labels))
    assert math.isnan(expected_calibration_error(log_probs, labels, bins=5))
    assert not recwarn.list


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(3,\)"):
        accuracy(np.log(PROBABILITIES), LABELS[:3])
    with pytest.raises(ValueError, match="bins"):
        expected_calibration_error(np.log(PROBABILITIES), LABELS, bins=0)
