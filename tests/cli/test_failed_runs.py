"""Failures of a run have their exit codes, keep what was recorded and leave nothing half-written."""

import errno
import os
import signal
from pathlib import Path

import pytest
from fake_engine import RUN_CLI, FakeResult
from terminals import InTerminal

from dendrosim.cli import main as cli
from dendrosim.errors import (
    BackendMissingError,
    CompilationError,
    NonFiniteError,
    RunInterruptedError,
    SpecError,
    StorageError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BackendMissingError("cuda is not part of this version"), 5),
        (SpecError("no"), 3),
        (CompilationError("no"), 1),
        (StorageError("no"), 1),
        (NonFiniteError("no"), 4),
    ],
)
def test_failures_of_the_engine_have_their_exit_code(fails, engine, error, code):
    engine.error = error
    assert fails(code, type(error).__name__, "run", "relax", "--backend", "cuda") == str(error)
    assert not Path("runs").exists()


@pytest.mark.parametrize(("kind", "code"), [(NonFiniteError, 4), (RunInterruptedError, 1)])
def test_what_was_recorded_is_kept(fails, engine, kind, code):
    engine.error = lambda result: kind("stopped at 3 ms", partial=result)
    message = fails(code, kind.__name__, "run", "relax", "--overwrite", "--out", "there")
    assert message == "stopped at 3 ms; what was recorded is in there/partial.nc"
    assert os.listdir("there") == ["partial.nc"]


def test_a_result_that_cannot_be_measured_is_kept(fails, engine, folder):
    path = folder / "protocols" / "relax.py"
    path.write_text(path.read_text().replace('result["unit.v"].values[-1]', 'result["unit.v"].foo'))
    message = fails(3, "SpecError", "run", "relax", "--overwrite", "--out", "there")
    assert "AttributeError" in message
    assert os.listdir("there") == ["partial.nc"]


def test_a_result_whose_figures_fail_is_kept(call, engine, folder):
    path = folder / "protocols" / "relax.py"
    path.write_text(path.read_text().replace('ds.plot.traces(result, "unit.v")', "1/0"))
    code, _, err = call("run", "relax", "--out", "there")
    assert code == 3
    assert "the result is in there/result.nc" in err
    assert "ZeroDivisionError" in err
    assert os.listdir("there") == ["result.nc"]


def test_an_interrupt_outside_of_the_run_is_one_word(fails, engine):
    engine.error = KeyboardInterrupt()
    assert fails(1, "RunInterruptedError", "run", "relax") == "interrupted"


@pytest.mark.parametrize("text", ["", "Unable to allocate 7 TiB"])
def test_too_little_memory_is_no_bug(fails, engine, folder, text):
    engine.error = MemoryError(text)
    message = fails(1, "MemoryError", "run", "relax")
    assert message.startswith("this needs more memory than the machine has")
    assert text in message
    path = folder / "protocols" / "relax.py"
    path.write_text(path.read_text() + f"\nraise MemoryError({text!r})\n")
    assert fails(1, "MemoryError", "show", "relax") == message


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_is_an_interrupt(fails, engine, name):
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def end(result):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            signal.raise_signal(number)  # a second one does not cut short what the first one saves
            return RunInterruptedError("interrupted", partial=result)
        return AssertionError("no interrupt")

    engine.error = end
    fails(1, "RunInterruptedError", "run", "relax", "--overwrite", "--out", "there")
    assert os.listdir("there") == ["partial.nc"]
    assert signal.getsignal(number) == before


def test_a_hang_up_that_is_ignored_stays_ignored(call, engine, default_signals):
    """So that `nohup` does what it says."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    engine.error = lambda result: signal.raise_signal(signal.SIGHUP) or NonFiniteError("v is nan")
    code, _, err = call("run", "relax")
    assert (code, "v is nan" in err) == (4, True)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("numpy", "SIGINT"),
        ("cpp", "SIGINT"),
        ("cpp", "SIGTERM"),
        *(
            pytest.param(*p, marks=pytest.mark.slow)
            for p in (("numpy", "SIGTERM"), ("numpy", "SIGHUP"), ("cpp", "SIGHUP"))
        ),
    ],
)
def test_a_run_that_is_told_to_end_keeps_what_was_recorded(tmp_path, monkeypatch, backend, name):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = ["--overwrite", "--out", "there", "--set", "duration=10000 s", "--backend", backend]
    run = InTerminal([*RUN_CLI, "run", "relax", *options])
    process = run.process
    try:
        run.wait_for("steps/s", 3)
        (child,) = _children(process.pid) if backend == "cpp" else (None,)
        process.send_signal(getattr(signal, name))
        _, err = run.end()
    finally:
        process.kill()
    assert process.returncode == 1
    assert "what was recorded is in there/partial.nc" in err.splitlines()[-1]
    assert set(os.listdir("there")) - {"unfinished"} == {"partial.nc"}
    assert not list(tmp_path.glob("dendrosim-run-*"))
    assert child is None or not Path(f"/proc/{child}").exists()


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_an_unexpected_exception_is_called_a_bug(fails, engine, capsys, monkeypatch):
    engine.error = ZeroDivisionError("division by zero")
    message = fails(1, "ZeroDivisionError", "run", "relax")
    assert "this is a bug in dendrosim" in message
    monkeypatch.setenv("DENDROSIM_DEBUG", "1")
    assert cli.main(["run", "relax"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/dendrosim", "/dev/null"])
def test_an_output_folder_that_cannot_be_written_stops_before_the_run(fails, engine, out):
    Path("file").write_text("mine")
    assert str(out) in fails(1, "StorageError", "run", "relax", "--out", out)
    assert not engine.called
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_the_folder_as_it_was(fails, engine, monkeypatch, there):
    if there:
        Path("there").mkdir()

    def save(self, path):
        Path(path).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FakeResult, "save", save)
    message = fails(1, "StorageError", "run", "relax", "--overwrite", "--out", "there")
    assert "No space left on device" in message
    assert Path("there").exists() == there
    assert not list(Path().rglob(".writing*"))


def test_a_partial_result_that_cannot_be_saved_does_not_hide_the_error(fails, engine, monkeypatch):
    engine.error = lambda result: NonFiniteError("v is nan", partial=result)
    monkeypatch.setattr(FakeResult, "save", lambda self, path: Path("/proc/no/x").touch())
    message = fails(4, "NonFiniteError", "run", "relax", "--overwrite", "--out", "there")
    assert message.startswith("v is nan; what was recorded could not be saved: cannot write")
    assert not Path("there").exists()
