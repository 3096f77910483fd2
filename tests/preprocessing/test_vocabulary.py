"""Words get numbers by their frequency in the fitted texts alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.examples import as_texts
from fedexperts.parameters import DataSettings, VocabularySettings
from fedexperts.preprocessing import apply, fit
from fedexperts.preprocessing.vocabulary import count_ids, split_words


def choose(**changes):
    vocabulary = {"size": 100, "min_count": 1, "lower_case": True, "max_length": 6, **changes}
    return DataSettings(path=None, preprocessing="vocabulary", vocabulary=VocabularySettings(**vocabulary))


def fitted(texts, **changes):
    return json.loads(json.dumps(fit("vocabulary", as_texts(texts), choose(**changes))))


def test_words_by_frequency_and_then_by_name():
    state = fitted(["b a c", "C! (b) b", "Ä"])
    assert state["words"] == ["b", "c", "a", "ä"]
    assert count_ids(state) == 6
    ids = apply(state, as_texts(["B, a", "z c", "", "?!", "a a a a a a b"]))
    assert ids.dtype == np.int64
    assert ids.tolist() == [
        [2, 4, 0, 0, 0, 0],
        [1, 3, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [4, 4, 4, 4, 4, 4],
    ]


def test_settings_choose_the_words():
    assert fitted(["b a c", "c b b"], size=2)["words"] == ["b", "c"]
    assert fitted(["b a c", "c b b"], min_count=2)["words"] == ["b", "c"]
    assert fitted(["B b a"], lower_case=False)["words"] == ["B", "a", "b"]
    assert apply(fitted(["B"], lower_case=False), as_texts(["b B"]))[0, :2].tolist() == [1, 2]


def test_the_paper_s_vocabulary_has_10002_numbers():
    state = fitted([" ".join(f"w{number}" for number in range(12_000))], size=10_000)
    assert count_ids(state) == 10_002


def test_what_a_word_is():
    assert split_words("Don't e-mail U.S.\\team #36;10", lower_case=True) == [
        "don't",
        "e",
        "mail",
        "u",
        "s",
        "team",
        "36",
        "10",
    ]


@given(st.lists(st.text(), min_size=1), st.lists(st.text()), st.randoms())
def test_only_the_fitted_texts_count_and_not_their_order(texts, others, random):
    texts = [*texts, "word"]
    state = fitted(texts)
    random.shuffle(texts)
    assert fitted(texts) == state
    ids = apply(state, as_texts([*texts, *others]))
    np.testing.assert_array_equal(ids[: len(texts)], apply(state, as_texts(texts)))
    assert ids.min() >= 0
    assert ids.max() < count_ids(state)
    # padding only behind the end, and never from the start
    assert (ids[:, 0] > 0).all()
    assert (np.diff((ids > 0).astype(int), axis=1) <= 0).all()


def test_no_word_is_frequent_enough():
    with pytest.raises(UserError, match=r"no word occurs 3 times or more in the 2 texts.*min_count"):
        fitted(["a b", "c"], min_count=3)
    with pytest.raises(UserError, match="at least one text"):
        fitted([])


def test_numbers_are_refused():
    with pytest.raises(UserError, match=r"set data\.preprocessing to standardize"):
        fit("vocabulary", np.zeros((2, 3)), choose())
    with pytest.raises(UserError, match="for texts"):
        apply(fitted(["a"]), np.zeros((2, 3)))
