"""Computes points in processes of this machine.

Each process is a fresh interpreter that reads numbers of points from its standard input, and answers each with a
line of JSON (see `local_worker`). If a process dies, another one gets the point that it was computing. If this
process dies, the others end with the point that they are computing, because their input ends.
"""

import json
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Self

from dendrosim import errors
from dendrosim.errors import DendrosimWarning, ProgramError
from dendrosim.machine.code_digest import PACKAGE
from dendrosim.study.later_sync import raise_errors
from dendrosim.study.worker import (
    BUSY,
    Ended,
    OpenSweep,
    failed_record,
    opening_of,
    run_point,
    summary,
)

DEATHS = 3
"""Number of processes that may die at a point before it counts as failed: it may need too much memory."""

PAUSE = 0.2
"""Seconds until a point that another process computes is asked for again."""

_PATIENCE = 5.0  # seconds in which a process must end
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_START = "from dendrosim.study.local_worker import main; main()"


class _Worker:
    """A process that computes points: whether it is ready, and the point that it was given."""

    def __init__(self) -> None:
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONPATH": os.pathsep.join(paths),
        }  # fmt: skip
        # In a session of its own, an interrupt of the terminal does not reach it.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment, start_new_session=True, text=True,
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.ready = False
        self.point: int | None = None

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; a process that has died is noticed when its output ends."""
        with suppress(OSError, ValueError):
            self.input.write(json.dumps(message) + "\n")
            self.input.flush()

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None if the process has ended."""
        try:
            message: dict[str, Any] = json.loads(self.output.readline())
        except (OSError, ValueError):
            return None
        return message

    def end(self, at_once: bool) -> None:
        """Wait until the process has ended, which it does at the end of its input."""
        with suppress(OSError, ValueError):
            self.input.close()
        if at_once:
            self.process.terminate()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


class LocalJobs:
    """Processes that compute points; they start at once, and end with the context.

    Parameters
    ----------
    jobs : int
        Number of processes.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.workers: list[_Worker] = []
        self.selector = selectors.DefaultSelector()
        self.deaths: Counter[int | None] = Counter()

    def __enter__(self) -> Self:
        try:
            for _ in range(self.jobs):
                self._start()
        except BaseException:
            self.__exit__(ProgramError)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *rest: object) -> None:
        for worker in self.workers:
            with suppress(OSError, ValueError):
                worker.input.close()
        stopped = None
        for worker in self.workers:
            last = (
                None if kind is not None else worker.receive()
            )  # it says if a record did not reach the disk
            stopped = stopped or _stop(last or {})
            worker.end(at_once=kind is not None)
        self.selector.close()
        if stopped is not None:
            raise stopped

    def _start(self) -> _Worker:
        worker = _Worker()
        self.workers.append(worker)
        self.selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def compute(self, sweep: OpenSweep, indices: Iterable[int], again: bool) -> Iterator[Ended]:
        """Yield how each point has ended, in the order in which they end.

        Raises
        ------
        StorageError, ResumeError, BackendMissingError
            If a process cannot go on. Before that, the others end their points.
        ProgramError
            If processes end before they have computed anything.
        """
        todo, waiting = deque(indices), deque[tuple[float, int]]()
        opening = {"sweep": opening_of(sweep), "again": again}
        for worker in self.workers:
            worker.send(opening)
        stopped: Exception | None = None
        while True:
            while waiting and waiting[0][0] <= time.monotonic():
                todo.append(waiting.popleft()[1])
            for worker in self.workers:
                if worker.ready and worker.point is None and todo and stopped is None:
                    worker.point = todo.popleft()
                    worker.send({"point": worker.point})
            busy = [w for w in self.workers if w.point is not None]
            if not busy and (stopped is not None or not (todo or waiting)):
                break
            for key, _ in self.selector.select(PAUSE if waiting else None):
                worker = key.data
                message = worker.receive()
                point, worker.point = worker.point, None
                if message is None and stopped is not None:
                    self._remove(worker)
                    continue
                if message is None:
                    ended = self._replace(worker, point, sweep, opening)
                else:
                    worker.ready = True
                    stopped = stopped or _stop(message)
                    ended = _ended(message)
                if ended is None and point is not None and stopped is None:
                    waiting.append((time.monotonic() + PAUSE, point))
                elif ended is not None:
                    yield ended
        if stopped is not None:
            raise stopped

    def _remove(self, dead: _Worker) -> None:
        self.selector.unregister(dead.output)
        self.workers.remove(dead)
        dead.end(at_once=True)

    def _replace(
        self, dead: _Worker, point: int | None, sweep: OpenSweep, opening: dict[str, Any]
    ) -> Ended | None:
        """Start a process in place of one that has died; return how its point has ended, or None if it has not."""
        self._remove(dead)
        code = dead.process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.deaths[point] += 1
        if point is None and self.deaths[point] > DEATHS * self.jobs:
            raise ProgramError(
                f"the processes that compute points end before they begin ({how}); try --jobs 1 to see why"
            )
        self._start().send(opening)
        if point is None or self.deaths[point] < DEATHS:
            return None
        message = (
            f"{DEATHS} processes ended at this point ({how}); it may need more memory than there is"
        )
        return record_failure(sweep, point, "ProgramError", message)


def record_failure(sweep: OpenSweep, index: int, error: str, message: str) -> Ended | None:
    """Write the record of a point at which processes die; return None if another process computes it meanwhile."""
    with sweep.folder.claim(index) as mine:
        if mine:
            point = sweep.folder.spec.point(index)
            sweep.folder.write_record(failed_record(point, error, message, sweep.check_code()))
    record = sweep.folder.record(index)
    return None if record is None else summary(record)


def _ended(message: dict[str, Any]) -> Ended | None:
    """Return how a point has ended; None if it has not, because another process computes it."""
    for text in message.get("warnings", ()):
        warnings.warn(text, DendrosimWarning, stacklevel=2)
    if "ended" not in message:
        return None
    ended = Ended(*message["ended"])
    return None if ended.status == BUSY else ended


def _stop(message: dict[str, Any]) -> Exception | None:
    """Return the error with which a process has stopped, or None."""
    if "stop" not in message:
        return None
    name, text = message["stop"]
    kind = getattr(errors, name, ProgramError)
    return kind(text) if kind in _WITH_MESSAGE else ProgramError(f"{name}: {text}")


_WITH_MESSAGE = (
    errors.StorageError, errors.ResumeError, errors.BackendMissingError, errors.RunInterruptedError,
)  # fmt: skip
"""Errors that are made of a message alone."""


def compute_here(sweep: OpenSweep, indices: Iterable[int], again: bool) -> Iterator[Ended]:
    """Yield how each point has ended that this process computes."""
    todo = deque(indices)
    busy = 0  # number of points in a row that other processes compute
    while todo:
        index = todo.popleft()
        ended = run_point(sweep, index, again)
        if ended.status != BUSY:
            busy = 0
            yield ended
            continue
        todo.append(index)
        busy += 1
        if busy >= len(todo):
            time.sleep(PAUSE)
    raise_errors(wait=True)
