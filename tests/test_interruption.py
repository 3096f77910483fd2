"""Signals are noted when they come and heeded where a step has ended."""

from __future__ import annotations

import os
import signal

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


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
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
