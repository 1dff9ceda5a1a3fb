"""Reports on stderr about the progress of a run.

A terminal or notebook shows one line, which is written anew a few times a second. In a file or pipe a line cannot
be written anew, so there is one every ten seconds at most.
"""

import sys
import time
from typing import TextIO

import numpy as np

from dendrosim.engine.task import Task
from dendrosim.errors import printable
from dendrosim.machine.notebook import in_notebook

OFTEN, SELDOM = 0.25, 10.0
"""Seconds between two reports in a terminal or notebook, and in a file."""


class Progress:
    """A line with phase, simulated time, speed and time left; with `stream` None it is not written."""

    def __init__(self, task: Task, stream: TextIO | None) -> None:
        self.task, self.stream = task, stream
        self.rewrites = stream is not None and (stream.isatty() or in_notebook())
        self.begin: float | None = None
        self.first = 0
        self.width = 0
        self.shown = 0.0

    def compiling(self, certain: bool = True) -> None:
        """Report that the circuit is being compiled or, unless `certain`, that parts of it may be."""
        if certain:
            what = "compiling the circuit (the next run of the same structure need not)"
        else:
            what = "compiling code that is not in the cache yet"
        self._line(what, end="\n")

    def at(self, step: int, segment: int) -> None:
        """Report a step; called many times a second."""
        if self.stream is None:
            return
        now = time.perf_counter()
        if self.begin is None:
            self.begin, self.first = now, step
            self.shown = self.shown if self.rewrites else now  # short runs leave no line in a file
        last = self.rewrites and step >= self.task.line.end
        if now - self.shown < (OFTEN if self.rewrites else SELDOM) and not last:
            return
        self.shown = now
        line, dt = self.task.line, self.task.protocol.time_step
        shown = line.segment(max(segment, 0))
        label = line.labels[-1 if shown is None else shown.phase]
        elapsed, done = now - self.begin, step - self.first
        speed = done * dt / elapsed if elapsed > 0 else 0.0
        left = (line.end - step) * dt / speed if speed > 0 else float("nan")
        rest = f", {_span(left)} left" if np.isfinite(left) and step < line.end else ""
        self._line(
            f"{printable(label)}: {_span(step * dt)} of {_span(line.end * dt)} simulated, "
            f"{speed:.3g} s/s ({done / elapsed if elapsed > 0 else 0:,.0f} steps/s){rest}"
        )

    def close(self) -> None:
        """End the line."""
        if self.stream is not None and self.width:
            self._write("\n")
            self.width = 0

    def _line(self, text: str, end: str = "") -> None:
        if self.stream is None:
            return
        if self.rewrites:
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
    """Return a reporter of progress on stderr; with `show` None only for a terminal or notebook."""
    wanted = sys.stderr.isatty() or in_notebook() if show is None else show
    return Progress(task, sys.stderr if wanted else None)


def _span(seconds: float) -> str:
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms"
