"""A step of Heun's method is y + dt/2 (f(y) + f(y + dt f(y))), for states and weights, on every back end."""

import json

import heun_problem as problem
import numpy as np
import pytest
from comparisons import assert_identical, gap, same_bits
from continued_runs import assert_one_run
from interrupted_runs import interrupt
from reference_problems import (
    MICRO_FREE,
    MICRO_LEARN,
    MICRO_TRIALS,
    MICRO_X,
    PATIENT,
    microcircuit_drives,
    microcircuit_loop,
    microcircuit_protocol,
    sequential,
    shown_rows,
)

import dendrosim as ds
from dendrosim.cli.main import main
from dendrosim.errors import SpecError

BATCHES = (1, pytest.param(3, marks=pytest.mark.slow), pytest.param(40, marks=pytest.mark.slow))


def shaped(value, like):
    return np.asarray(value).reshape(np.shape(like))


@pytest.mark.parametrize("backend", PATIENT)
@pytest.mark.parametrize("batch", BATCHES)
def test_a_step_is_the_map_of_the_vector_field(batch, backend):
    given = problem.protocol(batch)
    expected, before, free = problem.heun_step(given)
    assert np.any(free["bounded"] < 0)
    assert np.any(free["bounded"] > 0.2)
    assert np.any(free["sparse"] < 0)
    result = ds.run(given, backend, seed=1)
    for name, value in expected.items():
        found = shaped(result.state[name], value)
        assert np.max(abs(found - value)) < 1e-12, name
        assert np.max(abs(found - before[name])) > 1e-4, name
    inverse = result.state["inverse"] @ result.state["square"]
    assert np.max(abs(inverse - np.eye(4))) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3, 40])
def test_single_precision_is_double_precision_rounded(batch):
    given = problem.protocol(batch, steps=6)
    double = ds.run(given, "numpy", seed=1)
    single = ds.run(given, "cpp", seed=1, precision="single")
    for name, value in double.state.items():
        assert single.state[name].dtype == np.float32
        assert gap(single.state[name].astype(float), value) < 1e-5, name


def micro(batch, method="rk2", **changes):
    return microcircuit_protocol(batch, method=method, **changes)


@pytest.mark.parametrize("backend", PATIENT)
def test_steps_over_phases_and_rows_are_means_of_two_euler_steps(backend):
    # the loop knows nothing of Heun's method: the mean of y and of y after two Euler steps is its step
    result = ds.run(micro(3), backend, seed=2)
    cycle = MICRO_FREE + MICRO_LEARN
    shown = result.traces["input.x"].values[: MICRO_TRIALS * cycle : cycle]
    rows = np.concatenate([shown_rows(shown, MICRO_X), sequential(1, 3, len(MICRO_X))])
    drives, gates = microcircuit_drives(rows)
    state = {}
    for k in range(len(gates["learn"])):
        now = tuple({n: v[k : k + 1] for n, v in d.items()} for d in (drives, gates))
        history, once = microcircuit_loop(*now, _short(state))
        for name, values in history.items():
            assert gap(result.traces[name].values[k], values[0]) < 1e-12, (name, k)
        _, twice = microcircuit_loop(*now, _short(once))
        begin = {n: history[n][0] for n in once}
        state = {n: (begin[n] + twice[n]) / 2 for n in once}
    for name, value in state.items():
        assert gap(result.state[name], value) < 1e-12, name


def _short(state):
    return {n.rpartition(".")[2]: v for n, v in state.items()}


