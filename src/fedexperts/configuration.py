"""Checks of all settings before any work starts: every problem at once, each with the place it comes from."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fedexperts.errors import UserError
from fedexperts.federation.rules import RULES
from fedexperts.models.registry import MODELS
from fedexperts.parameters import Parameters, PartitionSettings
from fedexperts.parameters.files import find_files, read_files
from fedexperts.partitioning.demand import check_sizes
from fedexperts.partitioning.registry import SCHEMES
from fedexperts.partitioning.roles import check_roles, most_opted_in
from fedexperts.personalization.registry import CALIBRATIONS, METHODS
from fedexperts.preprocessing import PREPROCESSING
from fedexperts.registry import resolve, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    Key = tuple[str, ...]
    Problem = tuple[Key, str]

LONGEST_SHOWN = 80
LONGEST_NAME = 500
LONGEST_NUMBER = 10_000  # bits
TEXT_MODELS = {name for name, path in MODELS.items() if path.startswith("fedexperts.models.text:")}

# Settings that are names: where, of what, the registry, and whether an import path will do too.
NAMES: tuple[tuple[Key, str, Mapping[str, object], bool], ...] = (
    (("data", "preprocessing"), "preprocessing", PREPROCESSING, False),
    (("partition", "scheme"), "partition scheme", SCHEMES, True),
    (("model", "expert"), "model", MODELS, True),
    (("model", "gate"), "model", MODELS, True),
    (("model", "specialist"), "model", MODELS, True),
    (("federation", "aggregation"), "aggregation rule", RULES, True),
    (("personalization", "methods"), "method", METHODS, False),
    (("personalization", "calibration"), "calibration", CALIBRATIONS, False),
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
    readable, unreadable = _readable(parameters)
    problems = list(_unknown_names(readable))
    try:
        typed = Parameters.model_validate(readable)
    except ValidationError as error:
        problems += _explain_all(error.errors(), readable)
    else:
        problems += _contradictions(typed)
        if not problems and not unreadable:
            return typed
    problems = [*unreadable, *(found for found in problems if found[0] not in dict(unreadable))]
    lines = [f"  {origins.find(key)}: {'.'.join(key)}: {problem}" for key, problem in dict.fromkeys(problems)]
    plural = "s" if len(lines) > 1 else ""
    raise UserError("\n".join([f"{len(lines)} setting{plural} cannot be used; nothing was run", *lines]))


def imported(parameters: Mapping[str, Any]) -> list[str]:
    """Get the settings that may be import paths of a user's own code."""
    return [str(parameters[group][name]) for (group, name), _, _, open_ended in NAMES if open_ended]


class Origins:
    """The places that parameters come from: ``--params`` first, then the environment, then the base.

    Args:
        project: The project's folder.
        folders: The folders of configuration, the one that wins last.
        runtime: The parameters given on the command line.

    Raises:
        UserError: If a file cannot be read.
    """

    def __init__(self, project: Path, folders: Sequence[Path], runtime: Mapping[str, Any]) -> None:
        files = [file for folder in reversed(folders) for file in find_files(folder, "parameters")]
        self._places = [("--params", runtime), *read_files(project, files)]

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


def _readable(parameters: Mapping[Any, Any], outer: Key = ()) -> tuple[dict[str, Any], list[Problem]]:
    """Leave out what cannot even be looked at: names that are no text, and text that no file could hold."""
    readable: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in parameters.items():
        key = (*outer, name if isinstance(name, str) and name.isprintable() else repr(name))
        if key[-1] != name:
            problems.append((key, "the name of a setting has to be text, in characters that can be shown"))
        elif isinstance(value, dict):
            readable[name], inner = _readable(value, key)
            problems += inner
        else:
            readable[name] = value
            broken = next(
                filter(None, map(_broken, value if isinstance(value, list | tuple) else [value])), None
            )
            if broken:
                problems.append((key, f"{_shown(value)} cannot be used; {broken}"))
                readable[name] = None
    return readable, problems


def _broken(value: object) -> str | None:
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return "it holds bytes that are no text"
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        return "Python itself writes no number of that size"
    return None


def _explain_all(found: Iterable[ErrorDetails], parameters: Mapping[str, Any]) -> Iterator[Problem]:
    """Put pydantic's problems into words: it has one for each kind of value that is allowed."""
    sentences: dict[tuple[Key, str], list[str]] = {}
    for problem in found:
        key, subject, sentence = _explain(problem, parameters)
        sentences.setdefault((key, subject), []).append(sentence)
    for (key, subject), several in sentences.items():
        yield key, subject + ", or ".join(dict.fromkeys(several))


