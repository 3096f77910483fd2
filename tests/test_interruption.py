"""Signals are noted when they come and heeded where a step has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from fedexperts import interruption
from fedexperts.interruption import Interrupted, check, heeded
from fedexperts.progress import progress


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_is_heeded_at_the_next_report(number):
    with heeded(), progress("Working", 3) as report:
        report(1, "")
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted) as stopped:
            report(2, "")
    assert stopped.value.signal == number
    check()


WORK = """
import fcntl, sys, termios, time
from pathlib import Path
from fedexperts.interruption import Interrupted, heeded
from fedexperts.progress import progress

fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal whose end is told
note = Path(sys.argv[1])
try:
    with heeded(), progress("Working", 100) as report:
        for step in range(100):
            report(step, "")
            note.write_text("at work")
            time.sleep(0.1)
except Interrupted as stopped:
    print("Stopped.", flush=True)
    note.write_text(f"stopped by {stopped.signal}")
"""


@pytest.mark.skipif(not interruption.HANGUP, reason="there is no SIGHUP")
def test_a_closed_terminal_is_heeded_and_not_written_to_any_more(tmp_path):
    note = tmp_path / "note"
    ours, theirs = os.openpty()
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    started = [sys.executable, "-c", WORK, str(note)]
    process = subprocess.Popen(started, start_new_session=True, env={**os.environ, "TERM": "xterm"}, **ends)
    os.close(theirs)
    while not note.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)  # as a shell does
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert note.read_text() == f"stopped by {signal.SIGHUP:d}"


@pytest.mark.skipif(not interruption.HANGUP, reason="there is no SIGHUP")
def test_under_nohup_a_closed_terminal_is_not_heeded():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            os.kill(os.getpid(), signal.SIGHUP)
            check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_second_one_stops_at_once():
    def be_stopped_twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with heeded(), pytest.raises(KeyboardInterrupt) as stopped:
        be_stopped_twice()
    assert not isinstance(stopped.value, Interrupted)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with heeded():
        assert [signal.getsignal(number) for number in interruption.SIGNALS] != before
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before
