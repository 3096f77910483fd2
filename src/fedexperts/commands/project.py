"""What experiments need to know of the Kedro project: its stages, settings and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings as kedro_settings
from omegaconf import OmegaConf

from fedexperts.configuration import Origins, check_parameters
from fedexperts.errors import UserError
from fedexperts.experiments.finished import MANIFEST, Finished
from fedexperts.experiments.plan import Point
from fedexperts.experiments.stages import Stage, canonical, stage_keys
from fedexperts.experiments.state import METRICS
from fedexperts.parameters.groups import AT_EVALUATION, AT_GATE_TRAINING
from fedexperts.personalization.registry import KINDS
from fedexperts.pipeline_registry import create_stages
from fedexperts.settings import CONFIG_LOADER_ARGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fedexperts.experiments.grid import Choice

FOLDER = "experiments"
"""The folder of ``conf`` with the experiments; for Kedro an environment that changes nothing."""


def conf_folder(root: Path) -> Path:
    """The folder of all configuration."""
    return root / str(kedro_settings.CONF_SOURCE)


def find_stages(places: Iterable[str]) -> tuple[list[str], list[Stage]]:
    """Find out from the pipelines themselves which settings and results each stage depends on.

    Args:
        places: The names of the versioned data sets.

    Returns:
        The pipelines whose outputs are not versioned, so that they are run once before all others; and the
        others that the result depends on, each after those that it needs.
    """
    pipelines = create_stages()
    versioned = set(places)
    maker = {output: name for name, pipeline in pipelines.items() for output in pipeline.all_outputs()}
    needed: list[str] = []

    def need(name: str) -> None:
        if name not in needed:
            for dataset in sorted(pipelines[name].inputs()):
                if dataset in maker:
                    need(maker[dataset])
            needed.append(name)

    need(maker[METRICS])
    unversioned = [name for name in needed if not pipelines[name].all_outputs() & versioned]
    stages = []
    for name in needed:
        inputs = sorted(pipelines[name].inputs())
        parameters = (dataset.removeprefix("params:") for dataset in inputs if dataset.startswith("params:"))
        if name not in unversioned:
            stages.append(
                Stage(
                    name,
                    groups=tuple(sorted({key.split(".")[0] for key in parameters})),
                    inputs={
                        dataset: maker[dataset] for dataset in inputs if dataset in versioned & set(maker)
                    },
                    outputs=tuple(sorted(pipelines[name].all_outputs() & versioned)),
                    unread={} if name == maker[METRICS] else {"personalization": _unread(name)},
                )
            )
    return unversioned, stages


def _unread(pipeline: str) -> set[str]:
    """Settings of personalisation that a training does not read; of methods, it needs the kinds of models."""
    trains_gates = any("gate" in kind.made_of for kind in KINDS.values() if kind.pipeline == pipeline)
    return {*AT_EVALUATION, *(() if trains_gates else AT_GATE_TRAINING)}


def find_places(root: Path, environment: str) -> dict[str, Path]:
    """Find the folder of versions of every versioned data set of an environment, as the catalog names it."""
    catalog = _loader(root, environment)["catalog"]
    return {
        name: Path(entry["filepath"])
        for name, entry in catalog.items()
        if isinstance(entry, dict) and entry.get("versioned")
    }


def open_finished(
    root: Path, environments: Iterable[str], elsewhere: Path | None = None
) -> dict[str, Finished]:
    """Read what has been computed in each environment.

    Args:
        root: The project's folder.
        environments: Folders of ``conf``.
        elsewhere: Another copy of the project, to read its results instead of this one's.

    Raises:
        UserError: If there is no such copy, or nothing has been run in it.
    """
    found = {}
    for environment in dict.fromkeys(environments):
        places = find_places(root, environment)
        _, stages = find_stages(places)
        places = {name: (elsewhere or root) / place for name, place in places.items()}
        found[environment] = Finished(environment, places, stages)
        found[environment].update()
    if elsewhere and not any(known.places[MANIFEST].is_dir() for known in found.values()):
        wanted = ", ".join(str(known.places[MANIFEST]) for known in found.values())
        raise UserError(
            f"{elsewhere}: nothing has been run here; a copy of the project with results has {wanted}"
        )
    return found


def check_points(root: Path, file: Path, choices: Sequence[Choice]) -> list[Point]:
    """Check the settings of every point, and name what each is made of.

    Args:
        root: The project's folder.
        file: The experiment's file, for messages.
        choices: What the points ask for.

    Raises:
        UserError: If an environment or a setting does not exist, a setting cannot have its value, or two
            points are the same; the message lists all such problems.
    """
    environments = dict.fromkeys(choice.environment for choice in choices)
    _check_environments(root, file, environments)
    parameters = {name: _loader(root, name)["parameters"] for name in environments}
    origins = {name: _origins(root, name) for name in environments}
    stages = {name: find_stages(find_places(root, name))[1] for name in environments}
    points: dict[str, Point] = {}
    problems: dict[str, None] = {}
    for choice in choices:
        try:
            resolved = _with(parameters[choice.environment], choice.settings)
            check_parameters(resolved, _ExperimentOrigins(file, choice, origins[choice.environment]))
        except UserError as error:
            problems |= dict.fromkeys(str(error).splitlines()[1:])
            continue
        keys = stage_keys(stages[choice.environment], choice.environment, canonical(resolved))
        point = Point(choice, keys)
        if point.key in points:
            problems[f"  {points[point.key].choice.label} and {choice.label} are the same point"] = None
        points[point.key] = point
    problems |= _alike(points.values())
    if problems:
        raise UserError("\n".join([f"{file}: this experiment cannot be used; nothing was run", *problems]))
    _check_one_source(points.values())
    return list(points.values())


def _alike(points: Iterable[Point]) -> dict[str, None]:
    """Name points that are not the same and would look it in every table."""
    looks: dict[tuple[str, str], Point] = {}
    problems: dict[str, None] = {}
    for point in points:
        shown = {name: value for name, value in point.choice.axes.items() if value is not None}
        look = (point.choice.environment, str(sorted(shown.items())))
        if look in looks:
            problems[
                f"  {looks[look].choice.label} and {point.choice.label} cannot be told apart: "
                "a setting is null in one sweep and left out in another"
            ] = None
        looks[look] = point
    return problems


class _ExperimentOrigins(Origins):
    """The places that the settings of a point come from: the experiment's file first."""

    def __init__(self, file: Path, choice: Choice, beneath: Origins) -> None:
        self._file = str(file)
        self._names = tuple(choice.settings)
        self._beneath = beneath

    def find(self, key: tuple[str, ...]) -> str:
        dotted = ".".join(key)
        within = any(name == dotted or name.startswith(f"{dotted}.") for name in self._names)
        return self._file if within else self._beneath.find(key)


