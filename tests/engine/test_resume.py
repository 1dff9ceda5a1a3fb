"""A run that was interrupted, however hard, ends with the numbers of one that was not, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from comparisons import assert_identical
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interruptions import files_of_at_most
from long_runs import PROBLEMS, learning, spiking, uninterrupted
from reference_problems import leaky_protocol

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.engine.run_files import is_changing
from dendrosim.engine.seal import seal_folder
from dendrosim.errors import ProgramError, ResumeError
from dendrosim.experiments import run as running

HERE = str(Path(__file__).parents[1])
SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import dendrosim as ds
from dendrosim.engine import simulate
from dendrosim.engine import progress
from interruptions import files_of_at_most
from long_runs import PROBLEMS

simulate.INTERVAL = 0.0
signals = [int(sys.argv[5])]
progress.Progress.at = lambda self, step, segment: signals and os.kill(os.getpid(), signals.pop())
if sys.argv[4] == "resume":
    ds.run(resume=sys.argv[3])
else:
    ds.run(PROBLEMS[sys.argv[2]](), sys.argv[4], seed=3, out=sys.argv[3])
"""


def interrupt(problem, backend, out, number):
    """Begin a run, or resume one, in a process that gets a signal at its first report; return what it said."""
    command = [sys.executable, "-c", SCRIPT, HERE, problem, str(out), backend, str(int(number))]
    done = subprocess.run(command, text=True, stderr=subprocess.PIPE, start_new_session=True)
    assert done.returncode, "it was not interrupted"
    return done.stderr


# -- the same numbers -------------------------------------------------------------------------------------


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(2_500_000, 6_200_000), min_size=1, max_size=3).map(sorted))
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_program_killed_anywhere_ends_as_if_it_had_not_been(
    problem, tmp_path, monkeypatch, sizes
):
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    expected = uninterrupted(problem, "cpp")
    out = Path(tempfile.mkdtemp(dir=tmp_path))
    begin = {"protocol": PROBLEMS[problem](), "backend": "cpp", "seed": 3, "out": out}
    for again, size in enumerate(sizes):
        with files_of_at_most(size), pytest.raises(ProgramError, match="run --resume"):
            ds.run(**({"resume": out} if again else begin))
        assert os.listdir(out) == ["unfinished"]
    assert_identical(ds.run(resume=out), expected)
    assert os.listdir(out) == ["result.nc"]
    assert_identical(ds.open_result(out / "result.nc"), expected)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_process_killed_twice_ends_as_if_it_had_not_been(problem, tmp_path):
    out = tmp_path / "out"
    interrupt(problem, "cpp", out, signal.SIGKILL)
    assert os.listdir(out) == ["unfinished"]
    interrupt(problem, "resume", out, signal.SIGKILL)
    assert_identical(ds.run(resume=out), uninterrupted(problem, "cpp"))


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_resume_it(tmp_path, number):
    out = tmp_path / "out"
    errors = interrupt("spiking", "cpp", out, number)
    if number == signal.SIGINT:
        assert f"resume with `dendrosim run --resume {out}`" in errors
        assert sorted(os.listdir(out)) == ["partial.nc", "unfinished"]
    assert_identical(ds.run(resume=out), uninterrupted("spiking", "cpp"))
    assert os.listdir(out) == ["result.nc"]


def test_checkpoints_leave_the_numbers_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    result = ds.run(learning(), "cpp", seed=3, out=tmp_path)
    assert_identical(result, uninterrupted("learning", "cpp"))
    assert os.listdir(tmp_path) == ["result.nc"]


def bmvr():
    return ds.load_protocol("bmvr_gaussian", inputs=30, outputs=17, samples=130, duration="60 s")


