"""Fetching files once, and making sure that they are the right ones."""

from __future__ import annotations

import hashlib
import http.client
import logging
import math
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import fsspec  # type: ignore[import-untyped]

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.source import HAND_OVER
from fedexperts.progress import progress
from fedexperts.storage.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

CHUNK = 1 << 18
MEGABYTE = 1_000_000
PATIENCE = 60.0  # seconds without a byte


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set, and where it can be had.

    Attributes:
        name: What it is called in the data set's folder.
        urls: Addresses to try, one after the other.
        checksum: ``"md5:..."``, ``"sha256:..."``, or None where it is not known.
        page: A page for people that leads to the file.
    """

    name: str
    urls: tuple[str, ...]
    checksum: str | None = None
    page: str | None = None

    def by_hand(self, folder: Path) -> str:
        """Say how to do without the download."""
        where = self.page or self.urls[0]
        return f"To place it by hand: get {self.name} from {where}, put it into {folder}, {HAND_OVER}"


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Make sure that a file lies in a folder: whole, verified, and downloaded at most once.

    Args:
        file: What to fetch.
        folder: Where it is kept.

    Returns:
        Where it is.

    Raises:
        DataError: If it cannot be had, or what lies there is not it.
    """
    if Path(file.name).name != file.name:
        raise DataError(f"{file.name!r} is no name of a file in {folder}; leave out folders")
    target = folder / file.name
    if target.exists():
        verify(target, file.checksum, f"Delete it, and it is downloaded again. {file.by_hand(folder)}")
        return target
    problems = []
    for url in file.urls:
        problem = _attempt(url, target, file.checksum)
        if problem is None:
            return target
        problems.append(f"{url}: {problem}")
    raise DataError(f"cannot download {file.name}. {'; '.join(problems)}. {file.by_hand(folder)}")


def verify(path: Path, checksum: str | None, remedy: str, name: str | None = None) -> None:
    """Compare a file with its known checksum.

    Args:
        path: The file.
        checksum: ``"md5:..."`` or ``"sha256:..."``; with None there is nothing to compare.
        remedy: What to do about a difference, for the message.
        name: What to call the file in the message, instead of its path.

    Raises:
        DataError: If they differ.
    """
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    check_digest(digest.hexdigest(), expected, algorithm, remedy, name or str(path))


def check_digest(found: str, expected: str, algorithm: str, remedy: str, name: str) -> None:
    """Compare two checksums.

    Raises:
        DataError: If they differ.
    """
    if found != expected:
        raise DataError(
            f"{name} is damaged, incomplete or another file: its {algorithm} checksum is {found}, "
            f"and should be {expected}. {remedy}"
        )


def _attempt(url: str, target: Path, checksum: str | None) -> str | None:
    """Download a file, and say what went wrong, if anything did."""
    try:
        with written_whole(target) as partial:
            _download(url, partial)
            verify(partial, checksum, "", "what was received")
    # OSError covers no network, no such host, HTTP errors and time-outs; ValueError a malformed address;
    # ImportError a kind of address whose support is not installed.
    except (DataError, OSError, http.client.HTTPException, ValueError, ImportError) as error:
        return str(error).strip(" .") or type(error).__name__
    return None


def _download(url: str, target: Path) -> None:
    """Copy what an address leads to into a file, and show how far it is."""
    logger.info("Downloading %s", url)
    with _opened(url) as (remote, size), target.open("wb") as file:
        received = 0
        total = math.ceil((size or 0) / MEGABYTE)
        with progress(f"Megabytes of {url.rsplit('/', 1)[-1]}", total) as report:
            while chunk := remote.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                if size is not None:
                    # rounded down, so that the last step is reported once, below
                    report(min(received // MEGABYTE, total - 1), "downloading")
            report(total, "downloaded")
    if size is not None and received != size:
        raise OSError(f"the connection broke off after {received} of {size} bytes")


@contextmanager
def _opened(url: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open an address, and tell its size where it is known."""
    if url.startswith(("http://", "https://")):
        # fsspec would need aiohttp for these. The two prefixes above are what S310 asks to make sure of.
        request = urllib.request.Request(url, headers={"User-Agent": "fedexperts"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            length = response.headers.get("Content-Length")
            yield response, None if length is None else int(length)
    else:
        filesystem, path = fsspec.url_to_fs(url)
        with filesystem.open(path, "rb") as remote:
            yield remote, filesystem.size(path)
