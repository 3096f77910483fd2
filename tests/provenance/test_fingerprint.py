"""The same content has the same name, and any other content another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fedexperts.provenance.fingerprint import fingerprint, fingerprint_table

BASE = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.zeros(2)}


def test_equal_arrays_have_one_name_in_any_order_and_layout():
    name = fingerprint(BASE)
    assert len(name) == 32
    assert fingerprint(dict(reversed(BASE.items()))) == name
    assert fingerprint({key: value.copy() for key, value in BASE.items()}) == name
    assert fingerprint({**BASE, "a": np.asfortranarray(BASE["a"])}) == name
    padded = np.arange(8, dtype=np.int64).reshape(2, 4)
    padded[:, :3] = BASE["a"]
    assert fingerprint({**BASE, "a": padded[:, :3]}) == name


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "a": BASE["a"] + (np.arange(6).reshape(2, 3) == 5)},
        {**BASE, "a": BASE["a"].astype(np.int32)},
        {**BASE, "a": BASE["a"].view(np.uint64)},
        {**BASE, "a": BASE["a"].reshape(3, 2)},
        {**BASE, "a": BASE["a"].T},
        {"aa": BASE["a"], "b": BASE["b"]},
        {"a": BASE["a"]},
        {**BASE, "b": -BASE["b"]},
        {**BASE, "c": np.empty(0)},
        {"a": BASE["b"], "b": BASE["a"]},
    ],
    ids=[
        "value",
        "dtype",
        "signed",
        "shape",
        "transposed",
        "name",
        "fewer",
        "minus_zero",
        "empty",
        "swapped",
    ],
)
def test_values_types_shapes_and_names_all_count(other):
    assert fingerprint(other) != fingerprint(BASE)


def test_a_number_is_no_list_of_one():
    assert fingerprint({"a": np.array(3.0)}) != fingerprint({"a": np.array([3.0])})


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_texts_count_one_by_one_and_in_order(one, other):
    assert (fingerprint(BASE, one) == fingerprint(BASE, other)) == (one == other)


@given(hnp.arrays(np.int8, (3, 2)), hnp.arrays(np.int8, (3, 2)))
def test_other_values_another_name(one, other):
    assert (fingerprint({"a": one}) == fingerprint({"a": other})) == bool((one == other).all())


TABLE = pd.DataFrame({"client": [0, 1, 1], "split": ["train", "test", "train"], "in": [True, False, True]})


def test_equal_tables_have_one_name_however_they_store_their_words():
    assert fingerprint_table(TABLE.copy()) == fingerprint_table(TABLE)
    assert fingerprint_table(TABLE.astype({"split": "category"})) == fingerprint_table(TABLE)
    assert fingerprint_table(TABLE.astype({"split": object})) == fingerprint_table(TABLE)


@pytest.mark.parametrize(
    "change",
    [
        {"client": [0, 1, 2]},
        {"split": ["train", "train", "test"]},
        {"split": ["train", "tests", "train"]},
        {"in": [True, True, True]},
        {"client": [0.0, 1.0, 1.0]},
    ],
)
def test_any_change_of_a_table_changes_its_name(change):
    assert fingerprint_table(TABLE.assign(**change)) != fingerprint_table(TABLE)


def test_order_and_names_of_a_table_count():
    assert fingerprint_table(TABLE[::-1]) != fingerprint_table(TABLE)
    assert fingerprint_table(TABLE.rename(columns={"client": "owner"})) != fingerprint_table(TABLE)
    assert fingerprint_table(TABLE[:2]) != fingerprint_table(TABLE)
