"""Counts of what a campaign of bad input and damage ended in.

typed     an error of dendrosim, which names the object and what to do
right     accepted, with the right numbers
untyped   another exception: a bug in dendrosim
silent    accepted, with wrong numbers
hung      neither an error nor an answer in time
"""

import signal
import traceback
from collections import Counter
from contextlib import contextmanager

from dendrosim.errors import DendrosimError

OUTCOMES = ("typed", "right", "untyped", "silent", "hung")
BAD = ("untyped", "silent", "hung")
PROPERTY = "campaign"
"""Name of the property of a test report by which the summary at the end of a session finds the counts."""


class TimeIsUpError(BaseException):
    """Raised by the alarm; not an Exception, so that no handler takes it for a failure of the case."""


@contextmanager
def time_limit(seconds):
    """Raise TimeIsUpError in the body after some seconds."""

    def ring(*_):
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Tally:
    """Outcomes of the cases of one campaign."""

    def __init__(self, name, seconds=30.0):
        self.name, self.seconds = name, seconds
        self.counts = Counter(dict.fromkeys(OUTCOMES, 0))
        self.failures = []

    def judge(self, label, action, is_right=lambda result: True):
        """Run a case: `action()` must raise a DendrosimError or return something that `is_right` accepts."""
        detail = ""
        try:
            with time_limit(self.seconds):
                outcome = "right" if is_right(action()) else "silent"
        except DendrosimError:
            outcome = "typed"
        except TimeIsUpError:
            outcome = "hung"
        except Exception:
            outcome, detail = "untyped", traceback.format_exc(limit=-4)
        self.counts[outcome] += 1
        if outcome in BAD:
            self.failures.append(f"{outcome}: {label}\n{detail}")
        return outcome

    def conclude(self, record_property):
        """Record the counts for the summary, and fail if a case ended badly."""
        record_property(PROPERTY, {"name": self.name, **self.counts})
        assert not self.failures, f"{self.name}: {dict(self.counts)}\n" + "\n".join(
            self.failures[:20]
        )


def summary(reports):
    """Return one line of counts per campaign from the reports of a session."""
    lines = []
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == PROPERTY and report.when == "call":
                counts = ", ".join(f"{value[o]} {o}" for o in OUTCOMES)
                lines.append(f"{value['name']}: {counts}")
    return sorted(lines)
