"""The examples that everything starts from: plain arrays, no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Examples:
    """Labelled examples of one data set.

    Attributes:
        features: ``[examples, channels, height, width]`` for images, ``[examples, features]`` otherwise; any
            numeric type.
        labels: ``[examples]``, int64, each in [0, number of classes).
        class_names: One name per class, in the order of the labels.
    """

    features: NDArray[np.generic]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

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

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def to_arrays(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
        """Split into what a safetensors file holds: arrays, and text beside them."""
        arrays: dict[str, NDArray[np.generic]] = {"features": self.features, "labels": self.labels}
        return arrays, {"class_names": json.dumps(self.class_names)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> Examples:
        """Undo :meth:`to_arrays`."""
        labels = arrays["labels"].astype(np.int64, copy=False)
        return cls(arrays["features"], labels, tuple(json.loads(metadata["class_names"])))
