"""Anything that is made of named arrays and a little text, in one safetensors file."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from kedro.io.core import AbstractVersionedDataset, Version, get_protocol_and_path
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.files import written_whole
from fedexperts.errors import UserError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Storable(Protocol):
    """What :class:`SafetensorsDataset` can store."""

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Split into named arrays, and text beside them."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Storable:
        """Undo :meth:`to_arrays`."""


class SafetensorsDataset(AbstractVersionedDataset[Storable, Storable]):
    """One object of one class, in one safetensors file: what was saved is what is loaded.

    The same object gives the same bytes, so that two files can be compared by their checksums. A file appears
    whole or not at all.

    In a catalog it stands as::

        digits_examples:
          type: fedexperts.datasets.safetensors.SafetensorsDataset
          filepath: data/02_intermediate/digits/examples.safetensors
          content: fedexperts.examples:Examples
    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        content: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the file.

        Args:
            filepath: Where it is, on this machine.
            content: The class of what it holds, ``"package.module:Class"``; see :class:`Storable`.
            version: Which version to load and to save, if the dataset is versioned.
            metadata: Whatever other tools want to know, such as Kedro-Viz.

        Raises:
            DataError: If the path is not on this machine.
        """
        protocol, path = get_protocol_and_path(filepath, version)
        if protocol != "file":
            raise DataError(f"{filepath} must be a path on this machine; {protocol} is not supported here")
        super().__init__(PurePosixPath(path), version)
        self._content = content
        self.metadata = metadata

    def load(self) -> Storable:
        """Read the object.

        Raises:
            DataError: If the file is damaged, or holds something else.
        """
        path = Path(self._get_load_path())
        arrays, text = read_arrays(path)
        try:
            return self._content_class().from_arrays(arrays, text)
        except (KeyError, ValueError, TypeError, UserError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(f"{path} does not hold {self._content}: {problem}") from error

    def save(self, data: Storable) -> None:
        """Write the object.

        Raises:
            DataError: If it is not of the class that this dataset is for.
        """
        expected = self._content_class()
        if not isinstance(data, expected):
            raise DataError(f"{self._filepath} is for {self._content}, not for {type(data).__qualname__}")
        write_arrays(Path(self._get_save_path()), *data.to_arrays())

    def _content_class(self) -> type[Storable]:
        try:
            return cast("type[Storable]", pkgutil.resolve_name(self._content))
        except (ImportError, AttributeError, ValueError) as error:
            raise DataError(
                f"the content {self._content!r} of {self._filepath} is no class: {error}"
            ) from error

    def _exists(self) -> bool:
        return Path(self._get_load_path()).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "content": self._content, "version": self._version}


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], text: Mapping[str, str]) -> None:
    """Write named arrays and text to one safetensors file.

    Args:
        path: The file. It is replaced in one step if it is there already.
        arrays: At least one, of any shape and memory layout, of bool, integer, float or complex64 type.
        text: What is kept in the header.

    Raises:
        DataError: If there is no array.
    """
    if not arrays:
        # The library would write a header that it cannot read.
        raise DataError(f"there is nothing to write to {path}: a safetensors file holds at least one array")
    # The library stores an array's memory as it lies there, whatever its strides: a transposed one would come
    # back scrambled. `ascontiguousarray` will not do, it gives scalars a dimension.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with written_whole(path) as partial:
        save_file(contiguous, partial, metadata=dict(text))
        _sort_header(partial)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what :func:`write_arrays` wrote.

    Raises:
        DataError: If there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}; run the pipeline that makes it first")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path} is damaged, or no safetensors file ({error}); "
            "delete it and run the pipeline that makes it"
        ) from error


def _sort_header(path: Path) -> None:
    """Put the text in the header in order, which the library leaves to chance.

    The file starts with the header's length in eight bytes, then the header as JSON; see
    https://github.com/huggingface/safetensors#format.
    """
    with path.open("rb+") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if "__metadata__" not in header:
            return
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(ordered) > length:
            raise AssertionError("the header grew by being put in order")
        file.seek(8)
        file.write(ordered.ljust(length))
