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


def job(name, **loads):
    choice = SimpleNamespace(environment="test", settings={})
    return SimpleNamespace(
        name=name,
        label=name,
        environment="test",
        loads=loads,
        makes=[name],
        stages=(),
        points=[SimpleNamespace(choice=choice, keys={})],
    )


class Made:
    """What is there of an environment, where another command adds something when it is looked at."""

    def __init__(self, *meanwhile):
        self.made = {}
        self._meanwhile = meanwhile

    def update(self):
        self.made |= dict.fromkeys(self._meanwhile)


def test_what_another_command_has_done_meanwhile_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "kedro_run", lambda *_: ["no_such_module"])
    failures, reports = [], []
    jobs = [job("a"), job("b", model="a"), job("c")]
    runner.run_jobs(
        jobs, {"test": Made("a", "b")}, {}, tmp_path, 1, lambda *said: reports.append(said), failures
    )
    assert [failure.job.name for failure in failures] == ["c"]
    assert [file.name for file in tmp_path.iterdir()] == ["c.log"]
    assert reports[-1] == (3, [])


def test_what_has_failed_is_known_after_an_interrupt(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "kedro_run", lambda *_: ["no_such_module"])
    failures = []

    def interrupt(done, _running):
        if done:
            raise interruption.Interrupted(signal.SIGINT)

    with pytest.raises(interruption.Interrupted):
        runner.run_jobs([job("a")], {"test": Made()}, {}, tmp_path, 1, interrupt, failures)
    (failure,) = failures
    assert "no_such_module" in failure.reason
    assert failure.log == tmp_path / "a.log"
