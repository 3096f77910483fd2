"""Named arrays and a little text in one safetensors file, with a checksum over all of it.

The format is that of https://github.com/huggingface/safetensors#format, so any of its readers will do. Files
are written piece by piece and read through a memory map, so that models of more clients than fit into memory
can be stored and opened.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError
from fedexperts.storage.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in TYPES.items()}

TEXT = "__metadata__"
CHECKSUM = "sha256"
LENGTH_BYTES = 8
BLOCK = 2**24


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], text: Mapping[str, str]) -> None:
    """Write named arrays and text to one safetensors file; the same content gives the same bytes.

    Args:
        path: The file. It is replaced in one step if it is there already.
        arrays: At least one, of any shape and memory layout, of bool, integer, float or complex64 type.
        text: What is kept in the header; ``"sha256"`` is taken.

    Raises:
        UserError: If there is no array.
    """
    if not arrays:
        raise UserError(f"there is nothing to write to {path}: a safetensors file holds at least one array")
    # The widest types first, so that every array starts at a multiple of its own width.
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    ordered = {name: arrays[name] for name in names}
    entries = _entries(ordered)
    digest = _digest(entries, text, (block for array in ordered.values() for block in _blocks(array)))
    header = _encode({TEXT: {**dict(sorted(text.items())), CHECKSUM: digest}, **entries})
    header = header.ljust(-(-len(header) // LENGTH_BYTES) * LENGTH_BYTES)
    with written_whole(path) as partial, partial.open("wb") as file:
        file.write(len(header).to_bytes(LENGTH_BYTES, "little") + header)
        for array in ordered.values():
            for block in _blocks(array):
                file.write(block)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what :func:`write_arrays` wrote.

    Returns:
        The arrays, backed by the file, which is read where they are looked at; changing them does not change
        the file. And the text.

    Raises:
        UserError: If there is no such file, or it is not what was once written.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; run the pipeline that makes it first")
    try:
        with path.open("rb") as file:
            content = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), dtype=np.uint8)
        return _decode(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} is damaged, or was not made by this software ({error}); "
            "delete it and run the pipeline that makes it"
        ) from error


def _entries(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    entries, start = {}, 0
    for name, array in arrays.items():
        end = start + array.nbytes
        kind = NAMES[array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype]
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
        start = end
    return entries


def _blocks(array: NDArray[Any]) -> Iterator[memoryview]:
    """The array's bytes in C order, piece by piece along its first axis."""
    if array.ndim == 0:
        yield memoryview(array.tobytes())
        return
    rows = max(1, BLOCK * len(array) // max(array.nbytes, 1))
    for start in range(0, len(array), rows):
        block = np.ascontiguousarray(array[start : start + rows])
        yield block.astype(block.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data


def _digest(entries: Mapping[str, Any], text: Mapping[str, str], blocks: Iterator[memoryview]) -> str:
    found = hashlib.sha256(_encode([dict(sorted(text.items())), entries]))
    for block in blocks:
        found.update(block)
    return found.hexdigest()


def _encode(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _decode(content: NDArray[np.uint8]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    start = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES].tobytes(), "little")
    if start > len(content):
        raise ValueError("it ends within its header")
    entries = json.loads(content[LENGTH_BYTES:start].tobytes())
    text = entries.pop(TEXT)
    expected, data = text.pop(CHECKSUM), content[start:]
    pieces = (data[first : first + BLOCK].data for first in range(0, len(data), BLOCK))
    if _digest(entries, text, pieces) != expected:
        raise ValueError("its checksum is wrong")
    arrays = {}
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        arrays[name] = data[first:last].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays, text
