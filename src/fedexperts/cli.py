"""The project's own face of ``kedro run``: a user's mistake is told in words, not in a traceback."""

from __future__ import annotations

import functools
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError
from kedro.io.core import VersionNotFoundError

from fedexperts.errors import UserError


@click.group(name="fedexperts")
def cli() -> None:
    """Commands of this project."""


def _mistake_behind(error: BaseException) -> str | None:
    """Put into words what the user can mend, if that is what stopped the run."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, UserError):
        found = found.__cause__ or found.__context__
    if found is not None:
        return str(found)
    if isinstance(error, MissingConfigException):
        return f"{error}\nThe environments, for --env, are the folders in conf/."
    if isinstance(error, VersionNotFoundError):
        return f"{error}\nAn earlier pipeline makes it: run that one first, or all of them with `kedro run`."
    if isinstance(error, ValueError) and "Failed to find the pipeline" in str(error):
        return f"{error}\n`kedro registry list` names all pipelines."
    return None


@functools.wraps(kedro_run.callback or kedro_run)
def _run(**options: Any) -> Any:  # noqa: ANN401 - passed on as it is
    try:
        return kedro_run.callback(**options)  # type: ignore[misc]
    except Exception as error:
        mistake = _mistake_behind(error)
        if mistake is None or KedroCliError.VERBOSE_ERROR:
            raise
        raise click.ClickException(mistake) from error


run = click.Command(
    name="run", callback=_run, params=kedro_run.params, help=kedro_run.help, short_help=kedro_run.short_help
)
cli.add_command(run)
