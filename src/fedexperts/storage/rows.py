"""A matrix that may be larger than memory."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray


class Rows:
    """A matrix that is written row by row, in a file that is gone when nobody needs it any more.

    Args:
        count: The number of rows.
        size: The length of a row.
        dtype: The type of the values.
        folder: Where the file is; made if it is not there.
    """

    def __init__(self, count: int, size: int, dtype: DTypeLike, folder: Path) -> None:
        self._shape, self._dtype = (count, size), np.dtype(dtype)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the last array that maps it

    def write(self, places: Iterable[int], rows: NDArray[Any]) -> None:
        """Write some rows, ``[places, size]``."""
        for place, row in zip(places, rows, strict=True):
            self._file.seek(int(place) * self._shape[1] * self._dtype.itemsize)
            self._file.write(row.astype(self._dtype, copy=False).tobytes())

    def read(self) -> NDArray[Any]:
        """Map the matrix, ``[count, size]``; every row has to be written."""
        self._file.flush()
        return np.memmap(self._file, self._dtype, "r+", shape=self._shape)
