"""Checks of all settings before any work starts: every problem at once, each with the place it comes from."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from fedexperts.errors import UserError
from fedexperts.federation.rules import RULES
from fedexperts.models.registry import MODELS
from fedexperts.parameters import Parameters, PartitionSettings
from fedexperts.partitioning.demand import check_sizes
from fedexperts.partitioning.registry import SCHEMES
from fedexperts.partitioning.roles import check_roles, most_opted_in
from fedexperts.personalization.registry import METHODS
from fedexperts.preprocessing import PREPROCESSING
from fedexperts.registry import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    Key = tuple[str, ...]

# Settings that are names: where, of what, the registry, and whether an import path will do too.
NAMES: tuple[tuple[Key, str, Mapping[str, object], bool], ...] = (
    (("data", "preprocessing"), "preprocessing", PREPROCESSING, False),
    (("partition", "scheme"), "partition scheme", SCHEMES, True),
    (("model", "expert"), "model", MODELS, True),
    (("model", "gate"), "model", MODELS, True),
    (("model", "specialist"), "model", MODELS, True),
    (("federation", "aggregation"), "aggregation rule", RULES, True),
    (("personalization", "methods"), "method", METHODS, False),
)


def check_parameters(parameters: Mapping[str, Any], origins: Origins) -> Parameters:
    """Check the parameters of a run.

    Args:
        parameters: All parameters, as Kedro merged them.
        origins: Where they come from.

    Returns:
        The same, typed.

    Raises:
        UserError: If anything is wrong with them; the message lists all that is.
    """
    problems = list(_unknown_names(parameters))
    try:
        typed = Parameters.model_validate(parameters)
    except ValidationError as error:
        # of the branches of a union, one is enough
        problems += dict(_explain(problem, parameters) for problem in error.errors()).items()
    else:
        problems += _contradictions(typed)
        if not problems:
            return typed
    lines = [f"  {origins.find(key)}: {'.'.join(key)}: {problem}" for key, problem in problems]
    plural = "s" if len(lines) > 1 else ""
    raise UserError("\n".join([f"{len(lines)} setting{plural} cannot be used; nothing was run", *lines]))


class Origins:
    """The places that parameters come from: ``--params`` first, then the environment, then the base.

    Args:
        project: The project's folder.
        folders: The folders of configuration, the one that wins last.
        runtime: The parameters given on the command line.
    """

    def __init__(self, project: Path, folders: Sequence[Path], runtime: Mapping[str, Any]) -> None:
        files = [
            file
            for folder in reversed(folders)
            for pattern in ("**/parameters*.y*ml", "parameters*/**/*.y*ml")  # as Kedro looks for them
            for file in sorted(folder.glob(pattern))
            if file.is_file()
        ]
        self._places: list[tuple[str, Any]] = [("--params", runtime)]
        for file in files:
            name = str(file.relative_to(project) if file.is_relative_to(project) else file)
            self._places.append((name, yaml.safe_load(file.read_text(encoding="utf-8")) or {}))

    def find(self, key: Key) -> str:
        """Name the place that sets a key; if none does, the one that sets what it belongs to."""
        for length in range(len(key), 0, -1):
            for name, content in self._places:
                if _holds(content, key[:length]):
                    return name
        return "no file"


def _holds(content: object, key: Key) -> bool:
    for part in key:
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True


def _explain(problem: ErrorDetails, parameters: Mapping[str, Any]) -> tuple[Key, str]:
    """Turn one of pydantic's problems into a key and a sentence."""
    # Behind the key, pydantic names the branch of a union or the place in a list; neither is a setting.
    key = _longest_key(problem["loc"], parameters)
    if problem["type"] == "extra_forbidden":
        known = _fields(key[:-1])
        close = difflib.get_close_matches(key[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return key, f"there is no such setting; {hint}"
    if problem["type"] == "missing":
        missing = (*key, str(problem["loc"][-1]))
        return missing, "this setting is missing"
    return key, f"{problem['input']!r} cannot be used; {_lower_first(problem['msg'])}"


def _longest_key(location: tuple[int | str, ...], parameters: object) -> Key:
    key: list[str] = []
    for part in location:
        if not isinstance(parameters, dict) or part not in parameters:
            break
        key.append(str(part))
        parameters = parameters[part]
    return tuple(key)


def _fields(key: Key) -> list[str]:
    model: type[BaseModel] = Parameters
    for part in key:
        found = model.model_fields[part].annotation
        if not (isinstance(found, type) and hasattr(found, "model_fields")):
            return []
        model = found
    return list(model.model_fields)


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _unknown_names(parameters: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Names that lead nowhere; values of the wrong type are not looked at."""
    for key, kind, known, open_ended in NAMES:
        chosen: Any = parameters
        for part in key:
            chosen = chosen.get(part) if isinstance(chosen, dict) else None
        for name in chosen if isinstance(chosen, list | tuple) else [chosen]:
            problem = unknown(kind, name, known, open_ended=open_ended) if isinstance(name, str) else None
            if problem:
                yield key, problem


def _contradictions(settings: Parameters) -> Iterator[tuple[Key, str]]:
    """Settings that cannot hold together, as far as they tell without the data."""
    for problem in (_complaint(check, settings.partition) for check in (check_roles, check_sizes)):
        if problem:
            yield ("partition",), problem
    wanted, left = settings.federation.clients_per_round, most_opted_in(settings.partition)
    if wanted > left:
        yield (
            ("federation", "clients_per_round"),
            f"{wanted} clients cannot be drawn from the {left} that are not unseen or opted out; use fewer",
        )


def _complaint(check: Callable[[PartitionSettings], None], settings: PartitionSettings) -> str | None:
    try:
        check(settings)
    except UserError as error:
        return str(error)
    return None
