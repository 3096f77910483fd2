"""CIFAR-10 and CIFAR-100, as the Python version of their official release."""

from __future__ import annotations

import hashlib
import pickle
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.datasets.downloads import check_digest
from fedexperts.datasets.errors import DataError
from fedexperts.datasets.members import BROKEN
from fedexperts.examples import Examples

if TYPE_CHECKING:
    from pathlib import Path

    from fedexperts.datasets.benchmarks import CifarBenchmark

SHAPE = (3, 32, 32)
LARGEST_BATCH = 400_000_000
"""Bytes that a batch may claim to hold; the largest has 155 million."""


def read_cifar(benchmark: CifarBenchmark, place: Path) -> Examples:
    """Read all batches.

    The batches are pickles, which can run any code when they are loaded. Therefore nothing is loaded but
    bytes that have just been checked against the checksum of the official file.

    Args:
        benchmark: Which of the two.
        place: The archive, or the folder of its unpacked batches.

    Returns:
        Features ``[60000, 3, 32, 32]``, uint8: red, green and blue.

    Raises:
        DataError: If a file is missing, damaged, or not the official one.
    """
    names, names_checksum = benchmark.names
    checksums = {**benchmark.batches, names: names_checksum}
    files = (
        _from_folder(checksums, place)
        if place.is_dir()
        else _from_archive(benchmark.folder, checksums, place)
    )
    batches = [files[name] for name in benchmark.batches]
    features = np.concatenate([batch["data"] for batch in batches]).reshape(-1, *SHAPE)
    labels = np.concatenate([np.asarray(batch[benchmark.labels_key], dtype=np.int64) for batch in batches])
    parts = [
        np.full(len(batch["data"]), name.startswith("test"))
        for name, batch in zip(benchmark.batches, batches, strict=True)
    ]
    class_names = tuple(files[names][benchmark.names_key])
    return Examples(features, labels, class_names, official_test=np.concatenate(parts))


def _from_folder(checksums: dict[str, str], folder: Path) -> dict[str, Any]:
    missing = [name for name in checksums if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)}; unpack the whole archive there")
    return {
        name: _unpickle((folder / name).read_bytes(), md5, folder / name) for name, md5 in checksums.items()
    }


def _from_archive(folder: str, checksums: dict[str, str], archive: Path) -> dict[str, Any]:
    files = {}
    try:
        with tarfile.open(archive) as tar:
            # members are read into memory, so it does not matter where their names would lead on the disk
            for member in tar:
                name = member.name.removeprefix("./").removeprefix(f"{folder}/")
                wanted = name in checksums and member.isfile() and member.size <= LARGEST_BATCH
                content = tar.extractfile(member) if wanted else None
                if content is not None:
                    files[name] = _unpickle(content.read(), checksums[name], archive / member.name)
    except BROKEN as error:
        raise DataError(f"{archive} is damaged or incomplete: {error}") from error
    missing = [name for name in checksums if name not in files]
    if missing:
        raise DataError(f"{archive} is damaged or incomplete: it lacks {', '.join(missing)}")
    return files


def _unpickle(content: bytes, md5: str, path: Path) -> Any:  # noqa: ANN401 - whatever the official file holds
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    check_digest(found, md5, "md5", "Put the official file there.", str(path))
    return pickle.loads(content, encoding="latin1")  # noqa: S301 - the official file, see above