def test_halving_the_step_quarters_the_error():
    def error(steps):
        cell = ds.Population(
            "cell", 1, "dx/dt = (u - x)/(10*ms) : 1\nu : 1", inputs=["u"], initial={"x": 1.0}
        )
        phases = (ds.Phase("up", "5 ms", signals={"cell.u": 2.0}), ds.Phase("down", "5 ms"))
        made = ds.Protocol(
            ds.Circuit((cell,)), (ds.Block("run", phases),), f"{10 / steps} ms",
            signals={"cell.u": 0.0}, method="rk2",
        )  # fmt: skip
        middle = 2 - np.exp(-0.5)
        return abs(ds.run(made, "numpy").state["cell.x"][0, 0] - middle * np.exp(-0.5))

    errors = [error(steps) for steps in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


# -- runs in pieces, files and texts ----------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "threads"), [("numpy", None), ("cpp", 1), ("cpp", 2)])
def test_a_run_in_pieces_is_the_run_in_one_piece(backend, threads):
    def part(*trials):
        blocks = [
            ds.Block(f"part{number}", (ds.Phase("free", "2 ms", {"learn": 0}), ds.Phase("on", "3 ms")), number)
            for number in trials
        ]  # fmt: skip
        return micro(3, blocks=blocks, recordings=(ds.Recording("w1", "1 ms"),))

    options = {"backend": backend, "threads": threads, "seed": 2}
    expected = ds.run(part(3, 2), **options)
    first = ds.run(part(3), **options)
    assert not any("ds_begin" in name for name in first.carried)
    rest = ds.run(part(2), initial=first, continue_clock=True)
    assert_one_run([first, rest], expected)


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path):
    given = micro(3, blocks=(ds.Block("on", (ds.Phase("on", "5 ms"),), 3000),), recordings=())
    expected = ds.run(given, "cpp", seed=3)
    out = interrupt(given, tmp_path / "out", step=2000, seed=3)
    result = ds.run(resume=out)
    assert_identical(result, expected)
    found = ds.open_result(out / "result.nc")
    assert found.protocol.method == "rk2"
    assert found.provenance["method"] == "rk2"


def test_threads_change_no_bit():
    one, two = (ds.run(micro(3), "cpp", seed=2, threads=n) for n in (1, 2))
    assert same_bits(one, two)


PROTOCOL = """
'''One cell.'''
import dendrosim as ds

def protocol():
    cell = ds.Population("cell", 1, "dx/dt = -x/(10*ms) : 1")
    return ds.Protocol(
        ds.Circuit((cell,)), (ds.Block("run", (ds.Phase("on", "5 ms"),)),), "1 ms", method="rk2"
    )
"""


def test_the_command_line_names_the_method(tmp_path, capsys):
    file = tmp_path / "cell.py"
    file.write_text(PROTOCOL)
    for command in ("show", "check"):
        main([command, str(file)])
        assert "Heun's method (rk2)" in capsys.readouterr().out
    main(["show", "--json", str(file)])
    assert json.loads(capsys.readouterr().out)["method"] == "rk2"


# -- what it refuses --------------------------------------------------------------------------------------

REST = ds.Population("cell", 2, "dv/dt = (u - v)/(10*ms) : 1\nu : 1", inputs={"u": 0.0})
SUMMED = "dv/dt = (u + g - v)/(10*ms) : 1\nu : 1\ng : 1"
SPIKING = REST.replace(threshold="v > 1", reset="v = 0")


def refused(*populations, signals=None, **parts):
    return ds.Protocol(
        ds.Circuit(populations, **parts), (ds.Block("run", (ds.Phase("on", "5 ms"),)),), "1 ms",
        signals=signals or {}, method="rk2",
    )  # fmt: skip


REFUSED = {
    "spikes": (lambda: refused(SPIKING), "population 'cell' spikes"),
    "event": (
        lambda: refused(REST.replace(events={"high": ds.Event("v > 1", "v = 0")})),
        "population 'cell' has the event 'high'",
    ),
    "source": (
        lambda: refused(
            REST, sources=(ds.Poisson("noise", 2, "5 Hz"),),
            pathways=(ds.Pathway("in", "noise", "cell", "v_post += 1"),),
        ),
        "'noise'",
    ),
    "synapses": (
        lambda: refused(
            REST.replace(equations=SUMMED),
            pathways=(ds.Pathway("graded", "cell", "cell", equations="g_post = v_pre : 1 (summed)"),),
        ),
        "'graded'",
    ),
    "noise": (
        lambda: refused(REST, signals={"cell.u": ds.OrnsteinUhlenbeck(0.0, 1.0, "5 ms")}),
        "OrnsteinUhlenbeck that drives cell.u in phase run/on is random",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_deterministic_flow_is_refused_by_name(case):
    make, words = REFUSED[case]
    with pytest.raises(SpecError, match="method is 'rk2'") as error:
        make()
    assert words in str(error.value)
    assert "method='euler'" in str(error.value)


def test_delays_and_other_methods_are_refused_by_name():
    delayed = problem.circuit()
    first, *others = delayed.projections
    delayed = delayed.replace(projections=(first.replace(delay="1 ms"), *others))
    with pytest.raises(SpecError, match=r"input.* -> outer -> .* has a delay"):
        problem.protocol(1, steps=2).replace(circuit=delayed)
    with pytest.raises(SpecError, match="rk4"):
        problem.protocol(1, method="rk4")
