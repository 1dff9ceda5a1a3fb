"""Spiking units take the forward-Euler steps of their equations, with threshold, reset and refractoriness.

The reference is a loop that counts time since the last spike in whole steps: a unit is refractory, and a
box of the back-propagating spike is on, for exact numbers of steps, whatever floats make of the times.
"""

from functools import cache

import brian2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import BACKENDS

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.engine import simulate
from dendrosim.engine.simulate import run
from dendrosim.errors import MemoryLimitError
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.schedule import spike_windows
from dendrosim.results.result import open_result
from dendrosim.signals.ornstein_uhlenbeck import OrnsteinUhlenbeck
from dendrosim.signals.samples import Samples

# -- an adaptive exponential cell with a dendrite that hears of its spikes ---------------------------------

CELL = """
dv/dt = (E - v + D*exp((v - V_T)/D) + R*(current - w))/tau : volt (unless refractory)
dw/dt = (a*(v - E) - w)/tau_w : amp
ddend/dt = (-dend + gain*box)/tau_d : 1
box = int(timestep(t - lastspike, dt) >= timestep(delay, dt))*int(timestep(t - lastspike, dt) < timestep(delay + width, dt)) : 1
current : amp
"""  # noqa: E501
RESET = "v = V_r\nw += b"
TIMES = {"tau": 16e-3, "tau_w": 60e-3, "tau_d": 7e-3, "delay": 0.5e-3, "width": 2e-3, "t_ref": 3e-3}
UNITS = {
    "E": "-70 mV", "V_T": "-50 mV", "D": "2 mV", "V_r": "-62 mV", "R": "100 Mohm", "a": "2 nS", "b": "30 pA",
}  # fmt: skip
SI = {
    "E": -70e-3, "V_T": -50e-3, "D": 2e-3, "V_r": -62e-3, "R": 100e6, "a": 2e-9, "b": 30e-12, "gain": 1.5,
    **TIMES,
}  # fmt: skip
SIZE, BATCH, STEPS = 4, 3, 800
# One row per sample, one column per unit; the first unit of the first sample never spikes.
CURRENTS = np.random.default_rng(1).uniform(300e-12, 1500e-12, (BATCH, SIZE))
CURRENTS[0, 0] = 0.0
STATES = ("v", "w", "dend")
FAST = ("numpy", "cpp")


def cell(size=SIZE):
    return Population(
        "cell", size, CELL, inputs=["current"], threshold="v > V_T + 2.5*D", reset=RESET,
        refractory="t_ref", initial={"v": "-70 mV"},
    )  # fmt: skip


def circuit():
    times = {name: f"{value * 1e3!r} ms" for name, value in TIMES.items()}
    return Circuit((cell(),), parameters={**UNITS, **times, "gain": 1.5})


def protocol(steps=STEPS, dt=0.1, batch=BATCH, noise="0 pA", **changes):
    """Constant currents from a data set, with noise on top."""
    settings = {
        "circuit": circuit(),
        "blocks": (Block("run", (Phase("on", f"{steps * dt!r} ms"),)),),
        "dt": f"{dt!r} ms",
        "recordings": (
            Recording("cell.*", f"{dt!r} ms"), Recording("cell.spike", every="spike"),
        ),
        "signals": {
            "cell.current": (Samples("currents"), OrnsteinUhlenbeck("0 pA", noise, "3 ms")),
        },
        "data": {"currents": CURRENTS},
        "batch": batch,
    }  # fmt: skip
    return Protocol(**{**settings, **changes})


