"""Ctrl-C, SIGTERM and a closed terminal, noted when they come and heeded where nothing is lost.

Whoever works step by step asks with :func:`check` where a step has ended; whoever reports to
:func:`fedexperts.progress.progress` does so with every report.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

HANGUP = getattr(signal, "SIGHUP", None)
"""Says that the terminal is gone; Windows has none."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([HANGUP] if HANGUP else []))

OUTPUTS = (1, 2)

_noted: list[int] = []
_terminals: list[int] = []


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
    _terminals[:] = [output for output in OUTPUTS if os.isatty(output)]
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        # nohup has it ignored, to outlive the terminal
        if not (number == HANGUP and handler is signal.SIG_IGN):
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
    if number == HANGUP:  # often comes twice, from the terminal and from the shell
        _write_no_more()
    # A child may be told twice, by the terminal and by its parent.
    elif multiprocessing.parent_process() is None:
        if len(_noted) > 1:
            raise KeyboardInterrupt
        os.write(2, b"\nStopping after this step; once more to stop at once.\n")


def _write_no_more() -> None:
    """Write nothing to a terminal that is gone: that would fail, in the midst of storing what is there."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in _terminals:
        os.dup2(nowhere, output)
    os.close(nowhere)
