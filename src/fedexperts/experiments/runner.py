"""Runs what is missing, several at a time, each in a process of its own.

To be used where :func:`fedexperts.interruption.heeded` holds: an interrupt in the middle of starting a
process would leave that process behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedexperts import interruption
from fedexperts.experiments.finished import versions_to_load
from fedexperts.experiments.invocation import kedro_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import IO, Any

    from fedexperts.experiments.finished import Finished
    from fedexperts.experiments.plan import Job

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_TO_STOP = 30.0
"""How long a run may take to end its step and store where it can go on from."""

NAMES_AN_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")


@dataclass(frozen=True)
class Failure:
    """A run that did not do what it should.

    Attributes:
        job: The run.
        reason: What is known, in words.
        log: What it said, or None where it was not even started.
    """

    job: Job
    reason: str
    log: Path | None


@dataclass(eq=False)
class _Child:
    job: Job
    process: subprocess.Popen[bytes]
    log: Path
    output: IO[bytes] = field(repr=False)


def run_jobs(
    jobs: Sequence[Job],
    finished: Mapping[str, Finished],
    extra: Mapping[str, Any],
    folder: Path,
    at_once: int,
    report: Callable[[int, Sequence[str]], None],
    failures: list[Failure],
) -> None:
    """Run all jobs, none before those whose results it needs.

    A job that fails takes along only those that need its results.

    Args:
        jobs: As :func:`fedexperts.experiments.plan.plan` returns them.
        finished: By environment, what is there; brought up to date after every run.
        extra: Settings for every run that change no result.
        folder: Where the runs' logs go.
        at_once: The most runs at the same time.
        report: Called with the number of jobs behind us and the labels of those that run.
        failures: What fails is added to it at once, so that an interrupt loses none.

    Raises:
        Interrupted: If the user interrupts; no run is left behind.
    """
    waiting, running = list(jobs), list[_Child]()
    coming = {key for job in jobs for key in job.makes}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        while waiting or running:
            for job in [job for job in waiting if not coming & set(job.loads.values())]:
                if len(running) == at_once:
                    break
                waiting.remove(job)
                finished[job.environment].update()  # another command may have done it meanwhile
                made = finished[job.environment].made
                lost = [key for key in job.loads.values() if key not in made]
                if set(job.makes) <= set(made):
                    coming -= set(job.makes)
                elif lost:
                    failures.append(Failure(job, "a run whose results it needs failed", None))
                    coming -= set(job.makes)
                else:
                    running.append(_start(job, finished, extra, folder))
                report(len(jobs) - len(waiting) - len(running), [child.job.label for child in running])
            time.sleep(SECONDS_BETWEEN_LOOKS)
            interruption.check()
            for child in [child for child in running if child.process.poll() is not None]:
                running.remove(child)
                failures += _finish(child, finished)
                coming -= set(child.job.makes)
                report(len(jobs) - len(waiting) - len(running), [child.job.label for child in running])
    finally:
        stop([child.process for child in running])
        for child in running:
            child.output.close()


def _start(job: Job, finished: Mapping[str, Finished], extra: Mapping[str, Any], folder: Path) -> _Child:
    choice, made = job.points[0].choice, finished[job.environment].made
    versions = versions_to_load(job, made)
    pipelines = [stage.name for stage in job.stages]
    arguments = kedro_run(choice.environment, pipelines, {**extra, **choice.settings}, versions)
    log = folder / f"{job.name}.log"
    output = log.open("wb")
    return _Child(job, start(arguments, output), log, output)


def start(arguments: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a ``kedro`` command line in a session of its own, so that Ctrl-C reaches it only through us."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run_once(arguments: Sequence[str], log: Path) -> str | None:
    """Run one command line to its end.

    Args:
        arguments: The command line.
        log: Where what it says goes.

    Returns:
        What is known of its failure, or None if it did well.

    Raises:
        Interrupted: If the user interrupts; the run is ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = start(arguments, output)
        try:
            while process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                interruption.check()
        finally:
            stop([process])
    return None if process.returncode == 0 else _last_words(log, process.returncode)


def _finish(child: _Child, finished: Mapping[str, Finished]) -> Iterable[Failure]:
    child.output.close()
    if child.process.returncode != 0:
        yield Failure(child.job, _last_words(child.log, child.process.returncode), child.log)
        return
    finished[child.job.environment].update()
    if not set(child.job.makes) <= set(finished[child.job.environment].made):
        reason = "it ended well, but its manifest tells of other settings; were files changed meanwhile?"
        yield Failure(child.job, reason, child.log)


def _last_words(log: Path, code: int) -> str:
    """Say why a run failed: its last line that names an error, else its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    telling = [line for line in lines if NAMES_AN_ERROR.match(line)] or [line for line in lines if line]
    words = telling[-1].removeprefix("Error: ") if telling else "it said nothing"
    return f"{words} (exit code {code})"


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes and what they have started, if they have not ended themselves.

    They may end their step first; another interrupt meanwhile ends them at once.
    """
    running = [process for process in processes if process.poll() is None]
    for process in running:
        _end(process, at_once=False)
    deadline = time.monotonic() + SECONDS_TO_STOP
    try:
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        for process in running:
            if process.poll() is None:
                _end(process, at_once=True)
            process.wait()


def _end(process: subprocess.Popen[bytes], *, at_once: bool) -> None:
    if not hasattr(os, "killpg"):
        process.kill() if at_once else process.terminate()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
