"""Progress that a person can watch: rounds done, the loss so far, the time left."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fedexperts import interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[[int, str], None]

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(title: str, total: int, before: int = 0) -> Iterator[Report]:
    """Show progress on the terminal, or log a line now and then where there is none.

    Args:
        title: What is being done.
        total: How many steps there are.
        before: How many of them an earlier run has done; they say nothing of this one's pace.

    Yields:
        A function to call with the number of steps done so far and a few words on how it stands; it raises
        :class:`fedexperts.interruption.Interrupted` if the run was asked to stop.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _heeding(_logged(title, total, before))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, completed=before, status="")
        yield _heeding(lambda done, status: bar.update(task, completed=done, status=status))


def _heeding(show: Report) -> Report:
    """Stop after showing how far it is, if that was asked for."""

    def report(done: int, status: str) -> None:
        show(done, status)
        interruption.check()

    return report


def _logged(title: str, total: int, before: int) -> Report:
    started = last = time.monotonic()
    ended = False

    def left(done: int, seconds: float) -> str:
        if done <= before:
            return ""
        return f", about {seconds / (done - before) * (total - done):.0f} s left"

    def report(done: int, status: str) -> None:
        nonlocal last, ended
        now = time.monotonic()
        if ended or (now - last < SECONDS_BETWEEN_LINES and done < total):
            return
        last, ended = now, done >= total
        logger.info("%s: %d of %d, %s%s", title, done, total, status, left(done, now - started))

    return report
