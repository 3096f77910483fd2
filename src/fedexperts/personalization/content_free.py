"""Inputs without content: what a model says of them is its own leaning, and nobody's data is looked at.

They are drawn in the space of the models' inputs, which preprocessing makes: numbers there have mean 0 and
deviation 1 per channel, so that 0 is the average colour, and noise is equally strong on every data set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError
from fedexperts.examples import PADDING
from fedexperts.preprocessing.vocabulary import FIRST_WORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fedexperts.models.inputs import InputSpec

PIXELS_PER_CELL = 8  # a grid of 4 x 4 for images of 32 x 32
# Photographs with black at -1 and white at 1 have a deviation of about one half: 0.6 and 1 on that scale.
STRENGTH, LIMIT = 1.2, 2.0


def lowfreq(inputs: InputSpec, count: int, stream: np.random.Generator) -> NDArray[Any]:
    """Draw smooth blobs of colour: normal noise on a coarse grid, scaled up bilinearly.

    Numbers that are no images have no neighbours to be smooth with, and are drawn one by one.

    Args:
        inputs: What comes into the models.
        count: How many to draw.
        stream: The source of randomness.

    Returns:
        ``[count, ...]``, float32, within :data:`LIMIT` of 0.

    Raises:
        UserError: If the inputs are texts.
    """
    if inputs.vocabulary is not None:
        raise UserError("personalization.calibration: lowfreq is for numbers and images; use random_tokens")
    if len(inputs.shape) != 3:
        noise = stream.standard_normal((count, *inputs.shape))
    else:
        channels, *sides = inputs.shape
        up, across = (_upscaling(side) for side in sides)
        grid = stream.standard_normal((count, channels, up.shape[1], across.shape[1]))
        noise = up @ grid @ across.T
    return np.clip(STRENGTH * noise, -LIMIT, LIMIT).astype(np.float32)


def _upscaling(side: int) -> NDArray[np.float64]:
    """The matrix ``[side, cells]`` that interpolates linearly between the centres of cells."""
    cells = max(2, round(side / PIXELS_PER_CELL))
    centres = (np.arange(side) + 0.5) * cells / side - 0.5
    return np.stack([np.interp(centres, np.arange(cells), own) for own in np.eye(cells)], axis=1)


def random_tokens(inputs: InputSpec, count: int, stream: np.random.Generator) -> NDArray[Any]:
    """Draw texts of words that have nothing to do with each other, each known word as often as any other.

    Args:
        inputs: What comes into the models.
        count: How many to draw.
        stream: The source of randomness.

    Returns:
        ``[count, longest]``, int64: words, with padding behind them; all lengths are equally frequent.

    Raises:
        UserError: If the inputs are no texts.
    """
    return _texts(inputs, count, stream, lambda ranks: np.ones(len(ranks)))


def zipf_tokens(inputs: InputSpec, count: int, stream: np.random.Generator) -> NDArray[Any]:
    """The same with words by Zipf's law: as often as the inverse of their rank in the vocabulary.

    A vocabulary holds its words by falling frequency, so these texts are mostly made of the words that all
    texts share.

    Args:
        inputs: As for :func:`random_tokens`.
        count: The same.
        stream: The same.
    """
    return _texts(inputs, count, stream, lambda ranks: 1.0 / ranks)


def _texts(
    inputs: InputSpec,
    count: int,
    stream: np.random.Generator,
    frequencies: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Draw words independently of each other, by frequencies that go by the words' ranks from 1 on."""
    if inputs.vocabulary is None:
        raise UserError("personalization.calibration: random words are for texts; use lowfreq")
    (longest,) = inputs.shape
    weights = frequencies(np.arange(1, inputs.vocabulary - FIRST_WORD + 1))
    words = FIRST_WORD + stream.choice(len(weights), size=(count, longest), p=weights / weights.sum())
    lengths = stream.integers(1, longest, size=(count, 1), endpoint=True)
    return np.where(np.arange(longest) < lengths, words, PADDING)
