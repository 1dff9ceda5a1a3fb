"""The command line: output, exit codes, JSON, and that failures leave nothing half-written."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from library_examples import MODEL, write_library

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.cli.console import jsonable, readable
from dendrosim.cli.summaries import metric_table
from dendrosim.errors import (
    BackendMissingError,
    CompilationError,
    NonFiniteError,
    RunInterruptedError,
    SpecError,
    StorageError,
)
from dendrosim.experiments.output_folder import Output

RUN_CLI = [sys.executable, "-c", "import sys, dendrosim.cli.main as c; sys.exit(c.main())"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's own folder with the model `leaky` and the protocol `relax`; the place to work in."""
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "mine"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("DENDROSIM_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return write_library(tmp_path / "mine")


class FakeResult:
    """A result that is written as a line of text; its protocol is measured as usual."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.metrics = {}
        self.provenance = {
            "backend": "numpy",
            "precision": "double",
            "seed": 0,
            "compiled": False,
            "seconds": {"build": 0.5, "compile": 0.0, "run": np.float64(1.5)},
        }

    def __getitem__(self, name):
        return type("Trace", (), {"values": np.array([[0.0, 0.0, 0.0], [0.25, 0.5, np.inf]])})

    def save(self, path):
        Path(path).write_text(f"result {self.metrics}")


class FakeEngine:
    """Stands in for the engine: notes the options, raises or returns."""

    def __init__(self):
        self.options, self.error = {}, None

    def __call__(self, protocol, **options):
        self.protocol, self.options = protocol, options
        if self.error is not None:
            raise self.error(FakeResult(protocol)) if callable(self.error) else self.error
        return FakeResult(protocol)


@pytest.fixture
def engine(monkeypatch):
    """The engine and the drawing of figures, replaced."""
    fake = FakeEngine()

    def save(figure, path):
        files = [Path(f"{path}.{kind}") for kind in ("png", "svg")]
        for file in files:
            file.write_text("figure")
        return files

    monkeypatch.setattr("dendrosim.engine.simulate.run", fake)
    monkeypatch.setattr("dendrosim.plot.traces", lambda result, name: "figure")
    monkeypatch.setattr("dendrosim.plot._save.save", save)
    return fake


@pytest.fixture
def call(capsys):
    """Run a command line and return exit code, stdout and stderr."""

    def call(*arguments):
        code = cli.main([str(a) for a in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


@pytest.fixture
def fails(call):
    """Run a command line that fails, plain and with --json, and return the message."""

    def fails(code, kind, *arguments):
        plain_code, out, err = call(*arguments)
        assert (plain_code, out) == (code, "")
        assert err.startswith("dendrosim: ")
        json_code, out, _ = call(*arguments, "--json")
        error = json.loads(out)["error"]
        assert (json_code, error["type"]) == (code, kind)
        assert len(err.strip().splitlines()) == 1
        return error["message"]

    return fails


# -- list, show, check ----------------------------------------------------------------------------


def test_list_has_one_line_each(call):
    code, out, _ = call("list")
    assert code == 0
    assert re.search(r"^  leaky +A leaky unit relaxes to its input\.$", out, re.MULTILINE)
    assert re.search(r"^  relax +Relaxation to a constant input\.$", out, re.MULTILINE)


def test_list_as_json(call, folder):
    _, out, _ = call("list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)["protocols"]}
    assert listed["relax"]["path"] == str(folder / "protocols" / "relax.py")


def test_show_tells_equations_parameters_and_sources(call):
    code, out, _ = call("show", "leaky")
    assert code == 0
    for text in (
        "dv/dt = (drive - gain*v)/tau : 1  # eq. 1",
        "quantity in ms",
        "Time constant.",
        "Somebody (2020), eq. 1.",
    ):
        assert text in out


def test_show_as_json(call):
    _, out, _ = call("show", "leaky", "--json")
    shown = json.loads(out)
    assert shown["kind"] == "model"
    assert shown["parameters"][1] == {
        "name": "tau",
        "type": "quantity in ms",
        "required": False,
        "default": "20 ms",
        "unit": "ms",
        "range": {},
        "doc": "Time constant.",
    }
    assert shown["populations"][0]["size"] == 2
    _, out, _ = call("show", "relax", "--json")
    assert [p["name"] for p in json.loads(out)["parameters"]][-2:] == ["tau", "gain"]


def test_show_every_shipped_model_and_protocol(call, monkeypatch):
    monkeypatch.delenv("DENDROSIM_PATH")
    _, out, _ = call("list", "--json")
    listed = json.loads(out)
    for entry in listed["models"] + listed["protocols"]:
        assert entry["summary"]
        code, shown, _ = call("show", entry["name"], "--json")
        assert code == 0
        missing = [p["name"] for p in json.loads(shown)["parameters"] if not p["doc"]]
        assert not missing, f"{entry['name']} does not say what {missing} mean"


def test_check_says_what_is_in_it(call, folder):
    assert call("check", "leaky", "--set", "size=4")[1] == (
        "leaky: valid model: 1 population of 4 units, 4 states, "
        "0 matrices (0 plastic, 0 weights), 0 projections\n"
    )
    code, out, _ = call("check", folder / "protocols" / "relax.py", "--set", "duration=1 ms")
    assert code == 0
    assert "10 steps of 0.0001 s (0.001 s), batch 1, no data" in out


# -- run ------------------------------------------------------------------------------------------


def test_run_writes_result_and_figures_and_says_where(call, engine):
    code, out, _ = call("run", "relax", "--out", "there", "--set", "tau=5 ms", "--set", "marks=[]")
    assert code == 0
    assert sorted(os.listdir("there")) == ["result.nc", "traces.png", "traces.svg"]
    assert "'good': True" in Path("there/result.nc").read_text()
    assert out.splitlines()[-1] == "result and figures are in there"
    assert re.search(r"last +\[.+\] V +0\.25", out)
    assert re.search(r"worst +nan", out)
    assert "numpy, double precision, seed 0: build 0.5 s, compile 0 s, run 1.5 s" in out
    assert engine.protocol.parameters["tau"] == "5 ms"


def test_run_as_json_is_one_object_in_si(call, engine):
    _, out, _ = call("run", "relax", "--json", "--out", "there", "--set", "tau=5 ms")
    assert json.loads(out) == {
        "protocol": "relax",
        "parameters": {
            "level": 1.0,
            "duration": 0.01,
            "marks": [],
            "tau": 0.005,
            "gain": 1.0,
        },
        "units": {"last": "V", "duration": "s", "tau": "s"},
        "metrics": {"last": [0.25, 0.5, None], "worst": None, "good": True},
        "backend": "numpy",
        "compiled": False,
        "seconds": {"build": 0.5, "compile": 0.0, "run": 1.5},
        "result": "there/result.nc",
        "figures": ["there/traces.png", "there/traces.svg"],
    }


def test_what_a_protocol_prints_does_not_disturb_json(call, engine, folder):
    path = folder / "protocols" / "relax.py"
    path.write_text(path.read_text() + "\nprint('noise')\n")
    _, out, err = call("run", "relax", "--json")
    assert json.loads(out)["protocol"] == "relax"
    assert "noise" in err


def test_options_reach_the_engine(call, engine, monkeypatch):
    monkeypatch.setattr("dendrosim.results.result.open_result", lambda path: f"opened {path}")
    options = "--backend cpp --threads 2 --precision single --batch 4 --seed 7 --initial old.nc"
    assert call("run", "relax", *options.split())[0] == 0
    assert engine.options.pop("folder").parent.parent == Path("runs")
    assert isinstance(engine.options.pop("meanwhile"), Iterator)
    assert isinstance(engine.options.pop("lock"), int)
    assert engine.options == {
        "backend": "cpp",
        "threads": 2,
        "precision": "single",
        "batch": 4,
        "seed": 7,
        "initial": "opened old.nc",
        "progress": True,
        "notes": {"check_end": False},
    }


def test_runs_begun_at_once_get_a_folder_each(call, engine):
    first, second, third = Output(None, "relax"), Output(None, "relax"), Output(None, "relax")
    second.folder = third.folder = first.folder
    for output in (first, second, third):
        with output.filling() as staging:
            (staging / "a").write_text("a")
        with output.filling() as staging:
            (staging / "b").write_text("b")
        assert sorted(os.listdir(output.folder)) == ["a", "b"]
    assert len({o.folder for o in (first, second, third)}) == 3
    assert re.fullmatch(r"runs/relax-\d{8}-\d{6}", str(first.folder))


def test_a_second_run_replaces_the_files_of_the_first(call, engine):
    for _ in range(2):
        assert call("run", "relax", "--out", "there")[0] == 0
    assert sorted(os.listdir("there")) == ["result.nc", "traces.png", "traces.svg"]


def test_a_folder_holds_a_result_or_a_partial_one_of_the_last_run(call, engine):
    engine.error = lambda result: NonFiniteError("v is nan", partial=result)
    figures = ["traces.png", "traces.svg"]
    for error, files in (
        (engine.error, ["partial.nc"]),
        (None, ["result.nc", *figures]),
        (engine.error, ["partial.nc", *figures]),
        (None, ["result.nc", *figures]),
    ):
        engine.error = error
        call("run", "relax", "--out", "there")
        assert sorted(os.listdir("there")) == files


# -- usage errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("ruin relax", "unknown command 'ruin'; did you mean 'run'?"),
        ("run relaxx", "unknown protocol 'relaxx'; did you mean 'relax'?"),
        ("run leaky", "unknown protocol 'leaky'"),
        ("show lecky", "unknown model or protocol 'lecky'; did you mean 'leaky'?"),
        (
            "run relax --set taw=1",
            "unknown parameter of protocol 'relax' 'taw'; did you mean 'tau'?",
        ),
        ("run relax --backend cppp", "unknown back end 'cppp'; did you mean 'cpp'?"),
        ("run relax --precision duble", "unknown precision 'duble'; did you mean 'double'?"),
        ("run relax --set tau", "cannot read --set 'tau': write NAME=VALUE"),
        ("run relax --set =5", "cannot read --set '=5'"),
        ("run relax --set gain=1 --set gain=2", "--set gives 'gain' twice"),
        ("run relax --set gain=abc", "parameter 'gain': 'abc' is not a number"),
        ("run relax --set marks=[1,", "parameter 'marks': '[1,' is not a list"),
        ("run", "Missing argument"),
        ("run relax --outt x", "No such option"),
        ("run relax --batch 0", "--batch"),
        ("run relax --seed -1", "--seed"),
        ("run relax --threads x", "--threads"),
        ("run ./missing.py", "no such file: missing.py"),
        ("run relax --initial missing.nc", "missing.nc"),
    ],
)
def test_usage_errors_exit_with_2(fails, engine, arguments, message):
    kinds = {"unknown": "UnknownNameError", "no such": "DataError"}
    kind = next((k for start, k in kinds.items() if message.startswith(start)), "UsageError")
    kind = "DataError" if "initial" in arguments else kind
    assert message in fails(2, kind, *arguments.split())
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("setting", "kind", "message"),
    [
        ("tau=5", "UnitError", "parameter 'tau': '5' has no unit"),
        ("tau=5 mV", "UnitError", "it must be in ms"),
        ("duration=-1 ms", "ParameterError", "must be positive"),
        ("duration=0.15 ms", "ParameterError", "whole number of time steps"),
        ("gain=inf", "ParameterError", "must be finite"),
    ],
)
def test_invalid_values_exit_with_3(fails, engine, setting, kind, message):
    assert message in fails(3, kind, "run", "relax", "--set", setting)
    assert not Path("runs").exists()


def test_a_broken_file_exits_with_3_and_is_named(fails, folder):
    (folder / "models" / "bad.py").write_text(MODEL.replace("ds.Circuit(", "ds.Circus("))
    assert re.search(r"bad\.py, line \d+: AttributeError", fails(3, "SpecError", "show", "bad"))


def test_no_command_shows_help(call):
    code, out, _ = call()
    assert code == 0
    for command in ("list", "show", "check", "run", "plot", "doctor"):
        assert re.search(rf"^  {command} ", out, re.MULTILINE)


def test_version(call):
    code, out, _ = call("--version")
    assert (code, bool(out.strip())) == (0, True)


# -- failures of a run ----------------------------------------------------------------------------


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
    message = fails(code, kind.__name__, "run", "relax", "--out", "there")
    assert message == "stopped at 3 ms; what was recorded is in there/partial.nc"
    assert os.listdir("there") == ["partial.nc"]


def test_a_result_that_cannot_be_measured_is_kept(fails, engine, folder):
    path = folder / "protocols" / "relax.py"
    path.write_text(path.read_text().replace('result["unit.v"].values[-1]', 'result["unit.v"].foo'))
    message = fails(3, "SpecError", "run", "relax", "--out", "there")
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
    fails(1, "RunInterruptedError", "run", "relax", "--out", "there")
    assert os.listdir("there") == ["partial.nc"]
    assert signal.getsignal(number) == before


def test_a_hang_up_that_is_ignored_stays_ignored(call, engine, default_signals):
    """So that `nohup` does what it says."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    engine.error = lambda result: signal.raise_signal(signal.SIGHUP) or NonFiniteError("v is nan")
    code, _, err = call("run", "relax")
    assert (code, "v is nan" in err) == (4, True)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_run_that_is_told_to_end_keeps_what_was_recorded(tmp_path, monkeypatch, backend, name):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = ["--out", "there", "--set", "duration=10000 s", "--backend", backend]
    process = subprocess.Popen(
        [*RUN_CLI, "run", "relax", *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        seen = 0
        for line in process.stderr:
            seen += "steps/s" in line
            if seen == 3:
                break
        (child,) = _children(process.pid) if backend == "cpp" else (None,)
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=60)
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
    assert not engine.options
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_the_folder_as_it_was(fails, engine, monkeypatch, there):
    if there:
        Path("there").mkdir()

    def save(self, path):
        Path(path).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FakeResult, "save", save)
    message = fails(1, "StorageError", "run", "relax", "--out", "there")
    assert "No space left on device" in message
    assert Path("there").exists() == there
    assert not list(Path().rglob(".writing*"))


def test_a_partial_result_that_cannot_be_saved_does_not_hide_the_error(fails, engine, monkeypatch):
    engine.error = lambda result: NonFiniteError("v is nan", partial=result)
    monkeypatch.setattr(FakeResult, "save", lambda self, path: Path("/proc/no/x").touch())
    message = fails(4, "NonFiniteError", "run", "relax", "--out", "there")
    assert message.startswith("v is nan; what was recorded could not be saved: cannot write")
    assert not Path("there").exists()


# -- the real engine ------------------------------------------------------------------------------


def test_a_result_is_run_continued_and_drawn(call):
    code, out, err = call("run", "relax", "--backend", "numpy", "--out", "one", "--json")
    assert code == 0, err
    first = json.loads(out)
    reached = 1 - (1 - 0.1 / 20) ** 90  # the last of the recordings is at 9 ms
    np.testing.assert_allclose(first["metrics"]["last"], reached, rtol=1e-12)
    code, out, err = call(
        *(
            "run",
            "relax",
            "--backend",
            "numpy",
            "--out",
            "two",
            "--json",
            "--initial",
            "one/result.nc",
        )
    )
    assert code == 0, err
    continued = 1 - (1 - 0.1 / 20) ** 190
    np.testing.assert_allclose(json.loads(out)["metrics"]["last"], continued, rtol=1e-12)
    code, out, err = call("plot", "one/result.nc", "--out", "figures")
    assert code == 0, err
    assert out.split() == ["figures/traces.png", "figures/traces.svg"]
    assert sorted(os.listdir("figures")) == ["traces.png", "traces.svg"]


def test_a_result_whose_protocol_is_gone_is_drawn_in_general(call, folder):
    assert call("run", "relax", "--backend", "numpy", "--out", "one")[0] == 0
    (folder / "protocols" / "relax.py").unlink()
    code, out, err = call("plot", "one/result.nc", "--out", "figures")
    assert code == 0
    assert "unknown protocol 'relax'" in err
    assert out.split()
    assert all(Path(file).is_file() for file in out.split())


def test_a_foreign_file_is_refused(fails, call):
    Path("foreign.nc").write_text("not a result")
    code, _, err = call("plot", "foreign.nc")
    assert code == 2
    assert "foreign.nc is not a result" in err
    assert sorted(os.listdir()) == ["foreign.nc", "mine"]


def test_doctor_reports(call, monkeypatch):
    code, out, _ = call("doctor")
    assert code == 0
    assert "compiler" in out


# -- streams --------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch):
    """Run the command line in a process of its own and return exit code and stderr."""
    monkeypatch.chdir(Path(__file__).parents[2])

    def started(*arguments, shell=(), stdout=None):
        command = [*shell, *RUN_CLI, *arguments]
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
        return done.returncode, done.stderr

    return started


def test_a_closed_pipe_is_no_traceback(started):
    reader, writer = os.pipe()
    os.close(reader)
    assert started("list", stdout=writer) == (1, "")
    assert started("show", "leaky", stdout=writer) == (1, "")
    os.close(writer)


def test_a_full_stdout_is_no_traceback(started):
    with open("/dev/full", "w") as full:
        code, err = started("list", stdout=full)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "No space left on device" in err


def test_a_missing_stdout_is_no_traceback(started):
    for command in ("list", "show leaky", "check relax"):
        assert started(*command.split(), shell=("sh", "-c", '"$@" >&-', "sh")) == (0, "")


def test_a_terminal_without_greek_letters_is_served(call, monkeypatch, folder):
    path = folder / "models" / "leaky.py"
    path.write_text(path.read_text().replace("# eq. 1", "# τ"), encoding="utf-8")
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert cli.main(["show", "leaky"]) == 0
    stdout.seek(0)
    assert "# ?" in stdout.read()


def test_values_for_programs_and_for_people():
    assert jsonable({"a": np.array([[1.0, np.nan]]), "b": np.int64(3), "c": (True, None)}) == {
        "a": [[1.0, None]],
        "b": 3,
        "c": [True, None],
    }
    assert readable(np.float64(1 / 3)) == "0.333333"
    assert readable(float("nan")) == readable(np.float32("nan")) == "nan"
    assert readable((1, np.nan)) == "[1, nan]"
    assert readable(True) == "yes"
    assert readable(None) == "-"
    assert readable(np.array([1.0, 0.5])) == "[1, 0.5]"
    assert readable(np.zeros((8, 3))) == "8 × 3 values"


def test_small_tables_of_numbers_are_told_row_by_row():
    metrics = {
        "loss": np.float64(1 / 3),
        "small": np.array([[1.0, 1 / 3], [2.0, np.nan]]),
        "large": np.zeros((13, 2)),
        "none": np.zeros((0, 2)),
        "by": {"model": [[1, 2]]},
    }
    measurement = ds.Measurement(
        metrics, units={"small": "Hz"}, references={"small": [[1, 2], [3, 4]], "loss": 0.5}
    )
    columns, rows = metric_table(measurement)
    assert columns == ("metric", "value", "reference")
    assert rows == [
        ("loss", "0.333333", "0.5"),
        ("small[0]", "[1, 0.3333] Hz", "[1, 2]"),
        ("small[1]", "[2, nan] Hz", "[3, 4]"),
        ("large", "13 × 2 values", ""),
        ("none", "[]", ""),
        ("by.model[0]", "[1, 2]", ""),
    ]


def test_metrics_of_several_models_stand_side_by_side_entry_by_entry():
    metrics = {
        "one": {"loss": 0.25, "angle": np.array([10.0, 20.0])},
        "two": {"loss": 0.5, "range": "wide"},
    }
    assert metric_table(ds.Measurement(metrics)) == (
        ("metric", "one", "two"),
        [
            ("loss", "0.25", "0.5"),
            ("angle[0]", "10", ""),
            ("angle[1]", "20", ""),
            ("range", "", "wide"),
        ],
    )
