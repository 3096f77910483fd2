"""The file format of MNIST and its successors."""

from __future__ import annotations

import gzip
import math
import zlib
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.datasets.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UNSIGNED_BYTE = 0x08


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
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or incomplete: {error}") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataError(f"{path} is damaged, or no IDX file of bytes in {dimensions} dimensions")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    expected = math.prod(shape)
    if len(content) - start != expected:
        raise DataError(
            f"{path} is damaged or incomplete: {len(content) - start} of {expected} values are there"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
