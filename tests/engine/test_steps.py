"""Every back end takes exactly the forward-Euler steps of the equations, whatever the protocol does."""

import subprocess
import sys
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from reference_problems import (
    BACKENDS,
    CHAIN_TAU,
    CHAIN_V,
    CHAIN_W,
    MICRO_FREE,
    MICRO_LEARN,
    MICRO_TRIALS,
    MICRO_X,
    PROBLEMS,
    chain,
    chain_protocol,
    leaky,
    leaky_loop,
    leaky_protocol,
    microcircuit,
    microcircuit_protocol,
    shown_rows,
)
from scipy.integrate import solve_ivp

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.engine.simulate import run
from dendrosim.errors import ParameterError
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.constant import Constant
from dendrosim.signals.hyperbolic import Hyperbolic
from dendrosim.signals.pulse import Pulse
from dendrosim.signals.ramp import Ramp
from dendrosim.signals.samples import Samples
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table

FAST = ("numpy", "cpp")


def gap(found, expected):
    """Largest difference relative to the largest number."""
    return np.max(np.abs(found - expected)) / (np.max(np.abs(expected)) or 1.0)


@cache
def done(problem, backend, batch, seed=2, precision="double"):
    """The result of a reference problem, run once."""
    return run(problem.protocol(batch), backend, seed, precision)


def same_bits(first, second):
    """Whether the second result holds all numbers of the first, bit for bit."""
    return all(
        np.array_equal(trace.values, second.traces[n].values) for n, trace in first.traces.items()
    ) and all(np.array_equal(value, second.state[n]) for n, value in first.state.items())


# -- the reference problems -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_n_steps_are_n_forward_euler_steps(problem, batch, backend):
    result = done(problem, backend, batch)
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
        single, double = done(problem, backend, 3, precision="single"), done(problem, "numpy", 3)
        for name, value in double.state.items():
            assert single.state[name].dtype == np.float32
            assert gap(single.state[name].astype(float), value) < 1e-5, name
            assert not np.array_equal(single.state[name], value)


@pytest.mark.parametrize("backend", FAST)
def test_the_same_seed_gives_the_same_bits_and_another_seed_other_numbers(backend):
    problem = PROBLEMS[0]
    again = run(problem.protocol(3), backend, 2)
    assert same_bits(done(problem, backend, 3), again)
    assert not np.array_equal(done(problem, backend, 3, seed=5).state["w1"], again.state["w1"])


def test_a_shuffled_block_shows_every_row_once_before_any_twice():
    orders = []
    for seed in (2, 5):
        shown = done(PROBLEMS[0], "cpp", 3, seed).traces["input.x"].values
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
        straight = done(PROBLEMS[0], backend, 3)
        backwards = run(microcircuit_protocol(3, circuit=turned), backend, 2)
        assert same_bits(straight, backwards)


# -- signals ----------------------------------------------------------------------------------------------

DT, PHASE_STEPS = 0.5e-3, (40, 12)
KINDS = ("step", "pulse", "ramp", "sine", "bi", "hyper", "mix", "held_table", "linear_table")
PROBE = f"dv/dt = (-v + gain*({' + '.join(KINDS)})*ohm)/(5*ms) : volt\n" + "\n".join(
    f"{kind} : amp" for kind in KINDS
)
ONSETS = np.array([2e-3, 7.5e-3])
TABLE = np.array([[1.0, -2.0], [3.0, 5.0], [0.5, 0.0], [-4.0, 1.0]])
ROWS = np.array([[1e-9, 2e-9], [3e-9, 5e-9], [7e-9, 11e-9]])