def loop(current, dt, start=None):
    """Forward Euler of all units from their currents (steps, units, samples).

    Returns the state at the start of every step, the spikes (step, unit, sample) and the final state.
    A spike belongs to the step whose update crosses the threshold.
    """
    q, shape = SI, current.shape[1:]
    v, w, dend = np.full(shape, q["E"]), np.zeros(shape), np.zeros(shape)
    since = np.full(shape, 10**9)
    if start is not None:
        v, w, dend, since = start
    refractory, delay, end = (
        whole(t, dt) for t in (q["t_ref"], q["delay"], q["delay"] + q["width"])
    )
    rows, spikes = [], []
    for step in range(len(current)):
        box = ((since >= delay) & (since < end)).astype(float)
        rows.append({"v": v, "w": w, "dend": dend, "box": box})
        still = since < refractory
        drift = q["E"] - v + q["D"] * np.exp((v - q["V_T"]) / q["D"]) + q["R"] * (current[step] - w)
        v, w, dend = (
            np.where(still, v, v + dt * drift / q["tau"]),
            w + dt * (q["a"] * (v - q["E"]) - w) / q["tau_w"],
            dend + dt * (-dend + q["gain"] * box) / q["tau_d"],
        )
        fired = (v > q["V_T"] + 2.5 * q["D"]) & ~still
        spikes += [(step, *index) for index in np.argwhere(fired)]
        since = np.where(fired, 0, since) + 1
        v, w = np.where(fired, q["V_r"], v), np.where(fired, w + q["b"], w)
    history = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return history, np.array(spikes).reshape(-1, 3), {"v": v, "w": w, "dend": dend, "since": since}


def whole(time, dt):
    """How many steps a time has, rounded down, where one that is a thousandth too short counts."""
    return int(time / dt + 1e-3)


def held(steps):
    return np.broadcast_to(CURRENTS.T, (steps, SIZE, BATCH))


def spike_table(result, name="cell"):
    """Step, unit and sample of every spike, in this order."""
    train = result.spikes[name]
    steps = train.time / result.protocol.time_step
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    sample = np.zeros(len(steps)) if train.sample is None else train.sample
    table = np.stack([np.round(steps), train.unit, sample], axis=1).astype(int)
    return table[np.lexsort(table.T[::-1])]


def gap(found, expected):
    """Largest difference relative to the largest number."""
    return np.max(np.abs(found - expected)) / (np.max(np.abs(expected)) or 1.0)


@cache
def done(backend, precision="double", **changes):
    return run(protocol(**changes), backend, 2, precision)


# -- against the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_state_of_every_unit_takes_the_steps_of_the_loop_and_spikes_in_the_same_steps(
    backend,
):
    result = done(backend)
    history, spikes, final = loop(held(STEPS), 1e-4)
    assert len(spikes) > 60
    assert np.array_equal(spike_table(result), spikes)
    for name, expected in history.items():
        assert gap(result.traces[f"cell.{name}"].values, expected) < 1e-12, name
    for name in STATES:
        assert gap(result.state[f"cell.{name}"], final[name]) < 1e-12, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_noise_is_the_same_on_every_back_end_and_the_loop_follows_it(backend):
    """With noise of the loop's own: the current that was recorded drives it."""
    result = done(backend, noise="150 pA")
    reference = done("numpy", noise="150 pA")
    current = result.traces["cell.current"].values
    assert gap(current, reference.traces["cell.current"].values) < 1e-12
    history, spikes, _ = loop(current, 1e-4)
    assert not np.array_equal(spikes, loop(held(STEPS), 1e-4)[1])
    assert np.array_equal(spike_table(result), spikes)
    for name, expected in history.items():
        assert gap(result.traces[f"cell.{name}"].values, expected) < 1e-12, name


def test_during_refractoriness_only_the_state_named_stands_still():
    result = done("cpp")
    v, w, dend = (result.traces[f"cell.{name}"].values for name in STATES)
    steps = round(TIMES["t_ref"] / 1e-4)
    seen = 0
    for step, unit, sample in spike_table(result):
        if step + steps + 1 >= len(v):
            continue
        seen += 1
        rest = v[step + 1 : step + steps + 1, unit, sample]
        assert np.all(rest == -62e-3)  # the reset, then exactly 29 more updates that leave it alone
        assert v[step + steps + 1, unit, sample] != -62e-3
        assert np.all(np.diff(w[step + 1 : step + steps + 1, unit, sample]) != 0)
        assert np.all(np.diff(dend[step + 6 : step + steps + 1, unit, sample]) != 0)
    assert seen > 50


