"""Ctrl-C, SIGTERM and a closed terminal, noted when they come and heeded where nothing is lost.

Whoever works step by step asks with :func:`check` where a step has ended; whoever reports to
:func:`fedexperts.progress.progress` does so with every report.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP, which says that the terminal is gone."""

_noted: list[int] = []


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop, and did so where it can go on from.

    Attributes:
        signal: What asked.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def check() -> None:
    """Stop here if that was asked for.

    Raises:
        Interrupted: If so.
    """
    if _noted:
        raise Interrupted(_noted[0])


@contextmanager
def heeded() -> Iterator[None]:
    """Note signals for a while instead of stopping wherever the program happens to be; the second one does.

    To be used in the main thread.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        # nohup has it ignored, to outlive the terminal
        if not (number == getattr(signal, "SIGHUP", None) and handler is signal.SIG_IGN):
            signal.signal(number, _note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _noted.clear()


def _note(number: int, _frame: FrameType | None) -> None:
    _noted.append(number)
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, number)
    # A child may be told twice, by the terminal and by its parent.
    if multiprocessing.parent_process() is None:
        if len(_noted) > 1:
            raise KeyboardInterrupt
        with suppress(OSError):  # the terminal may be gone
            os.write(2, b"\nStopping after this step; once more to stop at once.\n")
