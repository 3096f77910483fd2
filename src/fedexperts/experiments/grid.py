"""From an experiment to its points: one for each combination of settings, environment and seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from fedexperts.errors import UserError
from fedexperts.experiments import published
from fedexperts.experiments.specification import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fedexperts.experiments.specification import Experiment, Sweep, Values

SEED = "seed"
METHODS = "personalization.methods"


@dataclass(frozen=True, eq=False)
class Choice:
    """What one point asks for.

    Attributes:
        environment: The folder of ``conf``.
        axes: The settings in which the points of an experiment differ, and those that published values depend
            on, by dotted name; the seed is the last.
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
    choices = [
        choice
        for number, sweep in enumerate(experiment.sweeps, start=1)
        for choice in _expand(experiment, sweep, number)
    ]
    named = dict.fromkeys(name for choice in choices for name in choice.settings if name != METHODS)
    shown = [name for name in named if name in published.SETTINGS or _differs(name, choices)]
    return [_with_axes(choice, shown) for choice in choices]


def _differs(name: str, choices: Sequence[Choice]) -> bool:
    """Whether a setting tells points of one environment apart; leaving it out counts as a value."""
    values = {(choice.environment, str(choice.settings.get(name))) for choice in choices}
    return len(values) > len({environment for environment, _ in values})


def _with_axes(choice: Choice, shown: Sequence[str]) -> Choice:
    """Add axes which a sweep has the same for all of its points."""
    more = {
        name: choice.settings[name] for name in shown if name in choice.settings and name not in choice.axes
    }
    return replace(choice, axes={**more, **choice.axes})


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


def select(choices: list[Choice], only: Mapping[str, Sequence[str]]) -> list[Choice]:
    """Keep the points for which settings, or the environment, have one of the values asked for.

    Args:
        choices: The points.
        only: By name, values as they were typed; a name may be shortened to what follows its last dot.

    Raises:
        UserError: If a name is no axis of any point, or short for several, or nothing is left.
    """
    kept = choices
    known = sorted({key for choice in choices for key in choice.axes})
    for name, texts in only.items():
        meant = [name] if name in known else [key for key in known if key.rpartition(".")[2] == name]
        if name == "environment":
            kept = [choice for choice in kept if choice.environment in texts]
        elif len(meant) == 1:
            kept = [choice for choice in kept if any(_has(choice, meant[0], text) for text in texts)]
        elif meant:
            raise UserError(f"--only {name}: this may be {' or '.join(meant)}; write one of them in full")
        else:
            raise UserError(f"--only {name}: the points differ in environment, {', '.join(known)}")
    if not kept:
        asked = " ".join(f"{name}={text}" for name, texts in only.items() for text in texts)
        raise UserError(f"no point of the experiment has {asked}")
    return kept


def _has(choice: Choice, name: str, text: str) -> bool:
    """Whether a setting has a value that was typed; it is read by the rules of ``--params``."""
    if name not in choice.axes:
        return False
    value = choice.axes[name]
    try:
        typed = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
    except (YAMLError, OmegaConfBaseException, ValueError):
        typed = None
    return text == str(value) or typed == {"value": value}
