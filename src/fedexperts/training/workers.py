"""Worker processes of one thread each, which inherit what this process holds.

The processes are forked, so a task's function can be a closure over any amount of data, and nothing of it is
copied or pickled; only tasks and results travel. A worker whose parent is gone ends by itself.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import joblib
import numpy as np
import torch

from fedexperts.errors import UserError
from fedexperts.interruption import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

    from numpy.typing import NDArray

    Tick = Callable[[], None]

Task = TypeVar("Task")
Result = TypeVar("Result")

SECONDS_BETWEEN_TICKS = 0.2


def can_fork() -> bool:
    """Whether this process may be forked and its children compute with torch.

    Where a GPU is visible, torch's gradients have threads that do not survive a fork.
    """
    return sys.platform == "linux" and torch.cuda.device_count() == 0


def usable_cores() -> int:
    """How many cores this process may keep busy; one where it is itself one of several workers."""
    return 1 if multiprocessing.parent_process() is not None else int(joblib.cpu_count())


def shared_counters(count: int, value: int) -> NDArray[np.int64]:
    """Counters ``[count]`` that worker processes can set and this one can see, with a value to begin with."""
    counters = np.frombuffer(mmap.mmap(-1, count * np.dtype(np.int64).itemsize), dtype=np.int64)
    counters[:] = value
    return counters


class Workers(Generic[Task, Result]):
    """Calls a function on many tasks, in several processes or in this one.

    To be used as a context: leaving it ends the processes, whatever they are doing.

    Args:
        function: What is called, in each process; it gets a task, and a function that it should call now and
            then. Tasks and results are pickled.
        count: How many processes; with one, everything is done in this process.
    """

    def __init__(self, function: Callable[[Task, Tick], Result], count: int) -> None:
        self._function = function
        self._count = count
        self._processes: dict[Connection, ForkProcess] = {}

    def __enter__(self) -> Workers[Task, Result]:
        if self._count > 1:
            context = multiprocessing.get_context("fork")
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                # Open copies of these ends in a worker would keep it from noticing that the parent is gone.
                inherited = [*self._processes, ours]
                process = context.Process(
                    target=_serve, args=(self._function, theirs, inherited), daemon=True
                )
                process.start()
                theirs.close()
                self._processes[ours] = process
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
        for connection, process in self._processes.items():
            process.join()
            connection.close()
        self._processes.clear()

    def run(self, tasks: Sequence[Task], tick: Tick = lambda: None) -> Iterator[tuple[int, Result]]:
        """Do all tasks.

        Args:
            tasks: What the function is called with.
            tick: Called in this process now and then while it waits or works.

        Yields:
            The place of a task, and its result, in the order in which they are done.

        Raises:
            UserError: If a process was killed.
        """
        if not self._processes:
            for place, task in enumerate(tasks):
                yield place, self._function(task, tick)
            return
        waiting = list(enumerate(tasks))[::-1]
        busy: dict[Connection, int] = {}
        for connection in self._processes:
            _hand_out(connection, waiting, busy)
        while busy:
            ready: list[Any] = wait(list(busy), timeout=SECONDS_BETWEEN_TICKS)
            for connection in ready:
                place, result = busy.pop(connection), self._receive(connection)
                _hand_out(connection, waiting, busy)
                yield place, result
            tick()

    def _receive(self, connection: Connection) -> Result:
        try:
            result, error, trace = _receive(connection)
        except (EOFError, OSError) as gone:
            process = self._processes[connection]
            process.join()
            raise UserError(
                f"a worker process was killed (exit code {process.exitcode}), as happens when memory runs "
                "out; set `engine.workers` to 1, or `engine.chunk_size` to fewer clients"
            ) from gone
        if error is not None:
            raise error from RuntimeError(f"in a worker process:\n{trace}")
        done: Result = result
        return done


def _hand_out(connection: Connection, waiting: list[tuple[int, Task]], busy: dict[Connection, int]) -> None:
    if waiting:
        place, task = waiting.pop()
        busy[connection] = place
        # A worker that is gone is noticed when its answer is awaited.
        with contextlib.suppress(BrokenPipeError):
            _send(connection, task)


def _send(connection: Connection, message: object) -> None:
    # By value: multiprocessing would put tensors into shared memory, which containers have little of.
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def _receive(connection: Connection) -> Any:  # noqa: ANN401 - whatever was sent
    return pickle.loads(connection.recv_bytes())  # noqa: S301 - from a process that this one forked


def _serve(
    function: Callable[[Task, Tick], Result], connection: Connection, inherited: list[Connection]
) -> None:
    """What a worker process does until its parent ends it, or is gone."""
    for other in inherited:
        other.close()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the parent decides what an interruption means
    torch.set_num_threads(1)
    parent = os.getppid()

    def tick() -> None:
        if os.getppid() != parent:
            os._exit(1)

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task = _receive(connection)
            try:
                answer = pickle.dumps((function(task, tick), None, ""), pickle.HIGHEST_PROTOCOL)
            except Exception as error:  # raised again where the result is awaited
                answer = _pickled(error)
            connection.send_bytes(answer)


def _pickled(error: Exception) -> bytes:
    trace = traceback.format_exc()
    try:
        return pickle.dumps((None, error, trace))
    except Exception:  # an error need not be one that can be pickled
        return pickle.dumps((None, RuntimeError(repr(error)), trace))
