"""The settings of the data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fedexperts.parameters.base import ExampleCount, Name, PositiveInt, Settings


class VocabularySettings(Settings):
    """How texts become numbers; see :mod:`fedexperts.preprocessing.vocabulary`.

    Attributes:
        size: How many words are known at most, not counting padding and the unknown word.
        min_count: How often a word must occur to be known.
        lower_case: Whether "Word" and "word" are the same.
        max_length: How many words of a text are kept.
    """

    size: PositiveInt
    min_count: ExampleCount
    lower_case: bool
    max_length: Annotated[int, Field(ge=1, le=10_000)]


class DataSettings(Settings):
    """Where the raw data lies, and how it is made ready for the models.

    Attributes:
        path: The file, folder or address of the raw data; None for the place that the data set's own
            environment names.
        preprocessing: A name from :data:`fedexperts.preprocessing.registry.PREPROCESSING`.
        vocabulary: Used for texts only.
    """

    path: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"^[^\x00]*$")] | None
    preprocessing: Name
    vocabulary: VocabularySettings