@pytest.mark.parametrize("dt", [0.1, 0.02, 0.3, 0.07, 1 / 3])
def test_the_box_of_a_spike_begins_and_lasts_whole_steps(dt):
    """Also where floats represent neither the step nor the times of spikes."""
    steps = STEPS
    result = done("cpp", dt=dt, steps=steps)
    history, spikes, _ = loop(held(steps), dt * 1e-3)
    assert np.array_equal(spike_table(result), spikes)
    assert np.array_equal(result.traces["cell.box"].values, history["box"])
    begin, end = (whole(t, dt * 1e-3) for t in (TIMES["delay"], TIMES["delay"] + TIMES["width"]))
    for step, unit, sample in spikes[:20]:
        box = result.traces["cell.box"].values[step + 1 : step + end + 1, unit, sample]
        assert np.array_equal(box, [0.0] * (begin - 1) + [1.0] * (end - begin) + [0.0])


@pytest.mark.parametrize("precision", ["double", "single"])
def test_steps_are_counted_exactly_late_in_a_long_run(precision):
    """After 10 s, 1e5 steps, a box lasts as many steps as after the first spike."""
    result = run(
        protocol(recordings=(
            Recording("cell.*", "0.1 ms", phases="late/*"),
            Recording("cell.spike", every="spike", phases="late/*"),
        ), blocks=(
            Block("early", (Phase("on", "10 s"),)), Block("late", (Phase("on", "100 ms"),)),
        )), "cpp", precision=precision,
    )  # fmt: skip
    spikes = spike_table(result) - np.array([100_000, 0, 0])
    spikes = spikes[spikes[:, 0] < 1000 - 31]
    assert len(spikes) > 20
    box, v = (result.traces[f"cell.{name}"].values for name in ("box", "v"))
    for step, unit, sample in spikes:
        assert np.array_equal(box[step + 1 : step + 26, unit, sample], [0] * 4 + [1] * 20 + [0])
        assert len(set(v[step + 1 : step + 31, unit, sample])) == 1
        assert v[step + 31, unit, sample] != v[step + 30, unit, sample]


@pytest.mark.parametrize("backend", FAST)
def test_single_precision_is_double_precision_rounded(backend):
    """Until rounding moves a spike by a step, the states agree as single numbers do."""
    single, double = done(backend, "single"), done("numpy")
    ours, theirs = spike_table(single), spike_table(double)
    assert abs(len(ours) - len(theirs)) <= 2
    assert np.max(np.abs(ours[:20, 0] - theirs[:20, 0])) <= 1
    first = theirs[0, 0]
    for name in STATES:
        values = single.traces[f"cell.{name}"].values
        assert values.dtype == np.float32
        expected = double.traces[f"cell.{name}"].values[: first + 1]
        assert gap(values[: first + 1], expected) < 1e-4, name


# -- against Brian2 written by hand ------------------------------------------------------------------------


def test_a_script_of_plain_brian2_spikes_at_the_same_times_and_ends_in_the_same_state():
    sample, steps = 1, STEPS
    names = {**{k: float(v) for k, v in SI.items()}}
    dims = {
        "E": brian2.volt, "V_T": brian2.volt, "D": brian2.volt, "V_r": brian2.volt, "R": brian2.ohm,
        "a": brian2.siemens, "b": brian2.amp, "gain": 1, **dict.fromkeys(TIMES, brian2.second),
    }  # fmt: skip
    namespace = {k: v * dims[k] for k, v in names.items()}
    before = brian2.prefs["codegen.target"]
    brian2.prefs["codegen.target"] = "numpy"
    try:
        clock = brian2.Clock(dt=0.1 * brian2.ms)
        group = brian2.NeuronGroup(
            SIZE, CELL, threshold="v > V_T + 2.5*D", reset=RESET, refractory="t_ref", method="euler",
            clock=clock, namespace=namespace,
        )  # fmt: skip
        group.v, group.current = namespace["E"], CURRENTS[sample] * brian2.amp
        monitor = brian2.SpikeMonitor(group)
        network = brian2.Network(group, monitor)
        network.run(steps * 0.1 * brian2.ms)
        found = np.stack([np.round(monitor.t_[:] / 1e-4), monitor.i[:]], axis=1).astype(int)
        theirs = {name: np.array(getattr(group, f"{name}_")[:]) for name in STATES}
        last = np.array(group.lastspike_[:])
    finally:
        brian2.prefs["codegen.target"] = before
    result = done("numpy")
    ours = spike_table(result)
    assert len(found) > 20
    assert np.array_equal(ours[ours[:, 2] == sample][:, :2], found[np.lexsort(found.T[::-1])])
    for name, expected in theirs.items():
        assert gap(result.state[f"cell.{name}"][:, sample], expected) < 1e-12, name
    before_end = result.state["cell.lastspike"][:, sample]
    assert np.allclose(before_end[last > 0], last[last > 0] - STEPS * 1e-4, atol=1e-12)


