"""Reports of progress: how often, and in how many lines."""

import io
from types import SimpleNamespace

import pytest

from dendrosim.engine import progress

STEPS, SECONDS = 100_000, 60.0


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def report(monkeypatch, terminal, notebook=False, seconds=SECONDS, show=True):
    """Simulated steps a thousand times a second; returns what a run of this length reports."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(progress, "in_notebook", lambda: notebook)
    stream = Stream(terminal)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    line = SimpleNamespace(end=STEPS, labels=["all/on"], segment=lambda number: None)
    task = SimpleNamespace(line=line, protocol=SimpleNamespace(time_step=1e-4))
    reporter = progress.reporter(task, show)
    reports = round(1000 * seconds)
    for k in range(reports + 1):
        reporter.at(STEPS * k // reports, 0)
        clock.now += 1e-3
    reporter.close()
    return stream.getvalue()


@pytest.mark.parametrize(("terminal", "notebook"), [(True, False), (False, True)])
def test_a_terminal_and_a_notebook_show_one_line_four_times_a_second_at_most(
    monkeypatch, terminal, notebook
):
    text = report(monkeypatch, terminal, notebook, show=None)
    assert 0.9 * 4 * SECONDS < text.count("\r") <= 4 * SECONDS + 2
    assert text.count("\n") == 1
    assert "10 s of 10 s simulated" in text.rpartition("\r")[2]


def test_a_file_gets_a_line_every_ten_seconds(monkeypatch):
    lines = report(monkeypatch, terminal=False).splitlines()
    assert len(lines) in (5, 6)
    assert "\r" not in "".join(lines)


def test_a_file_gets_no_line_of_a_short_run(monkeypatch):
    assert report(monkeypatch, terminal=False, seconds=9.0) == ""


def test_by_default_a_file_gets_nothing(monkeypatch):
    assert report(monkeypatch, terminal=False, show=None) == ""
