"""A run that was interrupted, however hard, ends with the numbers of one that was not, bit for bit."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import test_pathways
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.errors import ProgramError

HERE = str(Path(__file__).parent)
SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import dendrosim as ds
from dendrosim.engine import outcome, simulate
from test_resume import PROBLEMS

simulate.INTERVAL = 0.0
signals = [int(sys.argv[5])]
outcome.Progress.at = lambda self, step, segment: signals and os.kill(os.getpid(), signals.pop())
if sys.argv[4] == "resume":
    ds.run(resume=sys.argv[3])
else:
    ds.run(PROBLEMS[sys.argv[2]](), sys.argv[4], seed=3, out=sys.argv[3])
"""

RATES = """
dh/dt = (-h + tanh(drive + noise))/tau : 1
drive : 1
noise : 1
"""
OJA = "dw/dt = learn*(h_post*x_pre - w*h_post**2)/second : 1"
LATERAL = "dr/dt = learn*(0.1*h_post*h_pre - 0.2*r)/second : 1"


def learning(trials=20000):
    """Plastic matrices, one of them an inverse, noise, a shuffled data set, phases with gates."""
    circuit = ds.Circuit(
        (
            ds.Population("input", 4, "x : 1", inputs=["x"]),
            ds.Population("layer", 4, RATES, inputs=["noise"]),
        ),
        (
            ds.Matrix("w", "layer", "input", ds.Normal(0.0, 0.5), OJA),
            ds.Matrix("r", "layer", "layer", np.eye(4), LATERAL),
            ds.Matrix("q", "layer", "layer", inverse_of="r"),
        ),
        (ds.Projection("input.x", "w", "layer.drive"),),
        gates={"learn": 0.0},
        parameters={"tau": "20 ms"},
    )  # fmt: skip
    rng = np.random.default_rng(5)
    return ds.Protocol(
        circuit,
        (
            ds.Block(
                "train", (ds.Phase("free", "10 ms"), ds.Phase("learning", "20 ms", {"learn": 1.0})),
                trials=trials, order="shuffled",
            ),
        ),
        dt="1 ms",
        recordings=(
            ds.Recording("layer.h", "1 ms", units=(0, 2), thin=3), ds.Recording(("w", "q"), "trial"),
        ),
        signals={
            "input.x": ds.Samples("x"),
            "layer.noise": ds.OrnsteinUhlenbeck(0.0, 0.3, "30 ms"),
        },
        data={"x": rng.normal(size=(70, 4))},
        batch=2,
    )  # fmt: skip


def spiking(seconds=30):
    """Heterogeneous delays, short-term plasticity, refractoriness: spikes are under way at any step."""
    whole = (ds.Block("run", (ds.Phase("on", f"{seconds} s"),)),)
    return test_pathways.protocol(batch=2, blocks=whole)


PROBLEMS = {"learning": learning, "spiking": spiking}


@cache
def uninterrupted(problem, backend):
    return ds.run(PROBLEMS[problem](), backend, seed=3)


def assert_identical(result, expected):
    assert result.status == expected.status == "done"
    assert result.protocol == expected.protocol
    assert result.names == expected.names
    for name, trace in expected.traces.items():
        assert np.array_equal(result.traces[name].time, trace.time)
        assert result.traces[name].values.tobytes() == trace.values.tobytes(), name
    assert set(result.state) == set(expected.state)
    for name, values in expected.state.items():
        assert result.state[name].tobytes() == values.tobytes(), name
    assert set(result.spikes) == set(expected.spikes)
    for name, spikes in expected.spikes.items():
        for part, values in spikes._asdict().items():
            assert np.array_equal(getattr(result.spikes[name], part), values), (name, part)
    assert result.metrics == expected.metrics


def interrupt(problem, backend, out, number):
    """Begin a run, or resume one, in a process that gets a signal at its first report; return what it said."""
    command = [sys.executable, "-c", SCRIPT, HERE, problem, str(out), backend, str(int(number))]
    done = subprocess.run(command, text=True, stderr=subprocess.PIPE, start_new_session=True)
    assert done.returncode, "it was not interrupted"
    return done.stderr


# -- the same numbers -------------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(size):
    """Have programs killed by the system, in the middle of a row, when a file of theirs grows beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(5_200_000, 6_200_000), min_size=1, max_size=3).map(sorted))
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_end_says_how_it_goes_on(tmp_path, number):
    out = tmp_path / "out"
    errors = interrupt("spiking", "cpp", out, number)
    if number == signal.SIGINT:
        assert f"to go on, `dendrosim run --resume {out}`" in errors
        assert sorted(os.listdir(out)) == ["partial.nc", "unfinished"]
    assert_identical(ds.run(resume=out), uninterrupted("spiking", "cpp"))
    assert os.listdir(out) == ["result.nc"]


def test_checkpoints_leave_the_numbers_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    result = ds.run(learning(), "cpp", seed=3, out=tmp_path)
    assert_identical(result, uninterrupted("learning", "cpp"))
    assert os.listdir(tmp_path) == ["result.nc"]
