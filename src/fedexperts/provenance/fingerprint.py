"""Short names for contents: the same arrays give the same name, any other ones another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from fedexperts.examples import Examples


def fingerprint(arrays: Mapping[str, NDArray[Any]], texts: Iterable[str] = ()) -> str:
    """Name a set of named arrays by their content.

    Args:
        arrays: The arrays, of numbers; their order does not matter.
        texts: Anything else that belongs to the content.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data if array.size else b"")
    for text in texts:
        encoded = text.encode()
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()


def fingerprint_examples(examples: Examples) -> str:
    """Name a data set by its content, all of its examples, opted in or not, wherever it was read from."""
    arrays, texts = examples.to_arrays()
    return fingerprint(arrays, [texts["class_names"]])


def fingerprint_table(table: pd.DataFrame) -> str:
    """Name a table of numbers and strings by its content."""
    columns = {
        name: column.astype("category").cat.codes.to_numpy()
        if column.dtype.kind not in "biuf"
        else column.to_numpy()
        for name, column in table.items()
    }
    words = [
        "|".join(sorted(map(str, column.unique())))
        for _, column in table.items()
        if column.dtype.kind not in "biuf"
    ]
    return fingerprint({str(name): array for name, array in columns.items()}, words)
