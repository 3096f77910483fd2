"""What has been computed already, as the run manifests tell.

The manifests are the only memory that runs leave: a run with ``--env`` counts however it was started, and a
run that was cut short left no manifest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fedexperts.errors import UserError
from fedexperts.experiments.stages import canonical, stage_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fedexperts.experiments.plan import Job
    from fedexperts.experiments.stages import Stage

MANIFEST = "run_manifest"


@dataclass(frozen=True, eq=False)
class Made:
    """What one run of a stage stored.

    Attributes:
        key: What it is; see :mod:`fedexperts.experiments.stages`.
        manifest: The manifest of the run.
        files: By name of the output, its file.
        versions: By name of the output, its version.
        sources: What the run read.
    """

    key: str
    manifest: Path
    files: Mapping[str, Path]
    versions: Mapping[str, str]
    sources: tuple[Made, ...]

    @property
    def version(self) -> str:
        """The version of the run."""
        return self.manifest.parent.name

    @property
    def lineage(self) -> tuple[Made, ...]:
        """All that it comes from, each after its own sources, and itself."""
        return (*dict.fromkeys(made for source in self.sources for made in source.lineage), self)


@dataclass
class Finished:
    """The runs of one environment, read from one project's folder.

    Attributes:
        environment: The folder of ``conf``.
        places: By name of a versioned data set, the folder that holds its versions.
        stages: All versioned stages, each after those that it needs.
        made: By key, what is there; of several runs that made the same, the newest counts.
        unreadable: The manifests whose settings are those of another version of the project.
    """

    environment: str
    places: Mapping[str, Path]
    stages: Sequence[Stage]
    made: dict[str, Made] = field(default_factory=dict)
    unreadable: list[Path] = field(default_factory=list)
    _read: set[Path] = field(default_factory=set)
    _makers: dict[tuple[str, str], Made] = field(default_factory=dict)

    def update(self) -> None:
        """Read the manifests that are new since the last time, the oldest first."""
        folder = self.places[MANIFEST]
        for file in sorted(folder.glob(f"*/{folder.name}")):
            if file not in self._read:
                self._read.add(file)
                self._note(file, read_manifest(file))

    def _note(self, file: Path, manifest: dict[str, Any]) -> None:
        try:
            if manifest["run"].get("env") != self.environment:
                return
            settings = canonical(manifest["parameters"])
            saved: dict[str, str] = manifest["saved_versions"]
            versions = {**manifest["loaded_versions"], **saved}
        except (ValidationError, KeyError, TypeError):
            self.unreadable.append(file)
            return
        for stage in self.stages:
            if not set(stage.outputs) <= set(saved):
                continue
            makers: dict[str, set[Made | None]] = {name: set() for name in stage.needs}
            for name, maker in stage.inputs.items():
                makers[maker].add(self._makers.get((name, versions.get(name, ""))))
            upstream = [made for found in makers.values() for made in found if made]
            if len(upstream) != sum(map(len, makers.values())) or len(upstream) != len(makers):
                continue  # inputs from runs whose manifests are gone, or from several runs of one stage
            key = stage_key(stage, self.environment, settings, [made.key for made in upstream])
            files = {name: self._file(name, saved[name]) for name in stage.outputs}
            own = {name: saved[name] for name in stage.outputs}
            made = Made(key, file, files, own, tuple(upstream))
            self._makers |= dict.fromkeys(own.items(), made)
            newest = key not in self.made or self.made[key].manifest < file
            if newest and all(path.is_file() for path in files.values()):
                self.made[key] = made

    def _file(self, name: str, version: str) -> Path:
        return self.places[name] / version / self.places[name].name


def versions_to_load(job: Job, made: Mapping[str, Made]) -> dict[str, str]:
    """Choose the versions of a run's inputs, such that they belong together.

    What a later stage was made from goes before what has been made anew since.

    Args:
        job: A run whose inputs are all there.
        made: By key, what is there.
    """
    needed = set(job.loads.values())
    taken: dict[str, Made] = {}
    for key in reversed(list(job.points[0].keys.values())):
        if key in needed:
            for one in reversed(taken.get(key, made[key]).lineage):
                if all(file.is_file() for file in one.files.values()):
                    taken.setdefault(one.key, one)
    return {name: taken.get(key, made[key]).versions[name] for name, key in sorted(job.loads.items())}


def read_manifest(file: Path) -> dict[str, Any]:
    """Read the manifest of a run.

    Raises:
        UserError: If the file is damaged.
    """
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: this manifest is damaged; delete it: {error}") from error
    return manifest