def probe_protocol():
    """Two trials of a phase with every kind of signal and a phase where others stand in for them."""
    onsets = ["2 ms", "7.5 ms"]
    signals = {
        "probe.step": Step("3 nA", onsets),
        "probe.pulse": Pulse(["3 nA", "4 nA"], onsets, "5 ms"),
        "probe.ramp": Ramp("6 nA", onsets, ["4 ms", "8 ms"]),
        "probe.sine": Sine("2 nA", "70 Hz", [0.0, 0.5], "1 nA"),
        "probe.bi": BiExponential("5 nA", onsets, "1 ms", ["4 ms", "9 ms"]),
        "probe.hyper": Hyperbolic(["8 nA", "9 nA"], "10 ms"),
        "probe.mix": (
            Constant(["1 nA", "2 nA"]), Samples("rows"), Step("1 nA", "1 ms"), Step("2 nA", onsets),
            Table(TABLE[:, 0], "2 ms", "nA"), Sine("1 nA", "50 Hz"),
        ),
        "probe.held_table": Table(TABLE, "1.5 ms", "nA"),
        "probe.linear_table": Table(TABLE, "4 ms", "nA", linear=True),
    }  # fmt: skip
    other = {
        "probe.step": Pulse("9 nA", "1 ms", "1 ms"),
        "probe.pulse": "0 A",
        "probe.mix": Step("1 nA", "2 ms"),
        "probe.held_table": Samples("rows"),
    }
    circuit = Circuit(
        (Population("probe", 2, PROBE, inputs=list(k.split(".")[1] for k in signals)),),
        gates={"gain": 1.0},
    )
    block = Block(
        "run",
        (
            Phase("all", "20 ms", {"gain": Hyperbolic(2.0, "30 ms")}),
            Phase("other", "6 ms", {"gain": 0.5}, other),
        ),
        trials=2,
    )
    return Protocol(
        circuit,
        (block,),
        "0.5 ms",
        (Recording("probe.*", "0.5 ms"),),
        signals,
        {"rows": ROWS},
        batch=2,
    )


def closed_forms():
    """Every input and the gate at t = k dt, by NumPy: name -> (steps, units, samples)."""
    first, second = (np.arange(n)[:, None] * DT for n in PHASE_STEPS)
    on = ONSETS[None, :]
    decay = np.array([4e-3, 9e-3])
    peak = 1e-3 * decay / (decay - 1e-3) * np.log(decay / 1e-3)
    height = np.exp(-peak / decay) - np.exp(-peak / 1e-3)
    since = np.maximum(first - on, 0)

    def held(t, interval, columns):
        return columns[np.minimum((np.arange(len(t)) * DT / interval + 1e-9).astype(int), 3)]

    linear = np.stack(
        [np.interp(first[:, 0], np.arange(4) * 4e-3, TABLE[:, u]) for u in range(2)], axis=1
    )
    drives = []
    for trial in range(2):
        rows = ROWS[[2 * trial % 3, (2 * trial + 1) % 3]].T  # units x samples
        block = first + trial * 26e-3
        late = second + trial * 26e-3 + 20e-3
        one = {
            "step": 3e-9 * (first >= on),
            "pulse": np.array([3e-9, 4e-9]) * ((first >= on) & (first < on + 5e-3)),
            "ramp": 6e-9 * np.clip((first - on) / np.array([4e-3, 8e-3]), 0, 1),
            "sine": 1e-9 + 2e-9 * np.sin(2 * np.pi * 70 * first + np.array([0.0, 0.5])),
            "bi": 5e-9 * (np.exp(-since / decay) - np.exp(-since / 1e-3)) / height,
            "hyper": np.array([8e-9, 9e-9]) / (1 + block / 10e-3),
            "mix": np.array([1e-9, 2e-9])
            + 1e-9 * (first >= 1e-3)
            + 2e-9 * (first >= on)
            + 1e-9 * held(first, 2e-3, TABLE[:, :1])
            + 1e-9 * np.sin(2 * np.pi * 50 * first),
            "held_table": 1e-9 * held(first, 1.5e-3, TABLE),
            "linear_table": 1e-9 * linear,
        }
        two = {
            "step": 9e-9 * ((second >= 1e-3) & (second < 2e-3)) + 0 * on,
            "pulse": 0 * second + 0 * on,
            "ramp": 6e-9 * np.clip((second - on) / np.array([4e-3, 8e-3]), 0, 1),
            "sine": 1e-9 + 2e-9 * np.sin(2 * np.pi * 70 * second + np.array([0.0, 0.5])),
            "bi": 5e-9
            * (
                np.exp(-np.maximum(second - on, 0) / decay)
                - np.exp(-np.maximum(second - on, 0) / 1e-3)
            )
            / height,
            "hyper": np.array([8e-9, 9e-9]) / (1 + late / 10e-3),
            "mix": 1e-9 * (second >= 2e-3) + 0 * on,
            "held_table": 0 * second + 0 * on,
            "linear_table": 1e-9
            * np.stack(
                [np.interp(second[:, 0], np.arange(4) * 4e-3, TABLE[:, u]) for u in range(2)], 1
            ),
        }
        for number, phase in enumerate((one, two)):
            full = {k: np.repeat(v[:, :, None], 2, axis=2) for k, v in phase.items()}
            full["mix" if number == 0 else "held_table"] = (
                full["mix" if number == 0 else "held_table"] + rows
            )
            time = first if number == 0 else second
            full["gain"] = 2.0 / (1 + block / 30e-3) if number == 0 else 0.5 + 0 * time
            drives.append(full)
    return {k: np.concatenate([d[k] for d in drives]) for k in drives[0]}