def _origins(root: Path, environment: str) -> Origins:
    """The places that the settings of an environment come from."""
    conf = conf_folder(root)
    return Origins(root, [conf / str(CONFIG_LOADER_ARGS["base_env"]), conf / environment], {})


def _with(parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings by their dotted names, as ``--params`` does."""
    changes = OmegaConf.create({})
    for name, value in settings.items():
        OmegaConf.update(changes, name, value, merge=True, force_add=True)
    return _merged(parameters, cast("dict[str, Any]", OmegaConf.to_container(changes)))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Put mappings over each other; whatever else stands above stands for what is below."""
    both = {
        key: _merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return {**below, **both}


def _check_environments(root: Path, file: Path, environments: Iterable[str]) -> None:
    folders = sorted(path.name for path in conf_folder(root).iterdir() if path.is_dir())
    known = [name for name in folders if name != FOLDER]
    unknown = [name for name in environments if name not in known]
    if unknown:
        raise UserError(
            f"{file}: there is no environment {', '.join(map(repr, unknown))}; known: {', '.join(known)}"
        )


def _check_one_source(points: Iterable[Point]) -> None:
    """Refuse several sources of data in one environment, whose examples are stored once."""
    sources: dict[str, set[Any]] = {}
    for point in points:
        sources.setdefault(point.choice.environment, set()).add(point.choice.settings.get("data.path"))
    several = [environment for environment, paths in sources.items() if len(paths) > 1]
    if several:
        raise UserError(
            f"data.path differs between points of {', '.join(several)}, but an environment "
            "stores one data set; make an environment for each"
        )


def _loader(root: Path, environment: str) -> OmegaConfigLoader:
    arguments: dict[str, Any] = dict(CONFIG_LOADER_ARGS)
    return OmegaConfigLoader(str(conf_folder(root)), env=environment, **arguments)
