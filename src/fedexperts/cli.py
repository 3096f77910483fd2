"""The project's own face of ``kedro run``: a user's mistake is told in words, not in a traceback."""

from __future__ import annotations

import functools
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError

from fedexperts.errors import UserError


@click.group(name="fedexperts")
def cli() -> None:
    """Commands of this project."""


def _user_error_behind(error: BaseException | None) -> UserError | None:
    """Find the mistake of the user that an error was wrapped around."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


@functools.wraps(kedro_run.callback or kedro_run)
def _run(**options: Any) -> Any:  # noqa: ANN401 - passed on as it is
    try:
        return kedro_run.callback(**options)  # type: ignore[misc]
    except Exception as error:
        mistake = _user_error_behind(error)
        if mistake is None or KedroCliError.VERBOSE_ERROR:
            raise
        raise click.ClickException(str(mistake)) from error


run = click.Command(
    name="run", callback=_run, params=kedro_run.params, help=kedro_run.help, short_help=kedro_run.short_help
)
cli.add_command(run)
