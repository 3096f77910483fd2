"""A run as the command line that starts it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLAIN = re.compile(r"(?!nan$|inf$)[a-z][a-z0-9_]*")
"""Names that need no quotes, unless they are among YAML's words."""


def kedro_run(
    environment: str,
    pipelines: Sequence[str],
    settings: Mapping[str, Any],
    versions: Mapping[str, str] | None = None,
) -> list[str]:
    """Write a run as arguments of a command line.

    Args:
        environment: The folder of ``conf``.
        pipelines: The pipelines to run.
        settings: The settings that differ from the environment's, by dotted name.
        versions: By name of an input, the version to load.

    Raises:
        UserError: If a text among the settings cannot be passed on a command line.
    """
    arguments = ["kedro", "run", "--env", environment, "--pipelines", ",".join(pipelines)]
    if settings:
        pairs = [f"{name}={_written(name, value)}" for name, value in settings.items()]
        arguments += ["--params", ",".join(pairs)]
    if versions:
        arguments += ["--load-versions", ",".join(f"{name}:{version}" for name, version in versions.items())]
    return arguments


def _written(name: str, value: object) -> str:
    """Write a value as YAML: a list in brackets, and a text in quotes unless it is a plain name."""
    if isinstance(value, list):
        return f"[{','.join(_written(name, entry) for entry in value)}]"
    plain = isinstance(value, str) and PLAIN.fullmatch(value) and yaml.safe_load(value) == value
    text = str(value) if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and "${" in value:
        raise UserError(
            f"{name}: {value!r} would be taken for a reference to another setting by `--params`; put it into "
            "the parameters.yml of an environment"
        )
    return text
