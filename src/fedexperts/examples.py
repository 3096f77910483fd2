"""The examples that everything starts from: plain arrays, no torch."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PADDING = 0
"""The number that stands behind the words of a text, where preprocessing and models meet."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples of one data set.

    Attributes:
        features: ``[examples, channels, height, width]`` for images and ``[examples, features]`` for other
            numbers, of any numeric type; ``[examples]``, of ``str`` objects, for texts.
        labels: ``[examples]``, int64, each in [0, number of classes).
        class_names: One name per class, in the order of the labels.
        may_opt_in: ``[examples]``, bool: the examples that may influence what leaves a client. None where the
            data does not say so, and the settings alone decide.
        official_test: ``[examples]``, bool: the examples that the data set itself sets aside for tests. None
            where it does not.
        path: The ``data.path`` that they were read with; None for the data set's own place.
    """

    features: NDArray[Any]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    may_opt_in: NDArray[np.bool_] | None = None
    official_test: NDArray[np.bool_] | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        if len(self.features) != len(self.labels):
            raise UserError(
                f"the data set has {len(self.features)} feature rows but {len(self.labels)} labels; "
                "there must be one label per example"
            )
        if len(self.labels) == 0:
            raise UserError("the data set holds no examples")
        if self.labels.min() < 0 or self.labels.max() >= self.classes:
            raise UserError(
                f"labels must lie between 0 and {self.classes - 1}, one for each class name, "
                f"but they range from {self.labels.min()} to {self.labels.max()}"
            )
        if self.is_text:
            strange = next((text for text in self.features.flat if not isinstance(text, str)), None)
            if self.features.ndim != 1 or strange is not None:
                raise UserError("the features of a text data set must be one string per example")
        elif self.features.dtype.kind not in "biuf":
            raise UserError(f"features must be numbers or texts, not {self.features.dtype}")
        for name, flags in self._flags().items():
            if flags.dtype != np.bool_ or flags.shape != self.labels.shape:
                raise UserError(f"{name} must say true or false for every example")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def is_text(self) -> bool:
        """Whether the features are texts."""
        return self.features.dtype == np.object_

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Split into what a safetensors file holds: arrays of numbers, and text beside them."""
        arrays: dict[str, NDArray[Any]] = {"labels": self.labels}
        if self.is_text:
            arrays["features_utf8"], arrays["features_ends"] = _encode_texts(self.features)
        else:
            arrays["features"] = self.features
        arrays |= self._flags()
        path = {} if self.path is None else {"path": self.path}
        return arrays, {"class_names": json.dumps(self.class_names), **path}

    def _flags(self) -> dict[str, NDArray[np.bool_]]:
        flags = {"may_opt_in": self.may_opt_in, "official_test": self.official_test}
        return {name: array for name, array in flags.items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Examples:
        """Undo :meth:`to_arrays`."""
        labels = arrays["labels"].astype(np.int64, copy=False)
        if "features_utf8" in arrays:
            features = _decode_texts(arrays["features_utf8"], arrays["features_ends"])
        else:
            features = arrays["features"]
        names = tuple(json.loads(metadata["class_names"]))
        flags = arrays.get("may_opt_in"), arrays.get("official_test")
        return cls(features, labels, names, *flags, metadata.get("path"))


def as_texts(texts: list[str]) -> NDArray[Any]:
    """Put strings into the array that :class:`Examples` holds texts in."""
    array = np.empty(len(texts), dtype=np.object_)
    array[:] = texts
    return array


def _encode_texts(texts: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Join texts to one run of bytes, and note behind which byte each one ends."""
    # A lone surrogate is no valid text, but a str can hold it, and what was saved must be what is loaded.
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), ends


def _decode_texts(joined: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[Any]:
    """Undo :func:`_encode_texts`."""
    content = joined.tobytes()
    bounds = [0, *ends.tolist()]
    pairs = itertools.pairwise(bounds)
    return as_texts([content[start:end].decode("utf-8", "surrogatepass") for start, end in pairs])
