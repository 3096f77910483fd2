"""What the commands of ``kedro experiment`` do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import joblib

from fedexperts import interruption
from fedexperts.commands.project import (
    FOLDER,
    check_points,
    conf_folder,
    find_places,
    find_stages,
    open_finished,
)
from fedexperts.errors import UserError
from fedexperts.experiments.finished import versions_to_load
from fedexperts.experiments.grid import expand, select
from fedexperts.experiments.invocation import kedro_run
from fedexperts.experiments.origins import differences, trace
from fedexperts.experiments.plan import alone, plan
from fedexperts.experiments.report import check_figures, write_report
from fedexperts.experiments.runner import Failure, run_jobs, run_once
from fedexperts.experiments.specification import read_experiment
from fedexperts.experiments.state import read_state, stand, write_state
from fedexperts.progress import progress
from fedexperts.registry import check_known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fedexperts.experiments.finished import Finished
    from fedexperts.experiments.plan import Job, Point
    from fedexperts.experiments.specification import Experiment
    from fedexperts.experiments.state import Entry
    from fedexperts.progress import Report

OUTPUT = "data/09_experiments"


def list_experiments(root: Path) -> None:
    """Print the names of all experiments, how many points they have, and what they are about."""
    files = _files(root)
    width = max(map(len, files), default=0)
    for name, file in files.items():
        experiment = read_experiment(file)
        click.echo(f"{name:<{width}} {len(expand(experiment)):>5} points  {experiment.title}")


def run(root: Path, name: str, jobs: int | None, only: Mapping[str, Sequence[str]]) -> bool:
    """Run the points that are not finished.

    Args:
        root: The project's folder.
        name: The experiment's name.
        jobs: How many runs go on at the same time; None for one per core.
        only: As for :func:`fedexperts.experiments.grid.select`.

    Returns:
        Whether a run failed.
    """
    _, points, wanted = _open(root, name, only)
    folder = root / OUTPUT / name
    finished = _open_finished(root, points)

    def stand_now() -> dict[str, Entry]:
        # Read anew each time: meanwhile another command may have noted something.
        return stand(root, points, read_state(root, folder), [finished], failures)

    failures: list[Failure] = []
    missing = _missing(wanted, stand_now())
    planned: list[Job] = []
    for environment, found in finished.items():
        here = [point for point in missing if point.choice.environment == environment]
        planned += plan(here, found.stages, found.made)

    at_once = max(1, min(jobs or joblib.cpu_count(), len(planned)))
    extra = {"engine.workers": max(1, joblib.cpu_count() // at_once)}
    try:
        if planned:
            with progress(f"Experiment {name}", len(planned)) as report, interruption.heeded():
                failures += _ingest(root, planned, folder / "logs", report)
                lost = {failure.job for failure in failures}

                def note(done: int, running: Sequence[str]) -> None:
                    write_state(root, folder, stand_now())
                    report(done + len(lost), _in_short(running))

                possible = [job for job in planned if job not in lost]
                run_jobs(possible, finished, extra, folder / "logs", at_once, note, failures)
    finally:
        entries = stand_now()
        write_state(root, folder, entries)
        for failure in failures:
            log = f"\n    {failure.log}" if failure.log else ""
            click.echo(f"failed: {failure.job.label}: {failure.reason}{log}", err=True)
        done = sum(entries[point.key].state == "finished" for point in wanted)
        click.echo(f"{done} of {len(wanted)} points are finished.")
    return bool(failures)


def status(root: Path, name: str) -> None:
    """Print how every point stands."""
    entries = _gather(root, name, ())[2]
    for key, entry in entries.items():
        where = entry.manifest or " ".join(text for text in (entry.log, entry.reason) if text)
        click.echo(f"{key[:10]}  {entry.state:<8}  {entry.label}  {where}".rstrip())
    click.echo(_count(entries))


def print_commands(root: Path, name: str, only: Mapping[str, Sequence[str]]) -> None:
    """Print a command line for each point that is not finished, and those to run once before."""
    _, points, wanted = _open(root, name, only)
    finished = _open_finished(root, points)
    missing = _missing(wanted, stand(root, points, read_state(root, root / OUTPUT / name), [finished]))
    environments = dict.fromkeys(point.choice.environment for point in missing)
    if missing:
        click.echo("# once, before the others")
    for environment in environments:
        click.echo(
            shlex.join(_ingestion(root, next(p for p in missing if p.choice.environment == environment)))
        )
    if missing:
        click.echo("# the points, in any order")
    for point in missing:
        found = finished[point.choice.environment]
        job = alone(point, found.stages, found.made)
        versions = versions_to_load(job, found.made)
        names = [stage.name for stage in job.stages]
        click.echo(shlex.join(kedro_run(job.environment, names, point.choice.settings, versions)))


def collect(root: Path, name: str, copies: Sequence[Path]) -> None:
    """Note which points are finished, here and in other copies of the project."""
    _, _, entries = _gather(root, name, copies)
    write_state(root, root / OUTPUT / name, entries)
    click.echo(_count(entries))


def report(root: Path, name: str) -> None:
    """Write tables and figures of what is finished."""
    experiment, points, entries = _gather(root, name, ())
    done = {key: entry for key, entry in entries.items() if entry.state == "finished"}
    if not done:
        raise UserError(f"no point of {name} is finished; start with `kedro experiment run {name}`")
    results = {
        key: {name: root / file for name, file in entry.results.items()} for key, entry in done.items()
    }
    runs = {key: [root / file for file in (entry.manifest, *entry.sources)] for key, entry in done.items()}
    folder = root / OUTPUT / name
    write_state(root, folder, entries)
    origins = trace(points, runs)
    for file in write_report(experiment, points, results, origins, folder):
        click.echo(str(file.relative_to(root)))
    if others := differences(origins):
        click.echo(f"Not all runs have the same {', '.join(others)}: see points.csv.")
    click.echo(_count(entries))


def _files(root: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in sorted((conf_folder(root) / FOLDER).glob("*.y*ml")):
        first = files.setdefault(file.stem, file)
        if first != file:
            raise UserError(f"{first} and {file} are experiments of the same name; rename one of them")
    return files


def _open(
    root: Path, name: str, only: Mapping[str, Sequence[str]]
) -> tuple[Experiment, list[Point], list[Point]]:
    """Read an experiment and check all of it; return its points, and those that are asked for."""
    files = _files(root)
    check_known("experiment", name, dict.fromkeys(files))
    experiment = read_experiment(files[name])
    choices = expand(experiment)
    check_figures(experiment, choices)
    kept = set(select(choices, only))
    points = check_points(root, files[name].relative_to(root), choices)
    return experiment, points, [point for point in points if point.choice in kept]


def _gather(
    root: Path, name: str, copies: Sequence[Path]
) -> tuple[Experiment, list[Point], dict[str, Entry]]:
    experiment, points, _ = _open(root, name, {})
    sources = [_open_finished(root, points, copy) for copy in (None, *copies)]
    return experiment, points, stand(root, points, read_state(root, root / OUTPUT / name), sources)


def _open_finished(root: Path, points: Sequence[Point], copy: Path | None = None) -> dict[str, Finished]:
    """Read what has been computed, and say what of it does not count."""
    finished = open_finished(root, (point.choice.environment for point in points), copy)
    for environment, found in finished.items():
        if found.unreadable:
            click.echo(
                f"{len(found.unreadable)} runs of {environment} were made with settings of another version "
                f"of the project, and do not count; the first is {found.unreadable[0].parent}",
                err=True,
            )
    return finished


def _missing(wanted: Sequence[Point], entries: Mapping[str, Entry]) -> list[Point]:
    return [point for point in wanted if entries[point.key].state != "finished"]


def _ingestion(root: Path, point: Point) -> list[str]:
    """The command line that makes what is stored once for all points of an environment."""
    environment = point.choice.environment
    before, _ = find_stages(find_places(root, environment))
    return kedro_run(environment, before, point.choice.settings)


def _ingest(root: Path, planned: Sequence[Job], logs: Path, report: Report) -> list[Failure]:
    """Make the data of each environment, one after the other; return the runs that now cannot be."""
    failures = []
    for environment in dict.fromkeys(job.environment for job in planned):
        report(0, f"data of {environment}")
        jobs = [job for job in planned if job.environment == environment]
        log = logs / f"data_{environment}.log"
        reason = run_once(_ingestion(root, jobs[0].points[0]), log)
        if reason:
            failures += [Failure(job, f"its data could not be read: {reason}", log) for job in jobs]
    return failures


def _in_short(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{labels[0]}{more}" if labels else "done"


def _count(entries: Mapping[str, Entry]) -> str:
    states = [entry.state for entry in entries.values()]
    failed = f", {states.count('failed')} failed" if "failed" in states else ""
    return f"{states.count('finished')} of {len(states)} points are finished{failed}."
