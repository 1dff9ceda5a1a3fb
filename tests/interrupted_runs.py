"""Runs that are interrupted, so that tests can damage or move what they have left and resume them."""

from contextlib import contextmanager

import pytest

import dendrosim as ds
from dendrosim.engine import simulate
from dendrosim.engine.progress import Progress
from dendrosim.errors import RunInterruptedError


class Killed(BaseException):
    """Ends a process as a signal does that cannot be handled."""


@contextmanager
def interrupted_at(step):
    """Have a run interrupted at its first report after a step, with a checkpoint after every step.

    A program that has done all steps by then is killed before its result is saved.
    """
    report, reported = Progress.at, []

    def interrupt(self, now, segment):
        report(self, now, segment)
        if now == self.task.line.end:
            reported.append(now)
            raise Killed
        if now > step and not reported:
            reported.append(now)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "INTERVAL", 0.0)
        patch.setattr(Progress, "at", interrupt)
        yield
    assert reported, "it was not interrupted"


def interrupt(protocol, out, step=0, **options):
    """Begin a run that is interrupted after a step, and return its folder."""
    with interrupted_at(step), pytest.raises((RunInterruptedError, Killed)):
        ds.run(protocol, "cpp", out=out, **options)
    assert (out / "unfinished" / "checkpoint.bin").exists()
    return out
