"""The settings that are given on the command line, with ``--params``."""

from __future__ import annotations

import re
from typing import Any

import click
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

# A comma parts two settings, unless a bracket or brace is closed behind it that was opened before it.
COMMA = re.compile(r",(?![^\[{]*[\]}])")


def parse_overrides(_context: click.Context, _parameter: click.Parameter, value: object) -> dict[str, Any]:
    """Take ``key=value,group.key=[value,value]`` apart.

    Kedro's own parser would part a list at its commas.

    Args:
        value: The text; from a file given to ``--config`` it comes as the dict that is wanted.

    Raises:
        click.ClickException: If a part is no ``key=value``, stands there twice, or has a value that is no
            YAML; the message names it.
    """
    if isinstance(value, dict):
        return value
    settings: dict[str, str] = {}
    for part in COMMA.split(str(value or "")):
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not key or not equals:
            raise click.ClickException(f"--params: {part.strip()!r} is no setting; write it as key=value")
        if key in settings:
            raise click.ClickException(f"--params: {key} is given twice; leave one of them out")
        try:
            OmegaConf.from_dotlist([f"{key}={text}"])
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            problem = " ".join(str(error).split())
            raise click.ClickException(
                f"--params: {key}: {text!r} cannot be read as a value: {problem}"
            ) from error
        settings[key] = text
    merged = OmegaConf.to_container(
        OmegaConf.from_dotlist([f"{key}={text}" for key, text in settings.items()])
    )
    return dict(merged) if isinstance(merged, dict) else {}  # type: ignore[arg-type]
