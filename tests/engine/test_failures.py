"""Nothing fails silently: divergence, interrupts and wrong arguments each end in an error of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reference_problems import PATIENT, leaky_protocol, microcircuit_protocol
from terminals import InTerminal

import dendrosim
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.engine.progress import Progress
from dendrosim.errors import (
    DendrosimError,
    NonFiniteError,
    ParameterError,
    ProgramError,
    ShapeError,
    UnknownNameError,
)
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol

# -- divergence -------------------------------------------------------------------------------------------

START = np.array([0.5, -0.5, 3.0, 0.1])


def explosion(batch=1):
    """Units that grow as v^3, each from its own start; weights that grow as w^3 when left alone."""
    circuit = Circuit(
        (
            Population("calm", 2, "dx/dt = (1 - x)/(5*ms) : 1"),
            Population(
                "wild", 4, "dv/dt = v**3/(10*ms) : 1\nr : 1\ndu/dt = (v + 0*r - u)/(9*ms) : 1",
                initial={"v": START},
            ),
        ),
        (Matrix("w", "wild", "calm", 0.5),),
        (Projection("calm.x", "w", "wild.r"),),
    )  # fmt: skip
    return Protocol(
        circuit, (Block("run", (Phase("on", "0.2 s"),)),), "1 ms",
        (Recording(("wild.v", "calm.x", "w"), "1 ms"),), batch=batch,
    )  # fmt: skip


def explosion_loop():
    """The steps after which each unit is no longer finite."""
    v, steps = START.copy(), 0
    with np.errstate(over="ignore"):
        while np.all(np.isfinite(v)):
            v = v + 1e-3 * v**3 / 10e-3
            steps += 1
    return steps, int(np.flatnonzero(~np.isfinite(v))[0])


@pytest.mark.parametrize("backend", PATIENT)
def test_a_divergence_names_variable_unit_and_time_and_keeps_what_was_recorded(backend):
    steps, unit = explosion_loop()
    with pytest.raises(NonFiniteError) as raised:
        run(explosion(batch=2), backend)
    error = raised.value
    assert error.variable == "wild.v"
    assert error.unit[0] == unit == 2
    assert error.time == pytest.approx(steps * 1e-3)
    for word in ("population 'wild'", "variable 'v'", "unit 2", f"step {steps}"):
        assert word in str(error)
    assert error.exit_code == 4
    partial = error.partial
    assert partial.status == "diverged"
    assert set(partial.traces) == {"wild.v", "calm.x", "w"}
    for trace in partial.traces.values():
        assert len(trace.time) == len(trace.values) == steps
        assert np.all(np.isfinite(trace.values))
    assert partial.traces["wild.v"].values[-1, 2].min() > 1e50
    calm = 1 - 0.8 ** np.arange(steps)
    assert np.allclose(partial.traces["calm.x"].values[:, 0, 0], calm, rtol=1e-10)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("every", ["1 ms", "1 s"])
def test_a_divergence_of_one_among_many_ends_the_run_in_its_step(threads, every):
    """Whether or not anything looks at the state in between."""
    count, worst = 20_000, 12_345
    v = np.random.default_rng(1).uniform(0, 0.3, count)
    v[worst] = 3.0
    many = Population("many", count, "dv/dt = v**3/(10*ms) : 1", initial={"v": v})
    protocol = Protocol(
        Circuit((many, Population("few", 2, "dx/dt = -x/(5*ms) : 1", initial={"x": 1.0}))),
        (Block("run", (Phase("on", "2 s"),)),), "1 ms", (Recording("few.x", every),),
    )  # fmt: skip
    with pytest.raises(NonFiniteError, match=r"unit 12345$|unit 12345\D") as raised:
        run(protocol, "cpp", threads=threads)
    steps, unit = explosion_loop()
    assert unit == 2  # of the same start value
    assert raised.value.time == pytest.approx(steps * 1e-3)
    x = raised.value.partial.traces["few.x"].values[:, 0, 0]
    assert np.allclose(x, 0.8 ** np.arange(0, steps, 1000 if every == "1 s" else 1), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_divergence_leaves_the_state_of_its_step(threads):
    """What would diverge a step later is not named, wherever it stands, and nothing is a step ahead."""
    count, worst, next_ = 20_000, 12_345, 5
    v = np.zeros(count)
    v[[next_, worst]] = [2.0, 3.0]
    circuit = Circuit(
        (
            Population("first", 2, "dx/dt = 1/ms : 1"),
            Population("many", count, "dv/dt = v**3/(10*ms) : 1", initial={"v": v}),
            Population("last", 3, "dx/dt = 1/ms : 1"),
        ),
    )  # fmt: skip
    protocol = Protocol(circuit, (Block("run", (Phase("on", "2 s"),)),), "1 ms")
    with pytest.raises(NonFiniteError, match=r"unit 12345\D") as raised:
        run(protocol, "cpp", threads=threads)
    with pytest.raises(NonFiniteError, match=r"unit 12345\D") as reference:
        run(protocol, "numpy")
    assert raised.value.time == reference.value.time
    steps, _ = explosion_loop()
    state = raised.value.partial.state
    assert np.isfinite(state["many.v"][next_])
    assert np.all(state["first.x"] == steps)
    assert np.all(state["last.x"] == steps)


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_divergence_of_weights_names_the_matrix(backend):
    circuit = Circuit(
        (Population("a", 2, "dx/dt = (1 - x)/(5*ms) : 1"), Population("b", 3, "dy/dt = -y/ms : 1")),
        (
            Matrix(
                "w", "b", "a", [[0.1, 0.1], [0.1, 4.0], [0.1, 0.1]], "dw/dt = w**3/(10*ms) : 1",
            ),
        ),
    )  # fmt: skip
    protocol = Protocol(circuit, (Block("run", (Phase("on", "50 ms"),)),), "1 ms")
    with pytest.raises(NonFiniteError, match=r"matrix 'w', weight 1 <- 1") as raised:
        run(protocol, backend)
    assert raised.value.variable == "w"
    assert raised.value.unit == (1, 1)


# -- interrupt --------------------------------------------------------------------------------------------

INTERRUPTED = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[2])
from reference_problems import leaky_protocol
from dendrosim.experiments.run import run
from dendrosim.errors import RunInterruptedError
from dendrosim.protocol.phases import Block, Phase, Recording

protocol = leaky_protocol(
    blocks=(Block("run", (Phase("on", "10000 s"),)),), recordings=(Recording("cell.v", "1 ms"),)
)
try:
    run(protocol, backend=sys.argv[1], progress=True)
except RunInterruptedError as error:
    trace = error.partial.traces["cell.v"]
    k = np.round(trace.time / 1e-4)
    expected = -60e-3 - 10e-3 * (1 - 0.1e-3 / 20e-3) ** k
    print(json.dumps({
        "message": str(error), "status": error.partial.status, "rows": len(trace.time),
        "right": bool(np.allclose(trace.values[:, 0, 0], expected, rtol=1e-9)),
        "final": error.partial.state["cell.v"].shape,
    }))
"""


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_an_interrupt_in_mid_run_keeps_what_was_recorded(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = InTerminal(
        [sys.executable, "-c", INTERRUPTED, backend, str(Path(__file__).parents[1])],
        stdout=subprocess.PIPE,
    )
    process = run.process
    try:
        run.wait_for("steps/s", 3)
        process.send_signal(signal.SIGINT)
        out, error = run.end()
    finally:
        process.kill()
    assert process.returncode == 0, error
    told = json.loads(out)
    assert told["status"] == "interrupted"
    assert "interrupted" in told["message"]
    assert told["rows"] > 10
    assert told["right"]
    assert told["final"] == [1, 1]
    assert not list(tmp_path.glob("dendrosim-run-*"))


# -- something else writes to the files of a run -----------------------------------------------------------


@pytest.mark.parametrize("name", ["trace0.bin", "spikes0.steps.bin", "spikes0.elements.bin"])
def test_a_recording_that_something_else_cuts_during_the_run_is_noticed(
    name, tmp_path, monkeypatch
):
    """The first report comes after a fifth of a second; the run takes several times as long."""
    cell = Population("cell", 1, "dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0")
    protocol = Protocol(
        Circuit((cell,)), (Block("run", (Phase("on", "800 s"),)),), "0.1 ms",
        (Recording("cell.v", "10 ms"), Recording("cell.spike", every="spike")),
    )  # fmt: skip
    cut, report = [], Progress.at

    def shorten(progress, step, segment):
        report(progress, step, segment)
        if not cut and step:
            cut.append(step)
            os.truncate(tmp_path / "out" / "unfinished" / name, 8)

    monkeypatch.setattr(Progress, "at", shorten)
    with pytest.raises(ProgramError, match="something else has changed a recording"):
        run(protocol, "cpp", out=tmp_path / "out")
    assert cut
    assert not list((tmp_path / "out").glob("*.nc"))


# -- wrong arguments --------------------------------------------------------------------------------------


def test_an_initial_state_of_another_circuit_is_refused_by_name():
    other = run(leaky_protocol(), "numpy")
    with pytest.raises(UnknownNameError, match=r"state in the initial result 'pyramidal.basal'"):
        run(microcircuit_protocol(), "numpy", initial=other)


@pytest.mark.parametrize(
    "state",
    [
        {"cell.v": np.zeros((2, 1))},
        {"cell.v": np.zeros((2, 3))},  # another number of units is no matter of the batch
        {"cell.v": np.zeros((1, 1, 1))},
        {"cell.v": np.zeros(3)},
        {"cell.v": 0.0},
        {"cell.v": "text"},
        {"cell.v": [[0.0], [0.0, 1.0]]},
        {"cell.v": None},
    ],
)
def test_an_initial_state_of_the_wrong_shape_is_refused(state):
    with pytest.raises((ShapeError, ParameterError), match=r"cell\.v"):
        run(leaky_protocol(), "numpy", initial=state)


def test_an_initial_state_that_is_not_finite_is_refused():
    with pytest.raises(DendrosimError, match=r"cell"):
        run(leaky_protocol(), "numpy", initial={"cell.v": np.full((1, 1), np.nan)})


def test_weights_of_the_wrong_shape_are_refused():
    state = dict(run(microcircuit_protocol(), "numpy").state)
    with pytest.raises(ShapeError, match="initial state of w1"):
        run(microcircuit_protocol(), "numpy", initial=state | {"w1": np.zeros((4, 5))})


@pytest.mark.parametrize(
    "option", [{"overwrite": "no"}, {"overwrite": 1}, {"overwrite": None}, {"progress": "no"}]
)
def test_a_flag_is_true_or_false(option):
    with pytest.raises(ParameterError, match=f"{next(iter(option))} is .* True or False"):
        run(leaky_protocol(), "numpy", **option)


@pytest.mark.parametrize("state", [3, "text", [1, 2], ()])
def test_something_that_is_no_state_is_refused(state):
    with pytest.raises(DendrosimError):
        run(leaky_protocol(), "numpy", initial=state)


def test_a_batch_that_belongs_to_the_protocol_cannot_be_overridden():
    fixed = leaky_protocol(batch=3, batch_fixed=True)
    with pytest.raises(ParameterError, match="fixes its batch to 3"):
        run(fixed, "numpy", batch=2)
    assert run(fixed, "numpy", batch=3).state["cell.v"].shape == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"backend": None}, ParameterError, "backend is None"),
        ({"backend": "nunpy"}, UnknownNameError, "did you mean 'numpy'"),
        ({"precision": "dubble"}, UnknownNameError, "did you mean 'double'"),
        ({"precision": None}, ParameterError, "precision is None"),
        ({"seed": 1.0}, ParameterError, "seed is 1.0"),
        ({"seed": True}, ParameterError, "seed is True"),
        ({"seed": -1}, ParameterError, "seed is -1"),
        ({"seed": 1.5}, ParameterError, "seed is 1.5"),
        ({"seed": "one"}, ParameterError, "seed is 'one'"),
        ({"seed": None}, ParameterError, "seed is None"),
        ({"batch": 0}, ParameterError, "batch"),
        ({"batch": 2.5}, ParameterError, "batch"),
        ({"batch": 1.0}, ParameterError, "batch is 1.0"),
        ({"batch": "two"}, ParameterError, "batch is 'two'"),
        ({"threads": 0}, ParameterError, "threads is 0"),
        ({"initial": "x.nc"}, ParameterError, "ds.open_result('x.nc')"),
        ({"initial": Path("x.nc")}, ParameterError, "ds.open_result('x.nc')"),
        ({"initial": {"cell.v": np.array(0.0)}}, ShapeError, "cell.v has shape ()"),
        ({"threads": "a"}, ParameterError, "threads is 'a'"),
        ({"threads": "all"}, ParameterError, "threads is 'all'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, kind, words):
    with pytest.raises(kind) as raised:
        run(leaky_protocol(), **{"backend": "numpy", **arguments})
    assert words in str(raised.value)


@pytest.mark.parametrize("function", [run, dendrosim.run])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("bmvr_gaussian", r"ds\.load_protocol\('bmvr_gaussian'\)"),
        (Path("my.py"), r"ds\.load_protocol\('my.py'\)"),
        (None, "protocol is a NoneType; it must be a Protocol"),
        (leaky_protocol().circuit, "protocol is a Circuit; it must be a Protocol"),
    ],
)
def test_something_that_is_no_protocol_is_refused(function, given, words):
    with pytest.raises(ParameterError, match=words):
        function(given)


def test_a_seed_of_numpy_is_the_same_seed_and_kept_as_a_plain_number():
    results = [run(leaky_protocol(), "numpy", seed=seed) for seed in (7, np.int64(7))]
    assert [type(r.provenance["seed"]) for r in results] == [int, int]
