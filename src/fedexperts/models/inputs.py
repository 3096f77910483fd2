"""What a model is built for: the shape of one example, and for texts how many words there are."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from fedexperts.errors import UserError


@dataclass(frozen=True)
class InputSpec:
    """What comes into a model.

    Attributes:
        shape: The shape of one example, without the batch axis: ``(channels, height, width)`` for images,
            ``(features,)`` for other numbers, ``(longest,)`` for texts.
        vocabulary: For texts, how many different word numbers there are; number 0 is padding and stands only
            behind the words. None where the inputs are not texts.
    """

    shape: tuple[int, ...]
    vocabulary: int | None = None

    def image_shape(self, model: str, smallest: int) -> tuple[int, int, int]:
        """The shape of an image.

        Args:
            model: The model that asks, for the message.
            smallest: How many pixels both sides need to have.

        Raises:
            UserError: If the inputs are no images, or too small.
        """
        if self.vocabulary is not None or len(self.shape) != 3 or min(self.shape[1:]) < smallest:
            raise UserError(
                f"the model {model!r} needs images of (channels, height, width) with sides of at least "
                f"{smallest} pixels, but the examples are {self}"
            )
        channels, height, width = self.shape
        return channels, height, width

    def feature_count(self, model: str) -> int:
        """How many numbers one example holds.

        Args:
            model: The model that asks, for the message.

        Raises:
            UserError: If the inputs are texts.
        """
        if self.vocabulary is not None:
            raise UserError(f"the model {model!r} needs numbers, but the examples are {self}")
        return prod(self.shape)

    def word_count(self, model: str) -> int:
        """How many different word numbers there are, padding among them.

        Args:
            model: The model that asks, for the message.

        Raises:
            UserError: If the inputs are no texts.
        """
        if self.vocabulary is None:
            raise UserError(
                f"the model {model!r} needs texts (data.preprocessing: vocabulary), "
                f"but the examples are {self}"
            )
        return self.vocabulary

    def __str__(self) -> str:
        """What the inputs are, for messages."""
        if self.vocabulary is not None:
            longest = "x".join(map(str, self.shape))
            return f"texts of up to {longest} words from a vocabulary of {self.vocabulary}"
        return f"numbers of the shape {self.shape}"
