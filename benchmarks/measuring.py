"""Time and memory on a machine that others use too."""

from __future__ import annotations

import json
import re
import resource
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PEAK_SIZE = 1024
PEAK_TRIALS = 20
KIB_PER_MB = 1000**2 / 1024


@dataclass
class Spent:
    """What a computation took, in seconds; ``cpu`` is of this process and of its children that have ended."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def measured() -> Iterator[Spent]:
    """Measure what is done inside."""
    spent, cpu, wall = Spent(), _cpu(), time.perf_counter()
    yield spent
    spent.cpu, spent.wall = _cpu() - cpu, time.perf_counter() - wall


def interleaved(variants: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[Spent]]:
    """Measure variants in turn, again and again, so that a busy minute meets all of them.

    Args:
        variants: What to measure, by name.
        repeats: How often.

    Returns:
        By name, one measurement for each turn.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, compute in variants.items():
            with measured() as one:
                compute()
            spent[name].append(one)
    return spent


def ratio(yardstick: Sequence[Spent], variant: Sequence[Spent]) -> float:
    """How many times less CPU time a variant takes: the median over the turns."""
    return statistics.median(plain.cpu / other.cpu for plain, other in zip(yardstick, variant, strict=True))


def wall_ratio(yardstick: Sequence[Spent], variant: Sequence[Spent]) -> float:
    """How many times sooner a variant is done by the clock on the wall: the median over the turns."""
    return statistics.median(plain.wall / other.wall for plain, other in zip(yardstick, variant, strict=True))


def median(spent: Sequence[Spent]) -> Spent:
    """The medians."""
    return Spent(statistics.median(one.cpu for one in spent), statistics.median(one.wall for one in spent))


def matmul_peak() -> float:
    """Measure the most floating-point operations that one core does in a second of CPU time.

    The best of several products of two float32 matrices of 1024 x 1024, with the threads that are set.
    """
    left, right = torch.randn(2, PEAK_SIZE, PEAK_SIZE, generator=torch.Generator().manual_seed(0))
    best = 0.0
    for _ in range(PEAK_TRIALS):
        with measured() as spent:
            left @ right
        best = max(best, 2 * PEAK_SIZE**3 / spent.cpu)
    return best


def peak_memory_mb() -> float:
    """The largest resident set that this process has had, in MB (10^6 bytes)."""
    # Linux hands ``ru_maxrss`` down from the process that started this one, so a small child of a large
    # parent seems large; the high-water mark in /proc begins anew with the program.
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) / KIB_PER_MB
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1000**2 if sys.platform == "darwin" else KIB_PER_MB)


def in_fresh_process(*arguments: str) -> dict[str, Any]:
    """Run a module of this package in a process of its own.

    Args:
        *arguments: The module's name and its arguments.

    Returns:
        What it printed in its last line, as JSON.
    """
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
