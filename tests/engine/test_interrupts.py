"""Interrupts of compiled programs at every time: before the first step, between steps, and after the last one."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from comparisons import assert_identical
from executables import executable
from interrupted_runs import interrupt
from long_runs import PROBLEMS, uninterrupted
from reference_problems import leaky_protocol

import dendrosim as ds
from dendrosim.engine.progress import Progress
from dendrosim.errors import RunInterruptedError


@contextmanager
def interrupted_at_start():
    """Have every process get SIGINT just before it becomes the program."""
    start = subprocess.Popen

    def start_and_interrupt(*arguments, **options):
        return start(*arguments, **options, preexec_fn=lambda: os.kill(os.getpid(), signal.SIGINT))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dendrosim.engine.standalone.process.subprocess.Popen", start_and_interrupt)
        yield


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_run_interrupted_before_its_first_step_can_be_resumed(problem, tmp_path):
    expected = uninterrupted(problem, "cpp")
    with (
        interrupted_at_start(),
        pytest.raises(RunInterruptedError, match=r"interrupted: 0 of .* resume with"),
    ):
        ds.run(PROBLEMS[problem](), "cpp", seed=3, out=tmp_path)
    assert_identical(ds.run(resume=tmp_path), expected)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_resumed_run_interrupted_before_its_first_step_can_be_resumed(problem, tmp_path):
    expected = uninterrupted(problem, "cpp")
    interrupt(PROBLEMS[problem](), tmp_path, seed=3)
    for _ in range(2):
        with (
            interrupted_at_start(),
            pytest.raises(RunInterruptedError, match=r"interrupted: [1-9].* resume with") as caught,
        ):
            ds.run(resume=tmp_path)
        assert caught.value.partial.spikes.keys() == expected.spikes.keys()
    assert_identical(ds.run(resume=tmp_path), expected)


def test_a_run_interrupted_after_its_last_step_is_done(tmp_path, monkeypatch):
    def at(self, step, segment):
        if step == self.task.line.end:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "at", at)
    result = ds.run(leaky_protocol(), "cpp", out=tmp_path)
    assert result.status == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["result.nc"]


def test_a_program_that_an_interrupt_has_killed_leaves_a_run_that_can_be_resumed(
    tmp_path, monkeypatch
):
    start = subprocess.Popen
    killed = executable(
        tmp_path / "killed",
        f"#!{sys.executable}\nimport os, signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})\nos.kill(os.getpid(), signal.SIGINT)\n",
    )
    expected, out = ds.run(leaky_protocol(), "cpp"), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(
            "dendrosim.engine.standalone.process.subprocess.Popen",
            lambda command, **options: start([killed], **options),
        )
        with pytest.raises(RunInterruptedError, match="before the compiled program began; resume"):
            ds.run(leaky_protocol(), "cpp", out=out)
    assert_identical(ds.run(resume=out), expected)