@pytest.mark.parametrize("backend", FAST)
def test_every_signal_follows_its_closed_form(backend):
    result = run(probe_protocol(), backend)
    expected = closed_forms()
    gain = expected.pop("gain")
    v, total = np.zeros((2, 2)), sum(expected.values())
    for name, course in expected.items():
        found = result.traces[f"probe.{name}"].values
        assert found.shape == course.shape == (104, 2, 2)
        assert gap(found, course) < 1e-12, name
    for k in range(104):
        assert gap(result.traces["probe.v"].values[k], v) < 1e-10
        v = v + DT * (-v + gain[k] * total[k]) / 5e-3
    assert gap(result.state["probe.v"], v) < 1e-10


def test_the_peak_of_a_biexponential_is_its_amplitude():
    protocol = leaky_protocol(
        blocks=(Block("run", (Phase("on", "30 ms"),)),), dt="0.01 ms",
        recordings=(Recording("cell.current", "0.01 ms"),),
        signals={"cell.current": BiExponential("50 pA", "3 ms", "2 ms", "8 ms")},
    )  # fmt: skip
    trace = run(protocol, "numpy").traces["cell.current"]
    when = 3e-3 + 2e-3 * 8e-3 / 6e-3 * np.log(4)
    assert np.max(trace.values) == pytest.approx(50e-12, rel=1e-5)
    assert trace.time[np.argmax(trace.values)] == pytest.approx(when, abs=1e-5)
    assert np.all(trace.values[trace.time < 3e-3 - 1e-9] == 0)


@pytest.mark.parametrize(
    ("backend", "precision"), [("numpy", "double"), ("numpy", "single"), ("cpp", "single")]
)
def test_a_pulse_lasts_the_whole_number_of_steps_it_says(backend, precision):
    onsets, lengths = np.arange(60), 1 + np.arange(60) % 7
    pulse = Pulse("1 pA", [f"{k / 10} ms" for k in onsets], [f"{n / 10} ms" for n in lengths])
    protocol = leaky_protocol(
        circuit=leaky(60), blocks=(Block("run", (Phase("on", "8 ms"),)),),
        recordings=(Recording("cell.current", "0.1 ms"),), signals={"cell.current": pulse},
    )  # fmt: skip
    shown = run(protocol, backend, precision=precision).traces["cell.current"].values[:, :, 0] > 0
    for k, length in zip(onsets, lengths, strict=True):
        assert np.flatnonzero(shown[:, k]).tolist() == list(range(k, k + length))


# -- recordings -------------------------------------------------------------------------------------------


def test_a_thinned_recording_keeps_every_so_many_trials_of_each_block():
    def times(**options):
        protocol = microcircuit_protocol(1, recordings=(Recording("pyramidal.soma", **options),))
        return run(protocol, "numpy", 2).traces["pyramidal.soma"].time / 0.5e-3

    # train: three trials of 4 + 9 steps; test: one of 4 steps
    assert np.allclose(times(every="trial", thin=2), [12, 38, 42])
    assert np.allclose(times(every="phase", thin=2), [3, 12, 29, 38, 42])
    assert np.allclose(times(every="1 ms", thin=3), [*range(0, 13, 2), *range(40, 43, 2)])
    assert np.allclose(times(every="trial", thin=100), [12, 42])


