"""What a back end is given, and what it gives back. To add a back end, see `dendrosim.engine.backends`."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dendrosim.engine.state import state_keys
from dendrosim.engine.timeline import Timeline
from dendrosim.protocol import Protocol


@dataclass(frozen=True)
class Task:
    """One run to be done: a protocol with its batch, unrolled, and the state it starts from."""

    protocol: Protocol
    line: Timeline
    state: Mapping[str, NDArray[Any]]
    precision: str
    threads: int

    def guarded(self, thorough: bool) -> list[str]:
        """Return the keys watched in every step (populations), or now and then (matrices as well)."""
        keys = state_keys(self.protocol.circuit)
        return [key for name, key in keys.items() if thorough or "." in name]


@dataclass
class Outcome:
    """What came of a run.

    `steps` done; `traces` name -> (steps, rows); `final` name -> array; `bad` program key -> array with
    non-finite numbers; `compiled` whether a program had to be compiled; `seconds` build, compile, run.
    """

    steps: int
    traces: Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]]
    final: Mapping[str, NDArray[Any]]
    bad: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    interrupted: bool = False
    compiled: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)


class Progress:
    """One line on stderr: phase, simulated time, speed, time left. Silent if `stream` is None."""

    def __init__(self, task: Task, stream: TextIO | None) -> None:
        self.task, self.stream = task, stream
        self.begin: float | None = None
        self.width = 0
        self.shown = 0.0

    def compiling(self) -> None:
        """Say that this structure is being compiled, once."""
        self._line("compiling the circuit (the next run of the same structure will not)", end="\n")

    def at(self, step: int, segment: int) -> None:
        """Report a step; called a few times a second."""
        if self.stream is None:
            return
        now = time.perf_counter()
        if self.begin is None:
            self.begin = now
        if now - self.shown < 0.15 and step < self.task.line.steps:
            return
        self.shown = now
        line, dt = self.task.line, self.task.protocol.time_step
        label = line.labels[line.kinds[min(max(segment, 0), len(line.kinds) - 1)]]
        elapsed = now - self.begin
        speed = step * dt / elapsed if elapsed > 0 else 0.0
        left = (line.steps - step) * dt / speed if speed > 0 else float("nan")
        rest = f", {_span(left)} left" if np.isfinite(left) and step < line.steps else ""
        self._line(
            f"{label}: {_span(step * dt)} of {_span(line.steps * dt)} simulated, "
            f"{speed:.3g} s/s ({step / elapsed if elapsed > 0 else 0:,.0f} steps/s){rest}"
        )

    def close(self) -> None:
        """End the line."""
        if self.stream is not None and self.width:
            self._write("\n")
            self.width = 0

    def _line(self, text: str, end: str = "") -> None:
        if self.stream is None:
            return
        if self.stream.isatty():
            self._write("\r" + text.ljust(self.width) + end)
            self.width = 0 if end else len(text)
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        assert self.stream is not None
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # a closed terminal must not stop a run
            self.stream = None


def reporter(task: Task, show: bool | None) -> Progress:
    """Return a progress reporter on stderr; None shows it only on a terminal."""
    wanted = sys.stderr.isatty() if show is None else show
    return Progress(task, sys.stderr if wanted else None)


def _span(seconds: float) -> str:
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms"
