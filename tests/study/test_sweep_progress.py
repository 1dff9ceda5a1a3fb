"""The line about the progress of a sweep."""

import io

import pytest

from dendrosim.study import progress
from dendrosim.study.progress import SweepProgress, span
from dendrosim.study.worker import Ended


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_time_left_is_that_of_the_points_left_at_the_speed_of_the_last_ones(clock):
    shown = SweepProgress(12, 2, None)
    clock[0] += 60.0  # the first point waits for a compiler
    for _ in range(4):
        clock[0] += 2.0
        shown.add(Ended(0, "done"))
    assert shown.text() == "6 of 12 points, 12 s left"  # six points of 2 s
    shown.add(Ended(0, "diverged"))
    shown.add(Ended(0, "failed"))
    assert shown.text().startswith("8 of 12 points, 1 diverged, 1 failed, ")


def test_a_file_gets_a_line_every_ten_seconds_and_a_terminal_one_line(clock):
    file, terminal = io.StringIO(), Terminal()
    shown = [SweepProgress(200, 0, file), SweepProgress(200, 0, terminal)]
    for _ in range(200):
        clock[0] += 0.125
        for one in shown:
            one.add(Ended(0, "done"))
    for one in shown:
        one.close()
    # 25 s: the first point, then those after 10 and 20 s, then the last one.
    assert [line.partition(",")[0] for line in file.getvalue().splitlines()] == [
        "1 of 200 points", "81 of 200 points", "161 of 200 points", "200 of 200 points",
    ]  # fmt: skip
    assert terminal.getvalue().count("\r") == 101  # every second point, and the last one
    assert terminal.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_times_have_two_parts_at_most(seconds, text):
    assert span(seconds) == text
