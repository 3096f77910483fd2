"""What an experiment's YAML file says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, model_validator
from yaml import YAMLError

from fedexperts.errors import UserError
from fedexperts.parameters.base import Confidence, Resamples, Seed, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails


def _one_value(value: object) -> object:
    if isinstance(value, dict):
        # pydantic takes a TypeError for a fault of ours
        raise ValueError("a setting is a value or a list; a group is written by dotted names")  # noqa: TRY004
    return value


def _dotted(name: str) -> str:
    if not DOTTED.fullmatch(name):
        raise ValueError("a setting is named by its keys with dots between them, as in federation.rounds")
    return name


DOTTED = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
Name = Annotated[str, AfterValidator(_dotted)]
Value = Annotated[Any, AfterValidator(_one_value)]


class Range(Settings):
    """Evenly spaced values, both ends among them.

    Attributes:
        first: The first value.
        last: The last value.
        count: How many values there are.
        scale: ``linear`` for equal differences, ``log`` for equal ratios.
    """

    # `from` reads best in a file, and is a keyword of the language.
    first: int | float = Field(alias="from")
    last: int | float = Field(alias="to")
    count: Annotated[int, Field(ge=2)]
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _logarithms_exist(self) -> Range:
        if self.scale == "log" and min(self.first, self.last) <= 0:
            raise ValueError("a logarithmic range needs ends above 0")
        return self

    def values(self) -> list[Value]:
        """List the values, rounded to ten significant digits so that 0.3 is 0.3; whole between whole ends."""
        spaced = np.linspace if self.scale == "linear" else np.geomspace
        values = [float(f"{value:.10g}") for value in spaced(self.first, self.last, self.count)]
        whole = isinstance(self.first, int) and isinstance(self.last, int)
        return [int(value) if whole and value.is_integer() else value for value in values]


def _form(values: object) -> str:
    return RANGE if isinstance(values, dict | Range) else LIST


LIST, RANGE = "list of values", "range of values"
Values = Annotated[
    Annotated[list[Value], Field(min_length=1), Tag(LIST)] | Annotated[Range, Tag(RANGE)],
    Discriminator(_form),
]


class Sweep(Settings):
    """One grid over settings, in one or several environments.

    Attributes:
        environments: Folders of ``conf``; ``base`` for the settings as they come.
        settings: Dotted names of settings that are the same for all points of the sweep.
        grid: Dotted names, each with its values; every value meets every other.
        paired: Groups of dotted names whose lists run side by side: the first value of one with the first of
            the other.
    """

    environments: Annotated[list[str], Field(min_length=1)]
    settings: dict[Name, Value] = Field(default={})
    grid: dict[Name, Values] = Field(default={})
    paired: list[Annotated[dict[Name, Values], Field(min_length=1)]] = Field(default=[])


class Experiment(Settings):
    """An experiment.

    Attributes:
        title: What it is about, in one line.
        seeds: The seeds; every point is run with each.
        methods: The methods to compare; none for those of the environment.
        figures: The tables and figures that it feeds, of those in
            :mod:`fedexperts.experiments.report`.
        resamples: Bootstrap resamples of the clients, where a setting has one seed.
        confidence: Of the summary's intervals.
        sweeps: The grids.
    """

    title: str
    seeds: Annotated[list[Seed], Field(min_length=1)]
    methods: Annotated[list[str], Field(min_length=1)] | None = None
    figures: list[str] = Field(default=[])
    resamples: Resamples = 2000
    confidence: Confidence = 0.95
    sweeps: Annotated[list[Sweep], Field(min_length=1)]


def read_experiment(file: Path) -> Experiment:
    """Read an experiment's file, by the rules of YAML that hold for all other settings: ``1e-5`` is a number.

    Raises:
        UserError: If it is no YAML, or says something that an experiment does not have.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
    except (YAMLError, OmegaConfBaseException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: this is not a readable YAML file: {error}") from error
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        problems = dict.fromkeys(_explain(problem) for problem in error.errors())
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{file}: this experiment cannot be used; nothing was run\n{lines}") from error


def _explain(problem: ErrorDetails) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part not in {LIST, RANGE})
    if problem["type"] == "extra_forbidden":
        return f"{place}: an experiment has no such key"
    if problem["type"] == "missing":
        return f"{place}: this is missing"
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {problem['input']!r} cannot be used; {reason[:1].lower()}{reason[1:]}"
