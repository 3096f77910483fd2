"""The project's own face of ``kedro run``: what stops it is told in words, not in a traceback."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import settings
from kedro.framework.startup import ProjectMetadata
from kedro.utils import load_obj

from fedexperts import interruption
from fedexperts.commands.experiment import experiment
from fedexperts.commands.mistakes import tell
from fedexperts.commands.overrides import read_config, read_params
from fedexperts.errors import UserError
from fedexperts.parameters.files import KINDS, find_files, read_files


@click.group(name="fedexperts")
def cli() -> None:
    """Commands of this project."""


@functools.wraps(kedro_run.callback or kedro_run)
@click.pass_context
def _run(context: click.Context, /, *, verbose: bool, **options: Any) -> Any:  # noqa: ANN401 - passed on as it is
    metadata = context.find_object(ProjectMetadata)
    project = metadata.project_path if metadata else Path.cwd()
    files: list[tuple[str, dict[Any, Any]]] = []
    try:
        files = read_files(project, _files_of_configuration(project, options))
        _check_runner(options["runner"])
        with interruption.heeded():
            return kedro_run.callback(**options)  # type: ignore[misc]
    except interruption.Interrupted as stopped:
        click.echo("Stopped. The same command goes on from here.", err=True)
        context.exit(128 + stopped.signal)
    except click.ClickException:
        raise
    except Exception as error:
        if verbose:
            raise
        raise click.ClickException(tell(error, project, files, " With --verbose it is shown.")) from error


def _files_of_configuration(project: Path, options: dict[str, Any]) -> list[Path]:
    """The files that Kedro is going to read, those that win first."""
    conf = project / (options["conf_source"] or settings.CONF_SOURCE)
    arguments = settings.CONFIG_LOADER_ARGS
    env = options["env"] or os.environ.get("KEDRO_ENV") or arguments["default_run_env"]
    folders = (conf / env, conf / arguments["base_env"])
    return [file for folder in folders for kind in KINDS for file in find_files(folder, kind)]


def _check_runner(name: str | None) -> None:
    """Refuse a runner that there is not.

    Raises:
        UserError: If there is none of that name.
    """
    try:
        load_obj(name or "SequentialRunner", "kedro.runner")
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"there is no runner {name!r} ({error}); use --runner SequentialRunner (the default) or "
            "--runner ParallelRunner"
        ) from error


def _options() -> list[click.Parameter]:
    """Those of ``kedro run``, with ``--config`` and ``--params`` read as here, and ``--verbose`` besides."""
    options = [copy.copy(option) for option in kedro_run.params]
    for option in options:
        if option.name == "params":
            option.callback = read_params
        if option.name == "config":
            option.callback, option.is_eager = read_config, True
    verbose = click.Option(
        ["--verbose", "-v"], is_flag=True, help="Show the traceback of whatever goes wrong."
    )
    return [*options, verbose]


run = click.Command(
    name="run", callback=_run, params=_options(), help=kedro_run.help, short_help=kedro_run.short_help
)
cli.add_command(run)
cli.add_command(experiment)
