"""The settings that are given on the command line, with ``--params``, and the options in a ``--config``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedexperts.errors import UserError
from fedexperts.parameters.files import read_files
from fedexperts.registry import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig, ListConfig

# A text in quotes, where a value or an entry of a list may begin, or else one character.
PIECE = re.compile(r"""(?<![^=:,\[{\s])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|.""", re.DOTALL)
CLOSES = {"[": "]", "{": "}"}
UNREADABLE = (yaml.YAMLError, OmegaConfBaseException, ValueError)


def read_config(context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Let a file given to ``--config`` stand in for what is not on the command line.

    To be called before the other options are read.

    Raises:
        click.ClickException: If the file cannot be read, or does not hold options of the command.
    """
    if value:
        try:
            ((name, content),) = read_files(Path.cwd(), [Path(value)])
            _check_options(name, content, context.command)
            read_as_settings_are = _plain(OmegaConf.load(value))  # 1e-5 is a number then
        except (UserError, OmegaConfBaseException) as error:
            raise click.ClickException(f"--config: {error}") from error
        context.default_map = {**(context.default_map or {}), **read_as_settings_are["run"]}
    return value


def _check_options(name: str, content: Mapping[Any, Any], command: click.Command) -> None:
    options = content.get("run")
    if not isinstance(options, dict):
        raise UserError(f"{name}: it has to hold options of `kedro run`, below the key `run`")
    known = {str(option.name): option for option in command.params if option.name != "config"}
    for problem in (unknown("option", str(option), known) for option in options):
        if problem:
            raise UserError(f"{name}: {problem}")


def read_params(context: click.Context, parameter: click.Parameter, value: object) -> dict[str, Any]:
    """Put the settings on the command line over those that :func:`read_config` has found in a file.

    Raises:
        click.ClickException: If they cannot be read, or contradict each other.
    """
    beneath = (context.default_map or {}).get(str(parameter.name))
    try:
        return _plain(OmegaConf.merge(parse_overrides(beneath), parse_overrides(value)))
    except UNREADABLE as error:
        problem = f"they do not go with those of --config: {_on_one_line(error)}"
        raise click.ClickException(f"--params: {problem}") from error


def parse_overrides(value: object) -> dict[str, Any]:
    """Take ``key=value,group.key=[value,value]`` apart.

    Kedro's own parser would part a list at its commas.

    Args:
        value: The text; from a file given to ``--config`` it may come as the dict that is wanted.

    Raises:
        click.ClickException: If a part is no ``key=value``, stands there twice, contradicts another, or has
            a value that is no YAML; the message names it.
    """
    if isinstance(value, dict):
        return value
    settings: dict[str, str] = {}
    for part in _split(str(value or "")):
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not key or not equals:
            raise click.ClickException(f"--params: {part.strip()!r} is no setting; write it as key=value")
        if key in settings:
            raise click.ClickException(f"--params: {key} is given twice; leave one of them out")
        try:
            OmegaConf.from_dotlist([f"{key}={text}"])
        except UNREADABLE as error:
            _refuse(part, _on_one_line(error))
        settings[key] = text
    try:
        return _plain(OmegaConf.from_dotlist([f"{key}={text}" for key, text in settings.items()]))
    except UNREADABLE as error:
        problem = f"they contradict each other: {_on_one_line(error)}"
        raise click.ClickException(f"--params: {problem}") from error


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _plain(settings: DictConfig | ListConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(settings)
    return dict(plain) if isinstance(plain, dict) else {}  # type: ignore[arg-type]


def _split(text: str) -> list[str]:
    """Part a text at its commas, but for those in brackets, braces or quotes."""
    parts, opened = [""], list[str]()
    for piece in PIECE.findall(text):
        if piece == "," and not opened:
            parts.append("")
            continue
        parts[-1] += piece
        if piece in CLOSES:
            opened.append(piece)
        elif piece in CLOSES.values() and (not opened or CLOSES[opened.pop()] != piece):
            _refuse(parts[-1], f"{piece!r} closes nothing; a text with brackets has to stand in quotes")
    if opened:
        _refuse(parts[-1], f"{opened[-1]!r} is not closed; a text with brackets has to stand in quotes")
    return parts


def _refuse(part: str, problem: str) -> NoReturn:
    key, _, text = (piece.strip() for piece in part.partition("="))
    raise click.ClickException(f"--params: {key}: {text!r} cannot be read as a value: {problem}")
