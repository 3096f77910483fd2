"""Worker processes do what one process does, and neither outlive their parent nor hide what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import PATIENCE

from fedexperts.errors import UserError
from fedexperts.training.workers import Workers, can_fork, shared_counters

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")


def results(function, count, tasks):
    with Workers(function, count) as workers:
        return dict(workers.run(tasks))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_task_is_done_once_whoever_does_it(count):
    large = torch.arange(10_000_000)  # a closure is inherited, never sent

    def add(task, _tick):
        return task + large[task].item(), os.getpid()

    found = results(add, count, list(range(20)))
    assert {place: value for place, (value, _) in found.items()} == {place: 2 * place for place in range(20)}
    processes = {process for _, process in found.values()}
    assert (os.getpid() in processes) == (count == 1)


def test_workers_serve_one_call_after_another():
    with Workers(lambda task, _tick: task * 2, 2) as workers:
        for start in (0, 100):
            tasks = [start + place for place in range(5)]
            assert dict(workers.run(tasks)) == {place: 2 * task for place, task in enumerate(tasks)}


def test_tensors_come_back_as_they_were():
    tensor = torch.randn(300, 70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = results(lambda task, _tick: tensor[task : task + 2].clone(), 2, [0, 50, 298])
    for place, task in enumerate([0, 50, 298]):
        assert torch.equal(found[place], tensor[task : task + 2])


def test_each_worker_computes_in_one_thread():
    assert set(results(lambda _task, _tick: torch.get_num_threads(), 2, range(4)).values()) == {1}


def test_an_error_is_raised_where_the_result_is_awaited_with_its_trace():
    def fail(task, _tick):
        if task == 3:
            raise UserError("the third one is no good")
        return task

    with pytest.raises(UserError, match="the third one") as caught:
        results(fail, 2, range(6))
    assert "in fail" in str(caught.value.__cause__)


def test_an_error_that_cannot_be_sent_is_told_all_the_same():
    class OwnError(Exception):
        def __init__(self):
            super().__init__("something of its own")
            self.held = lambda: None

    def fail(_task, _tick):
        raise OwnError

    with pytest.raises(RuntimeError, match="something of its own"):
        results(fail, 2, range(3))


def test_a_worker_that_is_killed_is_reported_with_what_to_do():
    def die(task, _tick):
        if task == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    with pytest.raises(UserError, match=r"exit code -9.*engine\.workers"):
        results(die, 2, range(4))


def test_leaving_ends_workers_in_the_middle_of_a_task():
    started = shared_counters(2, 0)

    def sleep(task, _tick):
        started[task] = 1
        time.sleep(600)

    def tick():
        if started.all():
            raise InterruptedError

    with Workers(sleep, 2) as workers, pytest.raises(InterruptedError):
        list(workers.run([0, 1], tick))
    # that this line is reached is the assertion: leaving waits for the processes to be gone


def test_counters_set_in_a_worker_are_seen_here():
    counters = shared_counters(4, 500)

    def count_down(task, _tick):
        counters[task] -= task

    results(count_down, 2, [1, 3])
    assert counters.tolist() == [500, 499, 500, 497]


@pytest.mark.parametrize("doing", ["while True: tick()", "return"], ids=["busy", "idle"])
def test_workers_end_with_a_parent_that_is_killed(tmp_path, doing):
    code = f"""
import os, pathlib, time
from fedexperts.training.workers import Workers

def work(task, tick):
    pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()
    time.sleep(0.2)
    {doing}

with Workers(work, 2) as workers:
    list(workers.run([0, 1]))
    time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    time.sleep(0.5)  # idle workers have come to wait for another task
    parent.kill()
    parent.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    wait_until(lambda: not any(alive(process) for process in workers))


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123 - one line of a file that may vanish
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
