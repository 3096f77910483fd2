"""Which runs the unfinished points need.

Points that agree on a stage share it. The stages that are missing are grouped by the set of points that wait
for them; each group is one run. A stage that a single point needs is thus run together with what follows it,
and one that ten points need is run once, before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fedexperts.experiments.grid import Choice
    from fedexperts.experiments.stages import Stage


@dataclass(frozen=True, eq=False)
class Point:
    """One point of an experiment, with names for all that it is made of.

    Attributes:
        choice: What it asks for.
        keys: A key for the name of every stage; see :mod:`fedexperts.experiments.stages`.
    """

    choice: Choice
    keys: Mapping[str, str]

    @property
    def key(self) -> str:
        """The key of its last stage, which names the whole point."""
        return list(self.keys.values())[-1]

    @property
    def short(self) -> str:
        """The first ten digits of its key, for names of files."""
        return self.key[:10]


@dataclass(frozen=True, eq=False)
class Job:
    """One run.

    Attributes:
        stages: The stages to run, each after those that it needs.
        points: The points that wait for it; any one's settings will do.
    """

    stages: tuple[Stage, ...]
    points: tuple[Point, ...]

    @property
    def environment(self) -> str:
        """The folder of ``conf``."""
        return self.points[0].choice.environment

    @property
    def makes(self) -> tuple[str, ...]:
        """The keys of what it makes."""
        return tuple(self.points[0].keys[stage.name] for stage in self.stages)

    @property
    def name(self) -> str:
        """A name for its log: the point's own, where the run finishes one."""
        return self.makes[-1][:10]

    @property
    def label(self) -> str:
        """The run in words."""
        first = self.points[0].choice.label
        if len(self.points) == 1:
            return first
        return (
            f"{first} ({', '.join(stage.name for stage in self.stages)}; shared by {len(self.points)} points)"
        )

    @property
    def loads(self) -> dict[str, str]:
        """By name of a versioned input that it does not make itself, the key of the stage that makes it."""
        own = {stage.name for stage in self.stages}
        return {
            name: self.points[0].keys[maker]
            for stage in self.stages
            for name, maker in stage.inputs.items()
            if maker not in own
        }


def plan(points: Sequence[Point], stages: Sequence[Stage], made: Collection[str]) -> list[Job]:
    """List the runs that are missing, those that others wait for first.

    Args:
        points: The points wanted.
        stages: All versioned stages, each after those that it needs; the last is what a point is for.
        made: The keys of what is there.

    Returns:
        The runs; a run's inputs are there already or made by runs before it.
    """
    unfinished = [point for point in points if point.key not in made]
    waiting: dict[str, list[Point]] = {}
    stage_of: dict[str, Stage] = {}
    for stage in stages:
        for point in unfinished:
            key = point.keys[stage.name]
            if key not in made:
                waiting.setdefault(key, []).append(point)
                stage_of[key] = stage
    groups: dict[tuple[str, ...], list[str]] = {}
    for key, needing in waiting.items():
        groups.setdefault(tuple(point.key for point in needing), []).append(key)
    jobs = [Job(tuple(stage_of[key] for key in keys), tuple(waiting[keys[0]])) for keys in groups.values()]
    # Whoever waits for a stage waits for those before it as well: a run that others need has more points.
    return sorted(jobs, key=lambda job: -len(job.points))


def alone(point: Point, stages: Sequence[Stage], made: Collection[str]) -> Job:
    """Make the run that finishes one point without waiting for any other."""
    return Job(tuple(stage for stage in stages if point.keys[stage.name] not in made), (point,))
