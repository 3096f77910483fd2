"""The files in a folder or a tar archive, read in memory and in one order."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from fedexperts.datasets.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 1_000_000_000
"""The most bytes that a file in an archive may claim to hold: a damaged or hostile one claims anything."""

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


BROKEN = (
    tarfile.TarError,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    OverflowError,
    struct.error,
)
"""What reading a damaged archive raises."""


@dataclass(frozen=True)
class Member:
    """One file.

    Attributes:
        parts: Its path below the place that was opened, the name of an archive taken for a folder's.
        origin: Where it is, for messages.
        read: Reads its content.
    """

    parts: tuple[str, ...]
    origin: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Listing:
    """All files, and all folders, the empty ones too."""

    files: list[Member]
    folders: set[tuple[str, ...]]


@contextmanager
def listed(place: Path) -> Iterator[Listing]:
    """List what is in a folder, in the archives that lie in it, or in an archive.

    Nothing is unpacked on the disk, so that no name in an archive can lead anywhere. Hidden files are left
    out, and so are those that lie at the top of a folder and are no archives.

    Args:
        place: The folder or archive.

    Yields:
        Its files in the order in which they are read fastest.

    Raises:
        DataError: If there is no such place, or an archive is damaged.
    """
    listing = Listing([], set())
    with ExitStack() as stack:
        if place.is_dir():
            _list_folder(place, listing)
            archives = (path for path in place.iterdir() if path.name.endswith(ARCHIVES))
            for archive in sorted(path for path in archives if path.is_file() and not hidden((path.name,))):
                _list_archive(archive, (archive.name.split(".")[0],), listing, stack)
        elif place.is_file():
            _list_archive(place, (), listing, stack)
        else:
            raise DataError(f"there is no folder or file {place}")
        yield listing


def _list_folder(root: Path, listing: Listing) -> None:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if hidden(parts):
            continue
        if path.is_dir():
            listing.folders.add(parts)
        elif len(parts) > 1:
            if not path.is_file():
                # a pipe, for instance, would be waited for, for ever
                raise DataError(f"{path} is no file, or a link that leads nowhere; delete it")
            listing.files.append(Member(parts, str(path), path.read_bytes))


def _list_archive(archive: Path, prefix: tuple[str, ...], listing: Listing, stack: ExitStack) -> None:
    def read(member: tarfile.TarInfo) -> bytes:
        # only regular files are listed, and those can always be opened
        with _explained(archive), cast("tarfile.ExFileObject", tar.extractfile(member)) as file:
            content = file.read()
        if len(content) != member.size:
            raise DataError(f"{archive} is damaged or incomplete: it ends within {member.name}")
        return content

    with _explained(archive):
        tar = stack.enter_context(tarfile.open(archive))  # noqa: SIM115 - the stack closes it
        members = tar.getmembers()
        _check_end(tar)
    for member in members:
        parts = (*prefix, *PurePosixPath(member.name).parts)
        if member.name.startswith("/") or ".." in parts:
            raise DataError(f"{archive} holds {member.name!r}, which leads out of the archive; pack it anew")
        if hidden(parts):
            continue
        if member.isdir():
            listing.folders.add(parts)
        elif member.isfile():
            if member.size > LARGEST:
                raise DataError(
                    f"{archive} is damaged, or made to do harm: "
                    f"{member.name!r} claims to hold {member.size} bytes"
                )
            origin = f"{archive}, {member.name}"
            listing.files.append(Member(parts, origin, lambda member=member: read(member)))  # type: ignore[misc]
        else:
            raise DataError(f"{archive} holds {member.name!r}, which is a link; pack the files themselves")


def _check_end(tar: tarfile.TarFile) -> None:
    """Make sure that an archive goes on to its end mark, a block of zeros.

    Where a header is damaged or cut off, `tarfile` takes the archive to end there, without a word.
    """
    file = cast("IO[bytes]", tar.fileobj)
    file.seek(tar.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError(f"it breaks off after {len(tar.getmembers())} files and folders")


@contextmanager
def _explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise DataError(f"{archive} is damaged, incomplete or no tar archive: {error}") from error


def hidden(parts: tuple[str, ...]) -> bool:
    """Whether a path is of what systems leave behind, such as ``._train.tar`` or ``Thumbs.db``."""
    return any(part.startswith((".", "__MACOSX")) or part == "Thumbs.db" for part in parts)
