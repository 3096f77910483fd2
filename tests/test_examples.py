"""Examples are checked when they are made, and survive being stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.examples import Examples, as_texts

ZERO_ONE = np.array([0, 1])
NAMES = ("no", "yes")


def stored_and_read(examples):
    return Examples.from_arrays(*examples.to_arrays())


@given(st.lists(st.text(st.characters()), min_size=1))
def test_texts_survive_being_stored(texts):
    examples = Examples(as_texts(texts), np.zeros(len(texts), np.int64), ("any",))
    arrays, _ = examples.to_arrays()
    assert all(array.dtype.kind in "biuf" for array in arrays.values())
    read = stored_and_read(examples)
    assert read.is_text
    assert read.features.tolist() == texts


def test_numbers_and_opt_in_survive_being_stored():
    features = np.arange(8.0).reshape(2, 1, 2, 2)
    read = stored_and_read(Examples(features, ZERO_ONE, NAMES, np.array([True, False])))
    assert not read.is_text
    np.testing.assert_array_equal(read.features, features)
    np.testing.assert_array_equal(read.labels, [0, 1])
    np.testing.assert_array_equal(read.may_opt_in, [True, False])
    assert read.class_names == NAMES
    assert len(read) == read.classes == 2


def test_a_test_set_of_its_own_survives_being_stored():
    examples = Examples(np.zeros((2, 3)), ZERO_ONE, NAMES, official_test=np.array([False, True]))
    read = stored_and_read(examples)
    assert read.may_opt_in is None
    np.testing.assert_array_equal(read.official_test, [False, True])


def test_without_opt_in_column():
    assert stored_and_read(Examples(np.zeros((2, 3)), ZERO_ONE, NAMES)).may_opt_in is None


@pytest.mark.parametrize(
    ("features", "labels", "opt_in", "message"),
    [
        (np.zeros((3, 1)), ZERO_ONE, None, "3 feature rows but 2 labels"),
        (np.zeros((0, 1)), np.array([], int), None, "holds no examples"),
        (np.zeros((2, 1)), np.array([0, 2]), None, "between 0 and 1.*from 0 to 2"),
        (np.zeros((2, 1)), np.array([-1, 0]), None, "from -1 to 0"),
        (np.array(["a", 1], dtype=object), ZERO_ONE, None, "one string per example"),
        (np.array([["a"], ["b"]], dtype=object), ZERO_ONE, None, "one string per example"),
        (np.array(["a", "b"]), ZERO_ONE, None, "must be numbers or texts"),
        (np.zeros((2, 1)), ZERO_ONE, np.array([True]), "true or false for every example"),
        (np.zeros((2, 1)), ZERO_ONE, np.array([0, 1]), "true or false for every example"),
    ],
)
def test_what_does_not_fit_is_refused(features, labels, opt_in, message):
    with pytest.raises(UserError, match=message):
        Examples(features, labels, NAMES, opt_in)
