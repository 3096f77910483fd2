"""Columns of text out of CSV and Parquet files."""

from __future__ import annotations

import csv
import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from fedexperts.datasets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Table = dict[str, list[str | None]]

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
LONGEST_FIELD = 2**31 - 1


def read_columns(path: Path, wanted: Sequence[str], header: Sequence[str] | None) -> Table:
    """Read some columns of a table, all values as text.

    Args:
        path: A file that ends in one of :data:`SUFFIXES`.
        wanted: The names of the columns to read.
        header: The names of all columns of a CSV file without a first line of names; None if it has one.

    Returns:
        The columns; None where a Parquet file holds no value.

    Raises:
        DataError: If the file is damaged or incomplete, lacks a column, or has two of its name.
    """
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path} is no table; its name must end in {', '.join(SUFFIXES)}")
    if path.suffix == ".parquet":
        return _read_parquet(path, wanted)
    try:
        with _opened(path) as file, _long_fields():
            rows = csv.reader(file, strict=True, delimiter="\t" if ".tsv" in path.suffixes else ",")
            names = list(header) if header is not None else next(rows, [])
            positions = _positions(path, wanted, names)
            columns: Table = {name: [] for name in wanted}
            for row in rows:
                if not row:
                    continue
                if len(row) != len(names):
                    raise DataError(
                        f"{path} is damaged, incomplete or another table: line {rows.line_num} has "
                        f"{len(row)} fields, but there are {len(names)} columns ({', '.join(names)})"
                    )
                for name, position in positions.items():
                    columns[name].append(row[position])
    except csv.Error as error:
        raise DataError(
            f"{path} is damaged, incomplete or no such table: line {rows.line_num}: {error}"
        ) from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged, incomplete or no UTF-8 text: {error}") from error
    return columns


def _positions(path: Path, wanted: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}. "
            "Name the columns of the text and the label in the catalog"
        )
    for name in wanted:
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns with the name {name}")
    return {name: names.index(name) for name in wanted}


def _read_parquet(path: Path, wanted: Sequence[str]) -> Table:
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import, and needed here only
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _positions(path, wanted, schema.names)
            for name in wanted:
                if pa.types.is_binary(schema.field(name).type):
                    raise DataError(f"{path} has bytes in the column {name}; store it as text")
            table = file.read(columns=list(wanted))
        return {
            name: [None if value is None else str(value) for value in table[name].to_pylist()]
            for name in wanted
        }
    # ValueError and OverflowError: times that Python cannot hold, text that is no UTF-8
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is damaged, incomplete or no Parquet file: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    # utf-8-sig also takes the mark that some spreadsheets put in front
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, which is a setting of the whole process."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
