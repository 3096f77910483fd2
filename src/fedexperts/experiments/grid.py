"""From an experiment to its points: one for each combination of settings, environment and seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from fedexperts.errors import UserError
from fedexperts.experiments.specification import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fedexperts.experiments.specification import Experiment, Sweep, Values

SEED = "seed"
METHODS = "personalization.methods"


@dataclass(frozen=True, eq=False)
class Choice:
    """What one point asks for.

    Attributes:
        environment: The folder of ``conf``.
        axes: The settings in which the points of an experiment differ, by dotted name; the seed is the last.
        settings: All settings that differ from the environment's, the axes among them, by dotted name.
    """

    environment: str
    axes: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The point in words: environment, values and seed."""
        values = (f"{name.rpartition('.')[2]}={_short(value)}" for name, value in self.axes.items())
        return " ".join([self.environment, *values])


def expand(experiment: Experiment) -> list[Choice]:
    """List all points of an experiment, sweep by sweep, seeds innermost.

    Raises:
        UserError: If paired lists differ in length, or a setting is given twice in a sweep.
    """
    return [
        choice
        for number, sweep in enumerate(experiment.sweeps, start=1)
        for choice in _expand(experiment, sweep, number)
    ]


def _expand(experiment: Experiment, sweep: Sweep, number: int) -> Iterator[Choice]:
    axes = [[{name: value} for value in _listed(values)] for name, values in sweep.grid.items()]
    axes += [_pair(group, number) for group in sweep.paired]
    names = [*sweep.settings, *sweep.grid, *(name for group in sweep.paired for name in group)]
    names += [SEED] + ([METHODS] if experiment.methods else [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"sweep {number} sets {', '.join(twice)} twice; each setting stands in one of settings, grid and "
            "paired, and seeds and methods have keys of their own"
        )
    within = sorted({name for name in names for other in names if name.startswith(f"{other}.")})
    if within:
        raise UserError(f"sweep {number} sets {', '.join(within)}, and what it would be a part of")
    fixed = dict(sweep.settings) | ({METHODS: experiment.methods} if experiment.methods else {})
    seeds = [{SEED: seed} for seed in experiment.seeds]
    for environment in sweep.environments:
        for values in product(*axes, seeds):
            along = {name: value for part in values for name, value in part.items()}
            yield Choice(environment, along, fixed | along)


def _pair(group: Mapping[str, Values], number: int) -> list[dict[str, Any]]:
    lists = {name: _listed(values) for name, values in group.items()}
    if len({len(values) for values in lists.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(values)}" for name, values in lists.items())
        raise UserError(f"sweep {number}: paired lists need the same number of values, but {lengths}")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _listed(values: Values) -> list[Any]:
    return values.values() if isinstance(values, Range) else values


def _short(value: object) -> str:
    if isinstance(value, list):
        return "+".join(_short(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def select(choices: list[Choice], only: Mapping[str, str]) -> list[Choice]:
    """Keep the points for which a setting, or the environment, has a value.

    Args:
        choices: The points.
        only: By name, the value as it was typed; a name may be shortened to what follows its last dot.

    Raises:
        UserError: If a name is no axis of any point, or nothing is left.
    """
    kept = choices
    for name, text in only.items():
        coordinates = [_coordinate(choice, name) for choice in choices]
        if all(value is None for value in coordinates):
            known = sorted({key for choice in choices for key in choice.axes})
            raise UserError(f"--only {name}: the points differ in environment, {', '.join(known)}")
        kept = [choice for choice in kept if _same(_coordinate(choice, name), text)]
    if not kept:
        asked = " ".join(f"{name}={value}" for name, value in only.items())
        raise UserError(f"no point of the experiment has {asked}")
    return kept


def _coordinate(choice: Choice, name: str) -> str | None:
    if name == "environment":
        return choice.environment
    for key, value in choice.axes.items():
        if name in {key, key.rpartition(".")[2]}:
            return str(value)
    return None


def _same(value: str | None, text: str) -> bool:
    """Whether two texts say the same; numbers may be written in several ways."""
    if value is None:
        return False
    try:
        return float(value) == float(text)
    except ValueError:
        return value == text