# -- batch, resuming, final state --------------------------------------------------------------------------


def test_samples_of_a_batch_are_runs_of_their_own():
    whole = done("numpy")
    sample = 2
    alone = run(protocol(batch=1, data={"currents": CURRENTS[[sample]]}), "numpy", 2)
    assert alone.spikes["cell"].sample is None
    ours = spike_table(whole)
    assert np.array_equal(ours[ours[:, 2] == sample][:, :2], spike_table(alone)[:, :2])
    for name in STATES:
        values = whole.traces[f"cell.{name}"].values[:, :, [sample]]
        assert np.array_equal(values, alone.traces[f"cell.{name}"].values)


@pytest.mark.parametrize(("backend", "cut"), [("cpp", 333), *((b, None) for b in BACKENDS)])
def test_two_runs_one_after_the_other_are_one_long_run(backend, cut):
    """Cut in mid-refractoriness as well: the time since the last spike goes along."""
    whole = done(backend)
    if cut is None:
        busy = spike_table(whole)
        cut = int(busy[busy[:, 0] > 400][0, 0]) + 4  # 4 steps after a spike
    first = run(protocol(cut), backend, 2)
    second = run(protocol(STEPS - cut), backend, 2, initial=first)
    later = spike_table(second) + np.array([cut, 0, 0])
    assert np.array_equal(np.concatenate([spike_table(first), later]), spike_table(whole))
    for name in (*STATES, "box"):
        values = second.traces[f"cell.{name}"].values
        assert np.array_equal(values, whole.traces[f"cell.{name}"].values[cut:]), name
    for name in STATES:
        assert np.array_equal(second.state[f"cell.{name}"], whole.state[f"cell.{name}"])
    assert np.allclose(second.state["cell.lastspike"], whole.state["cell.lastspike"], atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_final_state_knows_how_long_ago_every_unit_spiked(backend, tmp_path):
    result = done(backend)
    *_, final = loop(held(STEPS), 1e-4)
    ever = final["since"] < 10**8
    assert not ever[0, 0]
    assert ever.sum() > 6
    assert np.allclose(
        result.state["cell.lastspike"][ever], -1e-4 * final["since"][ever], atol=1e-11
    )
    assert np.all(result.state["cell.lastspike"][~ever] < -9e3)
    labelled = result.final["cell.lastspike"]
    assert labelled.dims == ("unit", "sample")
    assert labelled.attrs["units"] == "s"
    read = open_result(result.save(tmp_path / "result.nc"))
    assert np.array_equal(read.final["cell.lastspike"], labelled)
    if backend == "cpp":  # a run starts from a file as from the result itself
        again = [run(protocol(50), backend, initial=start) for start in (read, result)]
        assert np.array_equal(spike_table(again[0]), spike_table(again[1]))


# -- smaller circuits --------------------------------------------------------------------------------------


def small(steps=100, **population):
    options = {"inputs": {"x": 1.0}, **population}
    return Protocol(
        Circuit((Population("cell", 3, **options),)),
        (Block("run", (Phase("on", f"{steps} ms"),)),), "1 ms",
        (Recording("cell.spike", every="spike"), Recording("cell.*", "1 ms")),
    )  # fmt: skip


def test_without_reset_and_refractoriness_a_unit_spikes_in_every_step_beyond_the_threshold():
    result = run(small(20, equations="x : 1", threshold="x > 0.5"), "numpy")
    assert np.array_equal(spike_table(result)[:, 0], np.repeat(np.arange(20), 3))


def test_a_refractory_unit_whose_states_all_go_on_cannot_spike_again_meanwhile():
    equations = "dv/dt = (x - v)/(5*ms) : 1\nx : 1"
    result = run(small(40, equations=equations, threshold="v > 0.9", refractory="7*ms"), "numpy")
    v, since, expected = 0.0, 99, []
    for step in range(40):
        assert result.traces["cell.v"].values[step, 1, 0] == pytest.approx(v, rel=1e-12)
        v += (1 - v) / 5
        if v > 0.9 and since >= 7:
            expected.append(step)
            since = 0
        since += 1
    table = spike_table(result)
    assert expected == table[table[:, 1] == 1][:, 0].tolist()
    assert set(np.diff(expected)) == {7}


def test_the_refractory_period_may_differ_between_units():
    result = run(small(
        60, equations="dv/dt = 0/second : 1 (unless refractory)\nx : 1\npause : second",
        threshold="v + x > 0.5", refractory="pause", parameters={"pause": ["1 ms", "2 ms", "5 ms"]},
    ), "numpy")  # fmt: skip
    table = spike_table(result)
    for unit, period in enumerate((1, 2, 5)):
        assert np.array_equal(table[table[:, 1] == unit][:, 0], np.arange(0, 60, period))


def test_a_regular_spiker_keeps_the_period_of_the_closed_form():
    """v_k = x (1 - (1 - dt/tau)^k) crosses 1 in step k, then stands still while refractory."""
    drive = np.array([1.2, 2.0, 5.0])
    result = run(small(
        2000, equations="dv/dt = (x - v)/(20*ms) : 1 (unless refractory)\nx : 1", inputs={"x": drive},
        threshold="v > 1", reset="v = 0", refractory="3*ms",
    ), "numpy")  # fmt: skip
    table = spike_table(result)
    for unit, x in enumerate(drive):
        crossing = int(np.floor(np.log(1 - 1 / x) / np.log(1 - 1 / 20))) + 1
        steps = table[table[:, 1] == unit][:, 0]
        assert steps[0] == crossing - 1
        assert set(np.diff(steps)) == {crossing + 2}


# -- recording spikes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_recording_keeps_the_spikes_of_the_units_and_samples_it_names(backend):
    everything = spike_table(done(backend))
    some = run(protocol(recordings=(
        Recording("cell.*", "0.1 ms"),
        Recording("cell.spike", every="spike", units=(3, 1), samples=(0, 2)),
    )), backend, 2)  # fmt: skip
    wanted = np.isin(everything[:, 1], (1, 3)) & np.isin(everything[:, 2], (0, 2))
    assert 10 < wanted.sum() < len(everything)
    assert np.array_equal(spike_table(some), everything[wanted])
    assert np.array_equal(some.traces["cell.v"].values, done(backend).traces["cell.v"].values)


@pytest.mark.parametrize("backend", FAST)
def test_a_recording_keeps_the_spikes_of_the_phases_it_names(backend):
    everything = spike_table(done(backend))
    blocks = (
        Block("a", (Phase("show", "20 ms"), Phase("rest", "5 ms")), trials=3),
        Block("b", (Phase("show", "5 ms"),)),
    )
    for phases, inside in (
        ("show", [(0, 200), (250, 450), (500, 700), (750, STEPS)]),
        ("a/*", [(0, 750)]),
        (("a/rest", "b/*"), [(200, 250), (450, 500), (700, STEPS)]),
    ):
        some = run(protocol(blocks=blocks, recordings=(
            Recording("cell.*", "0.1 ms"), Recording("cell.spike", every="spike", phases=phases),
        )), backend, 2)  # fmt: skip
        wanted = np.any(
            [(everything[:, 0] >= a) & (everything[:, 0] < b) for a, b in inside], axis=0
        )
        assert wanted.any()
        assert np.array_equal(spike_table(some), everything[wanted]), phases
        windows = spike_windows(some.protocol, some.protocol.recordings[1])
        for step in range(STEPS):
            assert any(w.has(step) for w in windows) == any(a <= step < b for a, b in inside)


@settings(max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), trials=st.integers(1, 4),
    chosen=st.sets(st.integers(0, 3), min_size=1), thin=st.integers(1, 3),
)  # fmt: skip
def test_windows_hold_the_steps_of_the_phases_named_each_once(lengths, trials, chosen, thin):
    chosen = {c for c in chosen if c < len(lengths)} or {0}
    phases = tuple(Phase(f"p{i}", f"{n} ms") for i, n in enumerate(lengths))
    made = Protocol(
        Circuit((Population("cell", 1, "x : 1", inputs={"x": 0}, threshold="x > 1"),)),
        (Block("one", phases, trials=trials), Block("two", phases)), "1 ms",
        (Recording("cell.spike", "spike", phases=tuple(f"p{i}" for i in chosen), thin=thin),),
    )  # fmt: skip
    expected = [
        i in chosen and trial % thin == 0
        for number in (trials, 1) for trial in range(number) for i, n in enumerate(lengths) for _ in range(n)
    ]  # fmt: skip
    windows = spike_windows(made, made.recordings[0])
    assert len(windows) <= 2 * len(lengths)
    assert [sum(w.has(step) for w in windows) for step in range(len(expected))] == expected
    assert not any(w.has(step) for w in windows for step in (-1, len(expected)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_spikes_than_memory_end_the_run_and_keep_what_there_was(backend, monkeypatch):
    everything = spike_table(done(backend))
    limit = 25
    monkeypatch.setattr(simulate, "spike_limit", lambda: limit)
    with pytest.raises(MemoryLimitError) as raised:
        run(protocol(), backend, 2)
    for words in ("more spikes than memory holds", "25 were kept", "fewer units or phases"):
        assert words in str(raised.value)
    partial = raised.value.partial
    assert partial.status == "interrupted"
    kept = spike_table(partial)
    overflow = everything[limit, 0]  # the step of the first spike that does not fit
    assert np.array_equal(kept, everything[everything[:, 0] < overflow])
    values = partial.traces["cell.v"].values
    assert len(values) == overflow + 1
    assert np.array_equal(values, done(backend).traces["cell.v"].values[: overflow + 1])
    assert f"{overflow + 1} of {STEPS} steps" in str(raised.value)
    assert np.all(np.isfinite(partial.state["cell.v"]))
    monkeypatch.setattr(simulate, "spike_limit", lambda: len(everything))
    assert len(run(protocol(), backend, 2).spikes["cell"].time) == len(everything)


def test_spikes_that_nobody_records_take_no_memory(monkeypatch):
    monkeypatch.setattr(simulate, "spike_limit", lambda: 0)
    silent = protocol(recordings=(Recording("cell.v", "10 ms"),))
    assert run(silent, "numpy").status == "done"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_silent_population_leaves_empty_arrays_that_come_back_from_a_file(backend, tmp_path):
    result = run(protocol(data={"currents": 0 * CURRENTS}), backend)
    train = result.spikes["cell"]
    assert len(train.unit) == len(train.time) == len(train.sample) == 0
    read = open_result(result.save(tmp_path / "silent.nc")).spikes["cell"]
    assert len(read.unit) == len(read.time) == len(read.sample) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_come_back_from_a_file_bit_for_bit(backend, tmp_path):
    result = done(backend)
    read = open_result(result.save(tmp_path / "spikes.nc"))
    for ours, theirs in zip(result.spikes["cell"], read.spikes["cell"], strict=True):
        assert np.array_equal(ours, theirs)
    assert np.all(np.diff(read.spikes["cell"].time) >= 0)
    assert read.protocol.to_json() == result.protocol.to_json()
