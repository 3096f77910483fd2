"""Files that are either whole or not there."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file so that nobody ever sees half of it.

    Args:
        path: Where the file is to be in the end. Missing folders are made.

    Yields:
        A path in the same folder to write to. If the block ends well, what lies there takes the place of
        ``path`` in one step; if it fails, it is removed and ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own keeps two runs that write the same file, on whatever machines, out of each other's.
    partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        # Some libraries make files that only their owner may read; this one is to be as open as any other.
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        partial.chmod(mode)
        # Without this, a power cut could leave the new name on a file whose content never reached the disk.
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
