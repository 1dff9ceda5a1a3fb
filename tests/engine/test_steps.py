"""Every back end takes exactly the forward-Euler steps of the equations, whatever the protocol does."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from comparisons import gap, same_bits
from reference_problems import (
    BACKENDS,
    CHAIN_TAU,
    CHAIN_V,
    CHAIN_W,
    FAST,
    MICRO_FREE,
    MICRO_LEARN,
    MICRO_TRIALS,
    MICRO_X,
    PROBLEMS,
    chain,
    chain_protocol,
    leaky_loop,
    leaky_protocol,
    microcircuit,
    microcircuit_protocol,
    run_once,
    shown_rows,
)
from scipy.integrate import solve_ivp

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol

# -- the reference problems -----------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("problem", "backend"),
    [
        pytest.param(p, b, id=f"{p}-{b}", marks=pytest.mark.slow if slow else ())
        for p in PROBLEMS
        for b in BACKENDS
        for slow in [b == "cython" and p == PROBLEMS[0]]
    ],
)
def test_n_steps_are_n_forward_euler_steps(problem, batch, backend):
    result = run_once(problem, backend, batch)
    history, final = problem.loop(*problem.drives(result, batch))
    assert set(result.traces) == set(history)
    assert set(result.state) == set(final)
    for name, expected in history.items():
        assert gap(result.traces[name].values, expected) < 1e-10, name
    for name, expected in final.items():
        assert gap(result.state[name], expected) < 1e-10, name
    steps = len(next(iter(history.values())))
    time = result.traces[next(iter(history))].time
    assert np.allclose(time, np.arange(steps) * result.protocol.time_step, rtol=1e-14)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_single_precision_is_double_precision_rounded(problem):
    for backend in FAST:
        single, double = (
            run_once(problem, backend, 3, precision="single"),
            run_once(problem, "numpy", 3),
        )
        for name, value in double.state.items():
            assert single.state[name].dtype == np.float32
            assert gap(single.state[name].astype(float), value) < 1e-5, name
            assert not np.array_equal(single.state[name], value)


@pytest.mark.parametrize("backend", FAST)
def test_the_same_seed_gives_the_same_bits_and_another_seed_other_numbers(backend):
    problem = PROBLEMS[0]
    again = run(problem.protocol(3), backend, 2)
    assert same_bits(run_once(problem, backend, 3), again)
    assert not np.array_equal(run_once(problem, backend, 3, seed=5).state["w1"], again.state["w1"])


def test_a_shuffled_block_shows_every_row_once_before_any_twice():
    orders = []
    for seed in (2, 5):
        shown = run_once(PROBLEMS[0], "cpp", 3, seed).traces["input.x"].values
        cycle = MICRO_FREE + MICRO_LEARN
        rows = shown_rows(shown[: MICRO_TRIALS * cycle : cycle], MICRO_X).ravel()
        assert sorted(rows[:7]) == list(range(7))
        assert len(set(rows[7:])) == 2
        orders.append(tuple(rows))
    assert orders[0] != orders[1]


# -- random initial values ------------------------------------------------------------------------------


def random_start(extra=False):
    """A circuit in which everything starts at random, with or without a part that touches nothing."""
    circuit = Circuit(
        (
            Population(
                "up", 3, "dv/dt = (-v + r)/(5*ms) : volt\nr : volt",
                initial={"v": Normal("2 mV", "-60 mV")},
            ),
            Population("down", 4, "dh/dt = (1 - h)/(9*ms) : 1", initial={"h": Uniform(-1, 2)}),
        ),
        (
            Matrix("a", "up", "down", Normal("1 mV", "0.5 mV"), "dw/dt = h_pre*v_post/second : volt"),
            Matrix("c", "down", "down", Identity(2.0, 0.1)),
        ),
        (Projection("down.h", "a", "up.r"),),
    )  # fmt: skip
    if not extra:
        return circuit
    return Circuit(
        (
            Population("aside", 5, "dz/dt = (r - z)/(3*ms) : 1\nr : 1", initial={"z": Normal(1.0)}),
            *circuit.populations,
        ),
        (
            Matrix("aside_w", "aside", "aside", Normal(0.1), "dw/dt = z_post*z_pre*Hz : 1"),
            *circuit.matrices,
        ),
        (Projection("aside.z", "aside_w", "aside.r"), *circuit.projections),
    )


def random_start_protocol(circuit):
    return Protocol(
        circuit, (Block("run", (Phase("on", "20 ms"),)),), "1 ms", (Recording("up.v", "1 ms"),), batch=2,
    )  # fmt: skip


@pytest.mark.parametrize("backend", FAST)
def test_a_part_that_touches_nothing_changes_no_other_bit(backend):
    alone = run(random_start_protocol(random_start()), backend, 7)
    with_part = run(random_start_protocol(random_start(extra=True)), backend, 7)
    assert same_bits(alone, with_part)


def test_draws_are_the_same_on_both_kinds_of_back_end_and_follow_their_distribution():
    short = random_start_protocol(random_start()).replace(
        recordings=(Recording(("*.v", "*.h", "a", "c"), "1 ms"),)
    )
    starts = [
        {n: t.values[0] for n, t in run(short, backend, 11).traces.items()} for backend in FAST
    ]
    for other in starts[1:]:
        for name, value in starts[0].items():
            assert np.array_equal(value, other[name])
    assert np.all((starts[0]["down.h"] >= -1) & (starts[0]["down.h"] <= 2))
    assert np.all(np.abs(starts[0]["up.v"] + 60e-3) < 6 * 2e-3)
    assert np.all(np.abs(starts[0]["c"] - 2 * np.eye(4)) < 6 * 0.1)
    assert len(np.unique(starts[0]["up.v"])) == 6
    other_seed = run(short, "numpy", 12).traces["a"].values[0]
    assert not np.any(other_seed == starts[0]["a"])


def test_the_order_of_objects_never_matters():
    circuit = microcircuit()
    turned = circuit.replace(
        populations=circuit.populations[::-1],
        matrices=circuit.matrices[::-1],
        projections=circuit.projections[::-1],
    )
    for backend in FAST:
        straight = run_once(PROBLEMS[0], backend, 3)
        backwards = run(microcircuit_protocol(3, circuit=turned), backend, 2)
        assert same_bits(straight, backwards)


# -- time ---------------------------------------------------------------------------------------------------


def test_halving_the_step_halves_the_error():
    x = np.array([0.5, -1.0, 2.0])

    def rhs(t, state):
        h, u, v = state[:4], 1e-3 * state[4:6], 1e-12 * state[6:].reshape(2, 4)
        f = np.log(1 + np.exp(CHAIN_W @ x))
        rate = 1 / (1 + np.exp(-(u + 64e-3) / 3e-3))
        dh = (-h + f + v.T @ rate / 20e-12) / CHAIN_TAU
        du = (-65e-3 - u + 100e6 * (v @ f + 0.5 * v @ h)) / 10e-3
        dv = 9000e-12 * np.outer(rate, f) - v / 50e-3
        return np.concatenate([dh, 1e3 * du, 1e12 * dv.ravel()])

    circuit = chain()
    begin = np.concatenate([[0.1, -0.2, 0.3, 0.0], [-70, -62], 1e12 * CHAIN_V.ravel()])
    exact = solve_ivp(rhs, (0, 16e-3), begin, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
    parts = {
        "layer1.h": exact[:4], "layer2.v": 1e-3 * exact[4:6], "v": 1e-12 * exact[6:].reshape(2, 4),
    }  # fmt: skip
    for backend in FAST:
        errors = []
        for dt in ("0.02 ms", "0.01 ms", "0.005 ms"):
            protocol = Protocol(
                circuit, (Block("run", (Phase("on", "16 ms"),)),), dt, signals={"layer0.x": x}
            )
            state = run(protocol, backend).state
            errors.append(
                {n: np.linalg.norm(state[n].reshape(e.shape) - e) for n, e in parts.items()}
            )
        for coarse, fine in pairwise(errors):
            for name in parts:
                assert coarse[name] / fine[name] == pytest.approx(2.0, rel=0.1), (backend, name)


@pytest.mark.parametrize("backend", FAST)
def test_a_run_stopped_and_continued_is_the_run_in_one_piece(backend):
    drives = {"input.x": [1.0, -2.0, 0.5, 0.1], "target.y": [0.3, 0.2, -1.0]}

    def part(milliseconds):
        block = Block("run", (Phase("on", f"{milliseconds} ms"),))
        return microcircuit_protocol(2, blocks=(block,), signals=drives, data={}, recordings=())

    whole = run(part(17), backend)
    middle = run(part(6), backend)
    rest = run(part(11), backend, initial=middle)
    again = run(part(11), backend, initial=dict(middle.state))
    for name, value in whole.state.items():
        assert np.array_equal(rest.state[name], value), name
        assert np.array_equal(again.state[name], value), name
        assert not np.array_equal(middle.state[name], value), name


def test_weights_are_taken_over_into_a_run_with_another_batch():
    trained = run_once(PROBLEMS[0], "numpy", 3)
    frozen = microcircuit_protocol(
        2, blocks=(Block("only", (Phase("one", "0.5 ms", {"learn": 0}),)),), recordings=()
    )
    tested = run(frozen, "numpy", initial=trained)
    for name in ("w1", "b", "q"):
        assert np.array_equal(tested.state[name], trained.state[name])
    assert tested.state["pyramidal.soma"].shape == (5, 2)


def test_another_batch_size_is_another_number_of_samples_per_trial():
    asked = run(chain_protocol(1), "numpy", batch=3)
    assert same_bits(asked, run_once(PROBLEMS[1], "numpy", 3))


@pytest.mark.parametrize("backend", FAST)
def test_units_may_differ_in_their_parameters(backend):
    resistances = [50.0, 100.0, 400.0]
    cell = Population(
        "cell", 3, "dv/dt = (E - v + R*current)/tau : volt\ncurrent : amp",
        inputs={"current": "0 A"}, initial={"v": "-70 mV"},
        parameters={"R": [f"{r} Mohm" for r in resistances]},
    )  # fmt: skip
    protocol = leaky_protocol(
        batch=2, circuit=Circuit((cell,), parameters={"E": "-70 mV", "tau": "20 ms"})
    )
    state = run(protocol, backend).state["cell.v"]
    for unit, resistance in enumerate(resistances):
        scaled = np.full((25, 1, 2), 50e-12 * resistance / 200)
        expected = leaky_loop({"cell.current": scaled}, {})[1]["cell.v"]
        assert np.allclose(state[unit], expected[0], rtol=1e-12)


def test_an_input_that_nothing_drives_keeps_its_default():
    state = run(leaky_protocol(signals={}), "numpy").state["cell.v"]
    assert np.array_equal(state, [[-70e-3]])


# -- the caller's own Brian2 session --------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_brian2_session_of_the_callers_own_is_left_alone(backend):
    import brian2

    hook = sys.excepthook
    brian2.defaultclock.dt = 0.37 * brian2.ms
    brian2.prefs.codegen.target = "numpy"
    brian2.prefs.core.default_float_dtype = np.float32
    group = brian2.NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", method="euler")
    group.v = 1.0
    network = brian2.Network(group)
    network.run(0.37 * brian2.ms)
    try:
        device = brian2.get_device()
        run(leaky_protocol(2), backend)
        assert brian2.get_device() is device
        assert brian2.defaultclock.dt / brian2.ms == pytest.approx(0.37)
        assert brian2.prefs.codegen.target == "numpy"
        assert brian2.prefs.core.default_float_dtype is np.float32
        assert sys.excepthook is hook
        network.run(0.37 * brian2.ms)
        assert np.allclose(group.v, (1 - 0.037) ** 2, rtol=1e-6)
    finally:
        brian2.prefs.core.default_float_dtype = np.float64
        brian2.defaultclock.dt = 0.1 * brian2.ms


def test_loading_brian2_leaves_the_hooks_of_the_process_alone():
    """Else warnings go to Brian2's log, and errors are told as its bugs."""
    script = (
        "import sys, warnings; hooks = sys.excepthook, warnings.showwarning; "
        "from dendrosim.machine import brian_import as brian; brian.load(); import brian2; "
        "assert (sys.excepthook, warnings.showwarning) == hooks"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
