"""Progress of a sweep on stderr: points that have ended, failures, and the time left."""

import sys
import time
from collections import deque
from typing import TextIO

from dendrosim.machine.notebook import in_notebook
from dendrosim.study.record import DIVERGED, FAILED
from dendrosim.study.worker import Ended

_TERMINAL, _FILE = 0.25, 10.0
"""Seconds between two lines in a terminal or notebook, and in a file."""


_LAST = 100
"""Number of points from which the time left is estimated."""


class SweepProgress:
    """Counts points and writes a line about them; without a stream nothing is written.

    Parameters
    ----------
    total : int
        Number of points of this call.
    ended : int
        Number of those that had a record before.
    stream : file, optional
        Where lines are written.
    """

    def __init__(self, total: int, ended: int, stream: TextIO | None) -> None:
        self.total, self.ended, self.stream = total, ended, stream
        self.failed, self.diverged = 0, 0
        # Times at which the last points have ended; the first of all may have had to wait for a compiler.
        self.times: deque[float] = deque(maxlen=_LAST)
        self.shown, self.width = -_FILE, 0
        self.rewrites = stream is not None and (stream.isatty() or in_notebook())

    def add(self, ended: Ended) -> None:
        """Count a point that has ended."""
        self.ended += 1
        self.times.append(time.monotonic())
        self.failed += ended.status == FAILED
        self.diverged += ended.status == DIVERGED
        self.show(self.ended == self.total)

    def show(self, whole: bool = False) -> None:
        """Write a line, unless the last one was written a moment ago; `whole` writes it in any case."""
        if self.stream is None:
            return
        now, terminal = time.monotonic(), self.rewrites
        if not whole and now - self.shown < (_TERMINAL if terminal else _FILE):
            return
        self.shown = now
        text = self.text()
        self._write(f"\r{text.ljust(self.width)}" if terminal else f"{text}\n")
        self.width = len(text) if terminal else 0

    def text(self) -> str:
        """Return the line."""
        parts = [f"{self.ended:,} of {self.total:,} points"]
        parts += [f"{self.diverged} diverged"] * bool(self.diverged)
        parts += [f"{self.failed} failed"] * bool(self.failed)
        left = self.total - self.ended
        if len(self.times) > 1 and left:
            mean = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
            parts.append(f"{span(mean * left)} left")
        return ", ".join(parts)

    def close(self) -> None:
        """End the line."""
        if self.stream is not None and self.width:
            self._write("\n")
            self.width = 0

    def _write(self, text: str) -> None:
        try:
            assert self.stream is not None
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # a closed terminal must not stop a sweep
            self.stream = None


def sweep_progress(total: int, ended: int, show: bool | None) -> SweepProgress:
    """Return the progress of a sweep on stderr; with `show` None only in a terminal or notebook."""
    wanted = sys.stderr.isatty() or in_notebook() if show is None else show
    return SweepProgress(total, ended, sys.stderr if wanted else None)


def span(seconds: float) -> str:
    """Return a time as text with two parts at most: `12 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = max(round(seconds), 1)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
