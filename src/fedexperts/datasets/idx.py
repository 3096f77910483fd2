"""The file format of MNIST and its successors."""

from __future__ import annotations

import gzip
import math
import zlib
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from fedexperts.datasets.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UNSIGNED_BYTE = 0x08
LARGEST = 4_000_000_000
"""Values that a file may claim to hold."""


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    The format is two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit
    number, and the values; see http://yann.lecun.com/exdb/mnist.

    Args:
        path: The file; one that ends in ``.gz`` is decompressed on the way.
        dimensions: How many dimensions it must have.

    Returns:
        The values, in their shape.

    Raises:
        DataError: If the file is damaged, or something else.
    """
    try:
        with cast("IO[bytes]", gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            return _read(path, file, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or incomplete: {error}") from error


def _read(path: Path, file: IO[bytes], dimensions: int) -> NDArray[np.uint8]:
    header = file.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions or header[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataError(f"{path} is damaged, or no IDX file of bytes in {dimensions} dimensions")
    shape = tuple(int(size) for size in np.frombuffer(header[4:], dtype=">u4"))
    expected = math.prod(shape)
    # one more than expected, to notice what is too long, and no more: a small file can unpack to any size
    content = file.read(expected + 1) if expected <= LARGEST else b""
    if len(content) != expected:
        there = f"more than {expected}" if len(content) > expected else f"{len(content)} of {expected}"
        raise DataError(f"{path} is damaged or incomplete: {there} values are there")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