def _explain(problem: ErrorDetails, parameters: Mapping[str, Any]) -> tuple[Key, str, str]:
    """Turn one of pydantic's problems into a key, the value that is wrong if it is that, and a sentence."""
    # Behind the key, pydantic names the branch of a union or the place in a list; neither is a setting.
    key = _longest_key(problem["loc"], parameters)
    if problem["type"] == "extra_forbidden":
        known = _fields(key[:-1])
        close = difflib.get_close_matches(key[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return key, "", f"there is no such setting; {hint}"
    if problem["type"] == "missing":
        missing = (*key, str(problem["loc"][-1]))
        return missing, "", "this setting is missing"
    allowed = re.findall("'([^']+)'", str(problem.get("ctx", {}).get("expected", "")))
    close = difflib.get_close_matches(str(problem["input"])[:LONGEST_SHOWN], allowed, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return key, f"{_shown(problem['input'])} cannot be used; ", _lower_first(problem["msg"]) + hint


def _shown(value: object) -> str:
    """A value as it is written, the middle left out where it is long."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    half = LONGEST_SHOWN // 2
    return text if len(text) <= LONGEST_SHOWN else f"{text[:half]} ... {text[-half:]}"


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


def _unknown_names(parameters: Mapping[str, Any]) -> Iterator[Problem]:
    """Names that lead nowhere; values of the wrong type are not looked at."""
    for key, kind, known, open_ended in NAMES:
        chosen: Any = parameters
        for part in key:
            chosen = chosen.get(part) if isinstance(chosen, dict) else None
        for name in chosen if isinstance(chosen, list | tuple) else [chosen]:
            if not isinstance(name, str) or len(name) > LONGEST_NAME:
                continue
            problem = unknown(kind, name, known, open_ended=open_ended)
            if problem is None and name not in known:
                problem = _not_imported(kind, name)
            if problem:
                yield key, problem


def _not_imported(kind: str, name: str) -> str | None:
    """Import what a user's own import path stands for: it is needed anyway, and now nothing is lost yet."""
    try:
        found = resolve(kind, name, {})
    except UserError as error:
        return str(error)
    except Exception as error:  # the module is the user's own, and may raise anything
        return f"the {kind} {name!r} cannot be imported: {type(error).__name__}: {error}"
    return None if callable(found) else f"the {kind} {name!r} cannot be called; it is {_shown(found)}"


def _contradictions(settings: Parameters) -> Iterator[Problem]:
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
    for name, group in (("federation", settings.federation), ("personalization", settings.personalization)):
        if group.momentum and group.optimizer != "sgd":
            problem = f"{group.momentum} has no effect on {group.optimizer}; use 0, or {name}.optimizer: sgd"
            yield (name, "momentum"), problem
    yield from _models_of_other_data(settings)
    yield from _methods_out_of_reach(settings)


def _models_of_other_data(settings: Parameters) -> Iterator[Problem]:
    preprocessing = settings.data.preprocessing
    of_texts = preprocessing == "vocabulary"
    suitable = sorted(name for name in MODELS if (name in TEXT_MODELS) == of_texts)
    for part, model in settings.model:
        if model in MODELS and model not in suitable:
            problem = (
                f"{model!r} does not suit data.preprocessing {preprocessing!r}, which is for "
                f"{'texts' if of_texts else 'numbers'}; of the project's models, {', '.join(suitable)} do"
            )
            yield ("model", part), problem


def _methods_out_of_reach(settings: Parameters) -> Iterator[Problem]:
    chosen, model = settings.personalization, settings.model
    if "wise_ft" in chosen.methods and model.specialist_name != model.expert:
        problem = (
            "'wise_ft' goes from the generalist's weights to the specialist's and needs both of one "
            f"architecture, but model.specialist is {model.specialist!r}; leave one of the two out"
        )
        yield ("personalization", "methods"), problem
    source, preprocessing = CALIBRATIONS.get(chosen.calibration), settings.data.preprocessing
    if source and source.of_texts != (preprocessing == "vocabulary"):
        problem = (
            f"{chosen.calibration!r} makes {'texts' if source.of_texts else 'numbers'}, which does not suit "
            f"data.preprocessing {preprocessing!r}; use auto"
        )
        yield ("personalization", "calibration"), problem
    if settings.evaluation.frontier and "finetuned" not in chosen.methods:
        problem = "losses are measured against 'finetuned'; add it to personalization.methods"
        yield ("evaluation", "frontier"), problem


def _complaint(check: Callable[[PartitionSettings], None], settings: PartitionSettings) -> str | None:
    try:
        check(settings)
    except UserError as error:
        return str(error)
    return None
