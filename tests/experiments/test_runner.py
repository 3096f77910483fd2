"""Runs that are stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from fedexperts import interruption
from fedexperts.experiments import runner

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def deaf_process():
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline().strip() == b"deaf"
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking")
def test_another_interrupt_while_runs_are_ending_leaves_none_behind(monkeypatch):
    process = deaf_process()

    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.stop([process])
    assert process.poll() == -signal.SIGKILL


def test_what_has_failed_is_known_after_an_interrupt(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "kedro_run", lambda *_: ["no_such_module"])
    choice = SimpleNamespace(environment="test", settings={})
    job = SimpleNamespace(
        name="a",
        label="a",
        environment="test",
        loads={},
        makes=["a"],
        stages=(),
        points=[SimpleNamespace(choice=choice, keys={})],
    )
    failures = []

    def interrupt(done, _running):
        if done:
            raise interruption.Interrupted(signal.SIGINT)

    with pytest.raises(interruption.Interrupted):
        runner.run_jobs([job], {"test": SimpleNamespace(made={})}, {}, tmp_path, 1, interrupt, failures)
    (failure,) = failures
    assert "no_such_module" in failure.reason
    assert failure.log == tmp_path / "a.log"
