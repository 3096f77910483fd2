"""The file that says how each point of an experiment stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fedexperts.errors import UserError
from fedexperts.storage.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fedexperts.experiments.finished import Finished
    from fedexperts.experiments.plan import Point
    from fedexperts.experiments.runner import Failure

FILE = "points.json"
METRICS = "client_metrics"
"""The data set that a point of an experiment is for."""
GATES, FRONTIER, HISTORY = "gate_weights", "frontier", "federation_history"
REPORTED = (METRICS, GATES, FRONTIER, HISTORY)

Standing = Literal["finished", "failed", "to do"]


@dataclass(frozen=True)
class Entry:
    """How one point stands.

    Attributes:
        label: The point in words.
        state: Whether it is finished, was tried and failed, or is to do.
        manifest: The manifest of the run that finished it.
        sources: The manifests of the other runs that it comes from.
        results: By name of a data set, the file of what it found.
        reason: Why it failed.
        log: What the run that failed said.
    """

    label: str
    state: Standing = "to do"
    manifest: str = ""
    sources: Sequence[str] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    log: str = ""

    @property
    def version(self) -> str:
        """The version of the run that finished it; empty if none has."""
        return Path(self.manifest).parent.name


def read_state(root: Path, folder: Path) -> dict[str, Entry]:
    """Read how points stood, by their keys; a result that is gone is forgotten.

    Raises:
        UserError: If the file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return {}
    names = {field.name for field in fields(Entry)}
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        # Entries with other fields are from another version of the project.
        noted = {key: Entry(**entry) for key, entry in stored.items() if set(entry) <= names}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: this file is damaged; delete it: {error}") from error
    return {
        key: entry
        for key, entry in noted.items()
        if entry.state != "finished" or all((root / file).is_file() for file in entry.results.values())
    }


def stand(
    root: Path,
    points: Sequence[Point],
    before: Mapping[str, Entry],
    sources: Sequence[Mapping[str, Finished]],
    failures: Sequence[Failure] = (),
) -> dict[str, Entry]:
    """Say how points stand.

    Args:
        root: The project's folder, which files are named from.
        points: The points.
        before: How they stood.
        sources: The results there are, by environment; of several that have a point's, and of what was noted
            before, the newest counts.
        failures: What has failed since.

    Returns:
        An entry for the key of every point.
    """
    # The first failure of a point is the cause of the others.
    failed = {point.key: failure for failure in reversed(failures) for point in failure.job.points}
    entries = {}
    for point in points:
        label = point.choice.label
        made = [source[point.choice.environment].made for source in sources]
        having = [there for there in made if point.key in there]
        found = max((there[point.key] for there in having), key=lambda made: made.version, default=None)
        old = before.get(point.key, Entry(label))
        if found and found.version >= old.version:
            lineage = found.lineage
            manifest, *others = dict.fromkeys(_named_from(root, made.manifest) for made in reversed(lineage))
            files = {name: file for made in lineage for name, file in made.files.items() if file.is_file()}
            results = {name: _named_from(root, file) for name, file in files.items() if name in REPORTED}
            entries[point.key] = Entry(label, "finished", manifest, others, results)
        elif point.key in failed and old.state != "finished":
            failure = failed[point.key]
            log = _named_from(root, failure.log) if failure.log else ""
            entries[point.key] = Entry(label, "failed", reason=failure.reason, log=log)
        else:
            entries[point.key] = old
    return entries


def _named_from(root: Path, file: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


def write_state(root: Path, folder: Path, entries: Mapping[str, Entry]) -> None:
    """Write how points stand; the file appears whole or not at all.

    What is finished stays noted if its point is none of the experiment's at the moment: it may have been
    collected, and would not be found again.
    """
    before = read_state(root, folder)
    others = {key: entry for key, entry in before.items() if key not in entries and entry.state == "finished"}
    text = json.dumps({key: asdict(entry) for key, entry in {**others, **entries}.items()}, indent=2)
    with written_whole(folder / FILE) as file:
        file.write_text(text + "\n", encoding="utf-8")
