"""What the commands print, as text and as JSON, and how they refuse what they cannot do."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from library_examples import MODEL
from matplotlib.figure import Figure

from dendrosim import plot
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import (
    NonFiniteError,
)
from dendrosim.experiments.output_folder import Output

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
        "only": {},
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
        assert call("show", entry["name"], "--json")[0] == 0


def test_check_says_what_is_in_it(call, folder):
    assert call("check", "leaky", "--set", "size=4")[1] == (
        "leaky: valid model: 1 population of 4 units, 4 states, "
        "0 matrices (0 plastic, 0 weights), 0 projections\n"
    )
    code, out, _ = call("check", folder / "protocols" / "relax.py", "--set", "duration=1 ms")
    assert code == 0
    assert "10 steps of 0.0001 s (0.001 s), batch 1, no data" in out


def test_a_thorough_check_lists_findings_and_exits_with_3(call):
    code, out, _ = call("check", "leaky", "--thorough")
    assert code == 3
    assert re.search(r"parameter 'gain' +it is not documented; say what it means", out)
    assert "model 'leaky': 1 finding\n" in out
    assert "valid model" not in out


def test_a_thorough_check_without_findings_exits_with_0(call, folder):
    path = folder / "models" / "leaky.py"
    path.write_text(
        path.read_text().replace("Time constant.\n", "Time constant.\n    gain\n        Gain.\n")
    )
    code, out, _ = call("check", path, "--thorough", "--set", "tau=5 ms")
    assert code == 0
    assert out.startswith("model 'leaky': no findings\nleaky: valid model: 1 population")


def test_a_thorough_check_of_a_broken_file_has_no_traceback(call, folder):
    path = folder / "models" / "leaky.py"
    path.write_text(path.read_text().replace("UNIT = ", "UNIT = = "))
    code, out, err = call("check", path, "--thorough")
    assert (code, err) == (3, "")
    assert "invalid syntax" in out


# -- run ------------------------------------------------------------------------------------------


def test_run_writes_result_and_figures_and_says_where(call, engine):
    code, out, _ = call("run", "relax", "--out", "there", "--set", "tau=5 ms", "--set", "marks=[]")
    assert code == 0
    assert sorted(os.listdir("there")) == ["result.nc", "traces.png"]
    assert b"'good': True" in Path("there/result.nc").read_bytes()
    assert out.splitlines()[-2] == "result and figures are in there"
    # The exit code is 0 also if a metric disagrees.
    assert out.splitlines()[-1].startswith("1 metric differs from its reference")
    assert re.search(r"last +\[.+\] V +0\.25 +0\.01 +differs", out)
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
        "references": {
            "last": {"value": 0.25, "tolerance": 0.01, "kind": "grid-limited", "agrees": False}
        },
        "status": "done",
        "seed": 0,
        "precision": "double",
        "batch": 1,
        "backend": "numpy",
        "compiled": False,
        "seconds": {"build": 0.5, "compile": 0.0, "run": 1.5},
        "result": "there/result.nc",
        "figures": ["there/traces.png"],
    }


def test_a_run_much_longer_than_the_default_is_announced(call, engine):
    _, _, err = call("run", "relax", "--set", "duration=200 s")
    assert "this run has 2,000,000 steps (200 s), 20,000 times as many as with the default" in err
    _, _, err = call("run", "relax", "--set", "duration=1 s", "--overwrite")
    assert "this run has" not in err


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
    assert engine.folder.parent.parent == Path("runs")
    assert isinstance(engine.lock, int)
    assert engine.settings == RunSettings("cpp", 7, "single", 4, 2)
    assert engine.initial == "opened old.nc"


def test_runs_begun_at_once_get_a_folder_each(call, engine):
    first, second, third = Output(None, "relax"), Output(None, "relax"), Output(None, "relax")
    second.folder = third.folder = first.folder
    for output in (first, second, third):
        with output.write_files() as staging:
            (staging / "a").write_text("a")
        with output.write_files() as staging:
            (staging / "b").write_text("b")
        assert sorted(os.listdir(output.folder)) == ["a", "b"]
    assert len({o.folder for o in (first, second, third)}) == 3
    assert re.fullmatch(r"runs/relax-\d{8}-\d{6}", str(first.folder))


def test_a_second_run_replaces_the_files_of_the_first_only_on_request(call, fails, engine):
    there = ["run", "relax", "--out", "there"]
    assert call(*there, "--format", "png,svg,pdf")[0] == 0
    assert {"traces.pdf", "traces.png", "traces.svg"} < {*os.listdir("there")}
    Path("there/notes.svg").write_text("by hand")
    kept = {path: path.read_bytes() for path in Path("there").iterdir()}
    message = fails(2, "UsageError", *there)
    assert "there/result.nc is the result of another run: name another folder with --out" in message
    assert "--overwrite" in message
    assert {path: path.read_bytes() for path in Path("there").iterdir()} == kept
    assert call(*there, "--overwrite")[0] == 0
    assert sorted(os.listdir("there")) == ["notes.svg", "result.nc", "traces.png"]
    assert Path("there/notes.svg").read_text() == "by hand"


@pytest.mark.parametrize(
    "command", [("run", "relax"), ("sweep", "relax"), ("stability", "leaky"), ("plot", "none.nc")]
)
def test_an_unknown_format_is_refused_before_anything_else(call, command):
    code, out, err = call(*command, "--format", "png,jpeg")
    assert (code, out) == (2, "")
    assert "unknown format of figures 'jpeg'" in err
    assert os.listdir() == ["mine"]


def test_figures_in_a_folder_without_a_result_remain(call, engine):
    Path("there").mkdir()
    plot.save(Figure(), "there/other")
    assert call("run", "relax", "--out", "there", "--overwrite")[0] == 0
    assert "other.png" in os.listdir("there")


def test_overwriting_and_resuming_exclude_each_other(call):
    code, _, err = call("run", "--resume", "there", "--overwrite")
    assert (code, "omit --overwrite" in err) == (2, True)


def test_a_folder_holds_a_result_or_a_partial_one_of_the_last_run(call, engine):
    engine.error = lambda result: NonFiniteError("v is nan", partial=result)
    figures = ["traces.png"]
    for error, files in (
        (engine.error, ["partial.nc"]),
        (None, ["result.nc", *figures]),
        (engine.error, ["partial.nc"]),
        (None, ["result.nc", *figures]),
    ):
        engine.error = error
        call("run", "relax", "--out", "there", "--overwrite")
        assert sorted(os.listdir("there")) == files


# -- usage errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("ruin relax", "unknown command 'ruin'; did you mean 'run'?"),
        ("run relaxx", "unknown protocol 'relaxx'; did you mean 'relax'?"),
        (
            "run leaky",
            "'leaky' is a model, not a protocol; choose a protocol that runs it, or write one",
        ),
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
    for command in ("list", "show", "check", "run", "stability", "plot", "cache", "doctor"):
        assert re.search(rf"^  {command} ", out, re.MULTILINE)


def test_version(call):
    code, out, _ = call("--version")
    assert (code, bool(out.strip())) == (0, True)


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
    code, out, err = call("plot", "one/result.nc", "--out", "figures", "--format", "svg,pdf")
    assert code == 0, err
    assert out.split() == ["figures/traces.svg", "figures/traces.pdf"]
    assert sorted(os.listdir("figures")) == ["traces.pdf", "traces.svg"]


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