def multiplexed():
    return ds.load_protocol(
        "tp_student_teacher", model="multiplexed", mode="online", samples=300, sizes=(61, 53, 37, 29),
        plasticity="continuous",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "batch", "precision"), [(bmvr, 130, "single"), (multiplexed, 1, "double")]
)
def test_an_update_that_waits_for_the_next_product_is_the_same_after_a_checkpoint(
    made, batch, precision, tmp_path, monkeypatch
):
    protocol, out = made(), tmp_path / "out"
    assert protocol.batch == batch
    begin = {"protocol": protocol, "backend": "cpp", "seed": 3, "precision": precision}
    expected = ds.run(**begin)
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    assert_identical(ds.run(**begin, out=tmp_path / "whole"), expected)
    recorded = max(t.values.nbytes for t in expected.traces.values())
    for part, options in {0.7: begin | {"out": out}, 0.9: {"resume": out}}.items():
        with files_of_at_most(int(part * recorded)), pytest.raises(ProgramError, match="--resume"):
            ds.run(**options)
    assert_identical(ds.run(resume=out), expected)


# -- the same memory --------------------------------------------------------------------------------------


PEAK = """
import json, os, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import dendrosim as ds
from reference_problems import leaky_protocol

def peak(process):
    lines = Path("/proc", process, "status").read_text().splitlines()
    return next((int(x.split()[1]) for x in lines if x.startswith("VmHWM")), 0)

def watch():
    while True:
        try:
            peaks.extend(peak(c) for c in Path(f"/proc/self/task/{me}/children").read_text().split())
        except OSError:
            pass
        time.sleep(2e-3)

me, peaks = str(os.getpid()), []
threading.Thread(target=watch, daemon=True).start()
if "s" in sys.argv[2]:
    block = ds.Block("run", (ds.Phase("on", sys.argv[2]),))
    result = ds.run(leaky_protocol(blocks=(block,)), "cpp", out=sys.argv[3])
    assert len(result.traces["cell.v"].values) == result.protocol.total_steps
else:
    cells = ds.Population("cell", 1, "dv/dt = (x - v)/(10*ms) : 1\\nx : 1", inputs=["x"])
    block = ds.Block("run", (ds.Phase("on", "1 ms"),), trials=int(sys.argv[2]), order="shuffled")
    ds.run(
        ds.Protocol(
            ds.Circuit((cells,)), (block,), dt="1 ms", batch=64,
            signals={"cell.x": ds.Samples("x")}, data={"x": [[float(i)] for i in range(1000)]},
        ),
        "cpp", out=sys.argv[3],
    )
print(json.dumps([peak("self"), sorted(peaks)[len(peaks) // 2]]))
"""


def peak(length, out):
    """KiB: the most that the process took, and what its program took half of the time at most.

    `length` is a duration, or a number of trials that each show 64 samples.
    """
    command = [sys.executable, "-c", PEAK, HERE, length, str(out)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_run_ten_times_longer_needs_no_more_memory(tmp_path):
    ds.run(leaky_protocol(), "cpp")  # compiling needs more
    short, long = (peak(duration, tmp_path / duration) for duration in ("50 s", "500 s"))
    recorded = 4_500_000 * 2 * 8 / 1024  # KiB more
    for a, b in zip(short, long, strict=True):
        assert b - a < 0.4 * recorded


def test_ten_times_more_trials_need_no_more_memory(tmp_path):
    peak("100", tmp_path / "compiled")
    few, many = (peak(trials, tmp_path / trials) for trials in ("30000", "300000"))
    order = 270_000 * 64 * 8 / 1024  # KiB more
    for a, b in zip(few, many, strict=True):
        assert b - a < 0.2 * order


# -- what cannot be resumed -------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """The folder of a run that was killed."""
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    with files_of_at_most(3_000_000), pytest.raises(ProgramError):
        ds.run(spiking(), "cpp", seed=3, threads=1, out=tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "there is no such folder"),
        (["out/"], "it holds no interrupted run"),
        (["out/result.nc"], r"its run is done, the result is in .*result\.nc"),
        (["out/unfinished/run.json"], r"'run\.json' and no lock of a run"),
        (["out/unfinished/lock", "out/unfinished/run.json"], r"'lock' and no lock of a run"),
    ],
)
def test_a_folder_of_no_interrupted_run_is_refused(tmp_path, capsys, made, words):
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("")
    with pytest.raises(ResumeError, match=words):
        ds.run(resume=tmp_path / "out")
    assert cli.main(["run", "--resume", str(tmp_path / "out")]) == 2
    assert "dendrosim: " in capsys.readouterr().err


