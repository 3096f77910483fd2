"""Texts with labels, in CSV or Parquet files: AG News, or your own."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from fedexperts.datasets.downloads import RemoteFile, fetch, verify
from fedexperts.datasets.errors import DataError
from fedexperts.datasets.members import hidden
from fedexperts.datasets.source import HAND_OVER, RawSource
from fedexperts.datasets.tables import SUFFIXES, read_columns
from fedexperts.examples import Examples, as_texts

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fedexperts.datasets.tables import Table

logger = logging.getLogger(__name__)

LONGEST_NUMBER = 1_000  # digits; Python reads no more than a few thousand
YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class TextTableDataset(RawSource):
    """One text and one label a row, in one or more CSV files (also gzipped) or Parquet files.

    In a catalog it stands as::

        raw_data:
          type: fedexperts.datasets.text_table.TextTableDataset
          filepath: data/01_raw/texts
          text: [text]
          label: label
    """

    def __init__(  # noqa: PLR0913 - each is a line of the catalog entry
        self,
        *,
        filepath: str | os.PathLike[str],
        text: Sequence[str],
        label: str,
        opt_in: str | None = None,
        header: Sequence[str] | None = None,
        class_names: Mapping[Any, str] | None = None,
        files: Sequence[Mapping[str, str]] = (),
        page: str | None = None,
        path: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Say where the table lies, and what its columns mean.

        Args:
            filepath: The folder of this data set in the project, where downloads are kept.
            text: The columns of the text, put together in this order.
            label: The column of the label.
            opt_in: The column that says true or false (yes or no, 1 or 0): whether the row may influence what
                leaves its client. None if the settings decide.
            header: The names of all columns, for CSV files without a first line of names.
            class_names: The name of the class for each value of the label, in the order of the classes; None
                to take the values themselves, sorted.
            files: The files of a public data set, each with ``name``, ``url`` and ``checksum`` (such as
                ``md5:d52e...``). None of them may be missing. Without it, all tables of a folder are read.
            page: A page for people that leads to those files.
            path: The user's own file, folder or address, which goes before ``filepath``. An address is
                anything that fsspec opens; one that ends in a slash stands for a folder with ``files``.
            metadata: Whatever other tools want to know, such as Kedro-Viz.
        """
        super().__init__(filepath=filepath, path=path, metadata=metadata)
        self._folder = Path(filepath)
        self._text = list(text)
        self._label = label
        self._opt_in = opt_in
        self._header = header
        self._class_names = (
            None if class_names is None else {str(key): name for key, name in class_names.items()}
        )
        self._files = [RemoteFile(file["name"], (file["url"],), file.get("checksum"), page) for file in files]

    def read(self) -> Examples:
        """Read all rows of all files: features ``[rows]``, str.

        Raises:
            DataError: If a file is missing and cannot be had, is damaged, or lacks a column or a label.
        """
        wanted = [*self._text, self._label, *([self._opt_in] if self._opt_in else [])]
        texts: list[str] = []
        values: list[str] = []
        opt_ins: list[bool] = []
        in_test: list[bool] = []
        for path in self._paths():
            table = read_columns(path, list(dict.fromkeys(wanted)), self._header)
            columns = (table[name] for name in self._text)
            texts += [" ".join(part or "" for part in parts) for parts in zip(*columns, strict=True)]
            values += _labels(path, table, self._label)
            in_test += [_is_test(path)] * len(table[self._label])
            if self._opt_in:
                opt_ins += _flags(path, table, self._opt_in)
        labels, names = self._classes(values)
        return Examples(
            as_texts(texts),
            labels,
            names,
            np.array(opt_ins, dtype=np.bool_) if self._opt_in else None,
            np.array(in_test, dtype=np.bool_) if any(in_test) else None,
        )

    def _paths(self) -> list[Path]:
        if self._path is None:
            return [fetch(file, self._folder) for file in self._files] or _tables(self._folder)
        if "://" in self._path:
            # apart from the files that are read where no path is given
            return [fetch(file, self._folder / "downloaded") for file in self._at_address(self._path)]
        place = Path(self._path)
        if place.is_file():
            return [place]
        if not self._files or not place.is_dir():
            return _tables(place)
        return [self._in_folder(file, place) for file in self._files]

    def _at_address(self, address: str) -> list[RemoteFile]:
        """Say which files an address stands for, each under a name that only this address leads to."""
        if address.endswith("/"):
            if not self._files:
                raise DataError(f"{address} is a folder on another machine; name one file instead")
            urls = [address + file.name for file in self._files]
        else:
            urls = [address]
        try:
            names = [PurePosixPath(urlsplit(url).path).name for url in urls]
        except ValueError as error:
            raise DataError(f"{address} is no address: {error}") from error
        strange = next((name for name in names if not name.endswith(SUFFIXES)), None)
        if strange is not None:
            raise DataError(f"{address} leads to no table; its name must end in {', '.join(SUFFIXES)}")
        marks = [hashlib.sha256(url.encode()).hexdigest()[:8] for url in urls]
        return [
            RemoteFile(f"{mark}-{name}", (url,)) for mark, name, url in zip(marks, names, urls, strict=True)
        ]

    def _in_folder(self, file: RemoteFile, folder: Path) -> Path:
        candidates = [folder / file.name, folder / f"{file.name}.gz"]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise DataError(
                f"there is no {file.name} or {file.name}.gz in {folder}. {file.by_hand(self._folder)}"
            )
        if found.name == file.name:
            try:
                verify(found, file.checksum, "")
            except DataError:
                # one's own place may well hold a part of the data
                logger.warning("%s is not the official file; results cannot be compared with others'", found)
        return found

    def _classes(self, values: list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Number the classes."""
        if self._class_names is None:
            found = sorted(set(values), key=_natural)
            names = tuple(found)
        else:
            found, names = list(self._class_names), tuple(self._class_names.values())
            unknown = sorted(set(values) - set(found))
            if unknown:
                raise DataError(
                    f"{self._path or self._folder}: the column {self._label} holds {unknown[0]!r}, "
                    f"which is none of the classes {', '.join(found)}"
                )
        number_of = {value: number for number, value in enumerate(found)}
        return np.array([number_of[value] for value in values], dtype=np.int64), names

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "text": self._text, "label": self._label, "opt_in": self._opt_in}


def _tables(folder: Path) -> list[Path]:
    """Find all tables in a folder."""
    found = sorted(
        path for path in folder.glob("*") if path.name.endswith(SUFFIXES) and not hidden((path.name,))
    )
    if not found:
        raise DataError(
            f"there is no table in {folder}. Put files that end in {', '.join(SUFFIXES)} there, {HAND_OVER}"
        )
    return found


def _labels(path: Path, table: Table, column: str) -> list[str]:
    labels = []
    for row, value in enumerate(table[column], start=1):
        if not value:
            raise DataError(
                f"{path} has no label in row {row} of the column {column}; fill it, or delete the row"
            )
        labels.append(value)
    return labels


def _flags(path: Path, table: Table, column: str) -> list[bool]:
    flags = []
    for row, value in enumerate(table[column], start=1):
        flag = YES_OR_NO.get((value or "").strip().lower())
        if flag is None:
            raise DataError(
                f"{path} has {value!r} in row {row} of the column {column}; "
                "it must be true or false, yes or no, 1 or 0"
            )
        flags.append(flag)
    return flags


def _is_test(path: Path) -> bool:
    """Whether a file is called ``test``, or something and ``test``, such as ``ag_news-test.csv.gz``."""
    return re.search(r"(^|[^a-z])test$", path.name.split(".")[0].lower()) is not None


def _natural(value: str) -> tuple[bool, int, str]:
    """Order numbers by their size, and before words."""
    is_number = value.isdecimal() and len(value) < LONGEST_NUMBER
    return (not is_number, int(value) if is_number else 0, value)
