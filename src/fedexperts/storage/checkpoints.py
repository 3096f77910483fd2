"""Unfinished work, kept so that the same work can go on after an interruption.

Work is told apart by a key: names with values, of everything that its result depends on. Each key has a
folder of its own, so that runs with different settings do not meet, and two that do the same write the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fedexperts.errors import UserError
from fedexperts.storage.files import written_whole
from fedexperts.storage.safetensors import read_arrays, write_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Resume = Literal["auto", "never", "required"]
    State = tuple[dict[str, NDArray[Any]], dict[str, str]]

logger = logging.getLogger(__name__)

KEY, OWNER = "key.json", "owner"
KEPT = 2


@dataclass(frozen=True)
class Checkpoints:
    """The folder of all unfinished work.

    Attributes:
        folder: Where it is; it is made when something is stored.
        owner: The run that works now; see :meth:`release`.
        resume: ``"auto"`` to go on where there is something to go on from, ``"never"`` to start anew, and
            ``"required"`` to refuse to begin anew; what comes after the work that was found is begun.
    """

    folder: Path
    owner: str
    resume: Resume = "auto"

    def open(self, work: str, key: Mapping[str, str]) -> Checkpoint:
        """Find what there is of some work.

        Args:
            work: What it is, as a part of a file's name.
            key: All that its result depends on.

        Raises:
            UserError: If there is nothing to go on from although it is required; the message says which of
                the key's values differ from those of other unfinished work.
        """
        digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
        found = Checkpoint(self.folder / f"{work}-{digest[:16]}", dict(key), self.owner)
        if self.resume == "never":
            found.remove()
        if not any(found.folder.glob("*.safetensors")):
            others = self._differences(work, key)
            if self.resume == "required" and not any(self._own()):
                raise UserError(
                    f"there is no unfinished {work} to go on from in {self.folder}{others}; "
                    "use --params resume=auto to start anew"
                )
            if others:
                logger.info("Starting %s anew%s", work, others)
        return found

    def release(self) -> None:
        """Remove all work that this run was the last to open: it is done."""
        for folder in list(self._own()):
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # if nothing is left

    def _differences(self, work: str, key: Mapping[str, str]) -> str:
        """How the key differs from the last one that was not finished, or nothing if there is none."""
        # Another run may clear its work away at any moment, and it is no matter if one cannot be read.
        with contextlib.suppress(OSError, ValueError):
            last = max(self.folder.glob(f"{work}-*/{KEY}"), key=lambda path: path.stat().st_mtime)
            other = json.loads(last.read_text(encoding="utf-8"))
            names = sorted(name for name in {*key, *other} if key.get(name) != other.get(name))
            return f": unfinished work there differs in {', '.join(names)}"
        return ""

    def _own(self) -> Iterator[Path]:
        """The folders of the work that this run was the last to open."""
        for path in self.folder.glob(f"*/{OWNER}"):
            with contextlib.suppress(OSError):
                if path.read_text(encoding="utf-8") == self.owner:
                    yield path.parent


@dataclass(frozen=True)
class Checkpoint:
    """The states that some work was in.

    Attributes:
        folder: Where they are stored.
        key: All that the result depends on.
        owner: The run that works now.
    """

    folder: Path
    key: dict[str, str]
    owner: str

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]], text: Mapping[str, str]) -> None:
        """Store a state under a name; it is there whole or not at all."""
        # The notes come last: whatever folder stands at the end has them, and can be cleared away.
        with _cleared_away_by_others():
            write_arrays(self._file(name), arrays, text)
        self._note(KEY, json.dumps(self.key, indent=1))
        self._note(OWNER, self.owner)

    def load(self, name: str) -> State | None:
        """Read a state; None if it was never stored, or is damaged, which the log then says."""
        if not self._file(name).is_file():
            return None
        self._note(OWNER, self.owner)
        try:
            return read_arrays(self._file(name))
        except UserError as error:
            logger.warning("A checkpoint cannot be used: %s", error)
            self._file(name).unlink(missing_ok=True)
            return None

    def save_step(self, step: int, arrays: Mapping[str, NDArray[Any]], text: Mapping[str, str]) -> None:
        """Store the state after a step, and remove all but the last two."""
        self.save(f"step-{step:09}", arrays, text)
        for name in list(self._steps())[KEPT:]:
            self._file(name).unlink(missing_ok=True)

    def load_last_step(self) -> State | None:
        """Read the state after the last step that is not damaged; None if there is none."""
        states = (self.load(name) for name in self._steps())
        return next((state for state in states if state is not None), None)

    def remove(self) -> None:
        """Forget all states."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, name: str, content: str) -> None:
        with _cleared_away_by_others(), written_whole(self.folder / name) as partial:
            partial.write_text(content, encoding="utf-8")

    def _steps(self) -> Iterator[str]:
        return (path.stem for path in sorted(self.folder.glob("step-*.safetensors"), reverse=True))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def _cleared_away_by_others() -> contextlib.suppress:
    """Let it be no matter that a run which did the same work, and has ended, removes the folder meanwhile."""
    return contextlib.suppress(FileNotFoundError)
