"""Texts as rows of word numbers."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError
from fedexperts.examples import PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fedexperts.parameters import DataSettings

UNKNOWN = 1
FIRST_WORD = 2

# Letters and digits of any script, with apostrophes inside, as in "don't".
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def fit(features: NDArray[Any], settings: DataSettings) -> dict[str, Any]:
    """Choose the words to know.

    Args:
        features: ``[texts]``, str.
        settings: Its ``vocabulary`` says how many words, and which.

    Returns:
        ``words``, the most frequent first, and those of one frequency in the order of their characters;
        ``lower_case`` and ``max_length`` as set.

    Raises:
        UserError: If the features are no texts, or hold no word that is frequent enough.
    """
    _check_texts(features)
    if len(features) == 0:
        raise UserError("a vocabulary needs at least one text to be made from: has every client opted out?")
    chosen = settings.vocabulary
    counts: Counter[str] = Counter()
    for text in features:
        counts.update(split_words(text, lower_case=chosen.lower_case))
    frequent = [word for word, count in counts.items() if count >= chosen.min_count]
    if not frequent:
        raise UserError(
            f"no word occurs {chosen.min_count} times or more in the {len(features)} texts that the "
            "vocabulary is made from: lower data.vocabulary.min_count, or let more clients opt in"
        )
    frequent.sort(key=lambda word: (-counts[word], word))
    return {
        "words": frequent[: chosen.size],
        "lower_case": chosen.lower_case,
        "max_length": chosen.max_length,
    }


def apply(state: Mapping[str, Any], features: NDArray[Any]) -> NDArray[np.int64]:
    """Replace words by their numbers.

    Args:
        state: What :func:`fit` returned.
        features: ``[texts]``, str.

    Returns:
        ``[texts, max_length]``, int64: 0 behind the end of a text, 1 for a word that is not known, and from 2
        on the words in their order. Longer texts are cut off; one without any word is a single unknown word,
        so that no text has length 0.

    Raises:
        UserError: If the features are no texts.
    """
    _check_texts(features)
    number_of = {word: number for number, word in enumerate(state["words"], start=FIRST_WORD)}
    lower_case, longest = state["lower_case"], state["max_length"]
    ids = np.full((len(features), longest), PADDING, dtype=np.int64)
    for row, text in zip(ids, features, strict=True):
        words = split_words(text, lower_case=lower_case)[:longest]
        numbers = [number_of.get(word, UNKNOWN) for word in words] or [UNKNOWN]
        row[: len(numbers)] = numbers
    return ids


def count_ids(state: Mapping[str, Any]) -> int:
    """Count the different numbers :func:`apply` can give: the words, padding, and the unknown word."""
    return len(state["words"]) + FIRST_WORD


def split_words(text: str, *, lower_case: bool) -> list[str]:
    """Split a text into its words, without punctuation.

    Scripts that put no blanks between words, such as Chinese, come out in one piece; put blanks in
    beforehand.
    """
    return WORD.findall(text.lower() if lower_case else text)


def _check_texts(features: NDArray[Any]) -> None:
    if features.dtype != np.object_ or features.ndim != 1:
        raise UserError("a vocabulary is for texts; set data.preprocessing to standardize for numbers")
