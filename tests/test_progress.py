"""Progress is a bar on a terminal, and a line now and then in a log."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from fedexperts import progress as module
from fedexperts.progress import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def log(monkeypatch, caplog):
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=io.StringIO(), force_terminal=False))
    caplog.set_level(logging.INFO, logger="fedexperts.progress")
    return caplog


def test_a_log_has_a_line_every_ten_seconds_and_one_at_the_end(clock, log):
    with progress("Training", 20) as report:
        for done in range(1, 21):
            clock[0] += 3.0
            report(done, f"loss {done}")
    assert [record.getMessage().split(", about")[0] for record in log.records] == [
        "Training: 4 of 20, loss 4",
        "Training: 8 of 20, loss 8",
        "Training: 12 of 20, loss 12",
        "Training: 16 of 20, loss 16",
        "Training: 20 of 20, loss 20",
    ]


def test_the_time_left_is_in_proportion_to_what_is_done(clock, log):
    with progress("Training", 10) as report:
        clock[0] += 30.0
        report(2, "fine")
    assert log.records[0].getMessage() == "Training: 2 of 10, fine, about 120 s left"


def test_a_short_run_has_its_last_line_only(clock, log):
    with progress("Training", 3) as report:
        for done in (1, 2, 3):
            report(done, "x")
    assert [record.getMessage() for record in log.records] == ["Training: 3 of 3, x, about 0 s left"]


def test_what_an_earlier_run_did_says_nothing_of_the_pace(clock, log):
    with progress("Training", 100, before=60) as report:
        clock[0] += 30.0
        report(70, "going on")
    assert log.records[0].getMessage() == "Training: 70 of 100, going on, about 90 s left"


@pytest.mark.parametrize("before", [0, 2])
def test_no_time_is_guessed_before_anything_is_done(clock, log, before):
    with progress("Training", 3, before=before) as report:
        clock[0] += 60.0
        report(before, "starting")
    assert log.records[0].getMessage() == f"Training: {before} of 3, starting"


def test_a_terminal_has_a_bar(monkeypatch, caplog):
    screen = io.StringIO()
    monkeypatch.setattr(
        module, "Console", lambda **_: Console(file=screen, force_terminal=True, width=100, _environ={})
    )
    caplog.set_level(logging.INFO, logger="fedexperts.progress")
    with progress("Training", 4) as report:
        report(1, "loss 0.5")
        report(4, "loss 0.1")
    assert "Training" in screen.getvalue()
    assert "4/4" in screen.getvalue()
    assert "loss 0.1" in screen.getvalue()
    assert not caplog.records


@pytest.mark.parametrize("terminal", [True, False])
def test_an_error_inside_comes_through(monkeypatch, terminal):
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=io.StringIO(), force_terminal=terminal))
    with pytest.raises(ZeroDivisionError), progress("Training", 4):
        raise ZeroDivisionError
