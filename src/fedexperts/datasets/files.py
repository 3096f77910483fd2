"""Kedro's own datasets, made to write files that are either whole or not there."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from fedexperts.storage.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator


class WholeFiles(LocalFileSystem):  # type: ignore[misc]
    """The files of this machine, for datasets that would leave half a file behind where writing fails."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:  # noqa: ANN401 - as fsspec has it
        """Open a file; one that is written is used in a ``with`` block, and appears when that ends well."""
        if "w" not in mode:
            return super().open(path, mode, **options)
        return _written(Path(self._strip_protocol(path)), mode, options.get("encoding"))


@contextmanager
def _written(path: Path, mode: str, encoding: str | None) -> Iterator[IO[Any]]:
    with written_whole(path) as partial, partial.open(mode, encoding=encoding) as file:
        yield file