def test_contradicting_options_are_refused(stopped, capsys):
    for option, value in {
        "seed": 4, "backend": "numpy", "precision": "single", "threads": 2, "batch": 3,
        "initial": {}, "protocol": learning(),
    }.items():  # fmt: skip
        with pytest.raises(ResumeError, match=option):
            ds.run(resume=stopped, **{option: value})
    for arguments in (
        ["--seed", "0"], ["--out", "elsewhere"], ["--set", "tau=1"], ["bmvr_gaussian"],
    ):  # fmt: skip
        assert cli.main(["run", "--resume", str(stopped), *arguments]) == 2
    capsys.readouterr()
    with pytest.raises(ResumeError, match="holds an interrupted run"):
        ds.run(spiking(), "cpp", out=stopped)
    same = ds.run(spiking(), "cpp", seed=3, threads=1, resume=stopped)
    assert_identical(same, uninterrupted("spiking", "cpp"))
    with pytest.raises(ResumeError, match="its run is done"):
        ds.run(resume=stopped)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("code", "other", "another version of dendrosim"),
        ("format", 0, "another version of dendrosim"),
        ("target", {"processor": "other"}, "processor changed since the run began"),
        ("backend", "numpy", "keeps no checkpoints"),
    ],
)
def test_a_run_of_another_version_is_refused(stopped, field, value, words):
    path = stopped / "unfinished" / "run.json"
    record = json.loads(path.read_text())
    if field == "backend":
        record["settings"][field], record["target"] = value, {}
    else:
        record[field] = value
    path.write_text(json.dumps(record))
    names = os.listdir(path.parent)
    seal_folder(path.parent, [name for name in names if is_changing(name)])
    with pytest.raises(ResumeError, match=words):
        ds.run(resume=stopped)
    assert (stopped / "unfinished" / "checkpoint.bin").exists()


def cut(whole, place):
    return whole[:place]


def flip(whole, place):
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("place", [0, 0.01, 0.5, 0.9999])
def test_a_damaged_checkpoint_is_refused_and_nothing_else_is_touched(stopped, damage, place):
    path = stopped / "unfinished" / "checkpoint.bin"
    whole = path.read_bytes()
    place = int(place * len(whole)) % len(whole)
    path.write_bytes(damage(whole, place))
    before = {p: p.stat().st_size for p in path.parent.iterdir()}
    with pytest.raises(ResumeError, match=r"checkpoint is damaged.*delete .*unfinished and run"):
        ds.run(resume=stopped)
    assert {p: p.stat().st_size for p in path.parent.iterdir()} == before


def test_nobody_resumes_a_run_that_is_still_being_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("dendrosim.engine.run_folder._PATIENCE", 0.1)
    measured, refused = running._add_metrics, []

    def while_measuring(*arguments):
        with pytest.raises(ResumeError, match="another process is at work") as caught:
            ds.run(resume=tmp_path / "out")
        refused.append(caught)
        return measured(*arguments)

    monkeypatch.setattr(running, "_add_metrics", while_measuring)
    result = ds.run(leaky_protocol(), "cpp", out=tmp_path / "out")
    assert refused
    assert result.status == "done"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.nc"]


def test_a_file_is_no_folder_to_resume(tmp_path):
    (tmp_path / "result.nc").touch()
    with pytest.raises(ResumeError, match="it is not a folder"):
        ds.run(resume=tmp_path / "result.nc")