@pytest.mark.parametrize("thin", [0, -1, 1.5, True, "2"])
def test_thinning_is_by_a_whole_number_of_trials(thin):
    with pytest.raises(ParameterError, match=r"Recording\.thin"):
        Recording("a.b", "trial", thin=thin)


@pytest.mark.parametrize("backend", FAST)
def test_recordings_are_rows_of_the_history(backend):
    recordings = (
        Recording("pyramidal.soma", "0.5 ms", units=(3, 1)),
        Recording("pyramidal.basal", "1.5 ms", samples=(2, 0)),
        Recording("pyramidal.plateau", "phase"),
        Recording("inter.n", "trial", units=(4,), samples=(1,)),
        Recording("w1", "phase", phases="learning"),
        Recording("b", "2 ms", phases="train/free"),
        Recording("q", "trial", phases=("train/*",)),
        Recording("pyramidal.inhibition", "1 ms", phases=("test/free", "learning")),
        Recording("input.x", "phase"),
    )
    result = run(microcircuit_protocol(3, recordings=recordings), backend, 2)
    history, final = PROBLEMS[0].loop(*PROBLEMS[0].drives(done(PROBLEMS[0], backend, 3), 3))
    ends = [3, 12, 16, 25, 29, 38, 42]
    inside = {"free": [*range(0, 4), *range(13, 17), *range(26, 30)], "test": list(range(39, 43))}
    learning = [*range(4, 13), *range(17, 26), *range(30, 39)]
    expected = {
        "pyramidal.soma": (list(range(43)), np.ix_(range(43), (3, 1), (0, 1, 2))),
        "pyramidal.basal": (list(range(0, 43, 3)), np.ix_(range(0, 43, 3), range(5), (2, 0))),
        "pyramidal.plateau": (ends, np.ix_(ends, range(5), range(3))),
        "inter.n": ([12, 25, 38, 42], np.ix_([12, 25, 38, 42], (4,), (1,))),
        "w1": ([12, 25, 38], np.ix_([12, 25, 38], range(5), range(4))),
        "b": ([0, 16, 28], np.ix_([0, 16, 28], range(5), range(3))),
        "q": ([12, 25, 38], np.ix_([12, 25, 38], range(5), range(5))),
        "input.x": (ends, np.ix_(ends, range(4), range(3))),
    }
    even = [k for k in sorted([*learning, *inside["test"]]) if k % 2 == 0]
    expected["pyramidal.inhibition"] = (even, np.ix_(even, range(5), range(3)))
    assert [k for k in inside["free"] if k % 4 == 0] == [0, 16, 28]
    assert set(result.traces) == set(expected)
    for name, (steps, pick) in expected.items():
        trace = result.traces[name]
        assert np.allclose(trace.time, np.array(steps) * 0.5e-3, rtol=1e-14), name
        assert trace.values.shape == history[name][pick].shape, name
        assert gap(trace.values, history[name][pick]) < 1e-10, name
    for name, value in final.items():
        assert gap(result.state[name], value) < 1e-10


@pytest.mark.parametrize("backend", FAST)
def test_watching_more_changes_nothing(backend):
    silent = run(microcircuit_protocol(3, recordings=()), backend, 2)
    assert silent.traces == {}
    for name, value in done(PROBLEMS[0], backend, 3).state.items():
        assert np.array_equal(silent.state[name], value)


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
    trained = done(PROBLEMS[0], "numpy", 3)
    frozen = microcircuit_protocol(
        2, blocks=(Block("only", (Phase("one", "0.5 ms", {"learn": 0}),)),), recordings=()
    )
    tested = run(frozen, "numpy", initial=trained)
    for name in ("w1", "b", "q"):
        assert np.array_equal(tested.state[name], trained.state[name])
    assert tested.state["pyramidal.soma"].shape == (5, 2)


def test_another_batch_size_is_another_number_of_samples_per_trial():
    asked = run(chain_protocol(1), "numpy", batch=3)
    assert same_bits(asked, done(PROBLEMS[1], "numpy", 3))


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


def test_a_command_does_without_what_brian2_imports_for_others():
    script = (
        "import sys; from dendrosim.machine import brian_import as brian; brian.alone = True; brian.load(); "
        "assert not {'pylab', 'pytest'} & set(sys.modules); import brian2, pylab; assert brian2.NeuronGroup"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
