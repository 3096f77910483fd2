"""``kedro experiment``: experiments as settings, and the runs that they need."""

from __future__ import annotations

import functools
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fedexperts.commands.mistakes import tell
from fedexperts.interruption import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro.framework.startup import ProjectMetadata

# Every `kedro` command imports this module: what takes long to import is imported when it is needed.
# ruff: noqa: PLC0415


def _tells_mistakes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show what went wrong without a traceback, as ``kedro run`` does."""

    @functools.wraps(command)
    def wrapped(project: ProjectMetadata, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        try:
            return command(project, *arguments, **options)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            raise click.ClickException(tell(error, project.project_path, [])) from error

    return wrapped


def _split(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[str]]:
    only: dict[str, list[str]] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} has no value; write {text}=VALUE")
        only.setdefault(name, []).append(value)
    return only


only_option = click.option(
    "--only",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_split,
    help="Only points with this value of a setting, `seed` or `environment`; may be given several times: "
    "points have one of the values given for a setting, and so for each setting.",
)


@click.group()
def experiment() -> None:
    """Run grids of settings, and put their results together."""


@experiment.command("list")
@click.pass_obj
@_tells_mistakes
def list_(project: ProjectMetadata) -> None:
    """List the experiments in conf/experiments."""
    from fedexperts.commands import actions

    actions.list_experiments(project.project_path)


@experiment.command()
@click.argument("name")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at the same time; by default one per core.")
@only_option
@click.pass_obj
@_tells_mistakes
def run(project: ProjectMetadata, name: str, jobs: int | None, only: dict[str, list[str]]) -> None:
    """Run the points of an experiment that are not finished yet."""
    from fedexperts.commands import actions

    try:
        failed = actions.run(project.project_path, name, jobs, only)
    except KeyboardInterrupt as stopped:
        click.echo("Stopped, and all runs with it. The same command goes on.", err=True)
        number = stopped.signal if isinstance(stopped, Interrupted) else signal.SIGINT
        raise click.exceptions.Exit(128 + number) from None
    if failed:
        raise click.exceptions.Exit(1)


@experiment.command()
@click.argument("name")
@click.pass_obj
@_tells_mistakes
def status(project: ProjectMetadata, name: str) -> None:
    """Show which points of an experiment are finished."""
    from fedexperts.commands import actions

    actions.status(project.project_path, name)


@experiment.command()
@click.argument("name")
@only_option
@click.pass_obj
@_tells_mistakes
def commands(project: ProjectMetadata, name: str, only: dict[str, list[str]]) -> None:
    """Print the `kedro run` commands of the points that are not finished, for any scheduler."""
    from fedexperts.commands import actions

    actions.print_commands(project.project_path, name, only)


@experiment.command()
@click.argument("name")
@click.option(
    "--from",
    "copies",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    multiple=True,
    help="Another copy of the project in which points were run; may be given several times.",
)
@click.pass_obj
@_tells_mistakes
def collect(project: ProjectMetadata, name: str, copies: tuple[Path, ...]) -> None:
    """Find finished points wherever they were run, by their run manifests."""
    from fedexperts.commands import actions

    actions.collect(project.project_path, name, copies)


@experiment.command()
@click.argument("name")
@click.pass_obj
@_tells_mistakes
def report(project: ProjectMetadata, name: str) -> None:
    """Write the tables and figures of the points that are finished."""
    from fedexperts.commands import actions

    actions.report(project.project_path, name)
