"""Anything that is made of named arrays and a little text, in one safetensors file."""

from __future__ import annotations

import pkgutil
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, cast

from kedro.io.core import AbstractVersionedDataset, Version, get_protocol_and_path

from fedexperts.datasets.errors import DataError
from fedexperts.errors import UserError
from fedexperts.storage.safetensors import read_arrays, write_arrays

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray


class Storable(Protocol):
    """What :class:`SafetensorsDataset` can store."""

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Split into named arrays, and text beside them."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Storable:
        """Undo :meth:`to_arrays`."""


@contextmanager
def _as_data_errors() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise DataError(str(error)) from error


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
        with _as_data_errors():
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
        with _as_data_errors():
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
