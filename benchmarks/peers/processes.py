"""Running a program and measuring it with everything that it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.documents import ROOT
from benchmarks.measuring import KIB_PER_MB, Spent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SET_CHILD_SUBREAPER = 36  # of Linux's prctl
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_TO_END = 20.0


class ProgramError(Exception):
    """A program failed or took too long; the message is the end of what it said."""


def adopt_orphans() -> None:
    """Let processes whose parent has ended become this process's own, so that their time is not lost.

    Ray's daemons and workers are such. Elsewhere than on Linux their time is missing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> tuple[Spent, float | None]:
    """Run a program to its end, and that of all processes it has started.

    Args:
        command: What to run.
        environment: Variables to add to this process's own.
        timeout: How many seconds it may take.

    Returns:
        What it took, and the most memory that it and its descendants held together, in MB (shared pages are
        shared out), as seen every other second; None where there is no /proc.

    Raises:
        ProgramError: If it failed.
    """
    most = 0.0
    variables = {**os.environ, **environment}
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        # Of the descendants alone: looking at their memory takes time too.
        before, start = _cpu_of_descendants(), time.perf_counter()
        program = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
        while program.poll() is None and time.perf_counter() - start < timeout:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(SECONDS_BETWEEN_LOOKS)
            most = max(most, sum(_proportional_mb(process) for process in _descendants()))
        wall = time.perf_counter() - start
        if program.poll() is None:
            program.kill()
        code = program.wait()
        _await_orphans()
        spent = Spent(_cpu_of_descendants() - before, wall)
        if code != 0:
            output.seek(0)
            last_words = " ".join(output.read().split())[-300:]
            raise ProgramError(f"exit code {code}: {last_words}")
    return spent, most or None


def _cpu_of_descendants() -> float:
    """The CPU time of all processes that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _await_orphans() -> None:
    """Wait until no process is left; what does not end by itself is ended."""
    deadline = time.monotonic() + SECONDS_TO_END
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended:
            continue
        if time.monotonic() > deadline:
            for process in _descendants():
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def _descendants() -> list[int]:
    """The processes below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        # The name stands in brackets and may hold anything; the parent is the second field behind it.
        fields = status.rpartition(")")[2].split()
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, open_ends = [], [os.getpid()]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found


def _proportional_mb(process: int) -> float:
    try:
        listing = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:  # it has ended meanwhile
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", listing, re.MULTILINE)
    return int(found[1]) / KIB_PER_MB if found else 0.0
