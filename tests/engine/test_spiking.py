"""Spiking units take the forward-Euler steps of their equations, with threshold, reset and refractoriness.

The reference is a loop that counts time since the last spike in whole steps: a unit is refractory, and a
box of the back-propagating spike is on, for exact numbers of steps, whatever floats make of the times.
"""

import brian2
import numpy as np
import pytest
from comparisons import gap, spike_table
from reference_problems import FAST, PATIENT
from spiking_cell import (
    CELL,
    CURRENTS,
    RESET,
    SI,
    SIZE,
    STATES,
    STEPS,
    TIMES,
    held,
    loop,
    protocol,
    run_once,
    whole,
)

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import open_result

# -- against the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", PATIENT)
def test_every_state_of_every_unit_takes_the_steps_of_the_loop_and_spikes_in_the_same_steps(
    backend,
):
    result = run_once(backend)
    history, spikes, final = loop(held(STEPS), 1e-4)
    assert len(spikes) > 60
    assert np.array_equal(spike_table(result), spikes)
    for name, expected in history.items():
        assert gap(result.traces[f"cell.{name}"].values, expected) < 1e-12, name
    for name in STATES:
        assert gap(result.state[f"cell.{name}"], final[name]) < 1e-12, name


@pytest.mark.parametrize("backend", PATIENT)
def test_noise_is_the_same_on_every_back_end_and_the_loop_follows_it(backend):
    """With noise of the loop's own: the current that was recorded drives it."""
    result = run_once(backend, noise="150 pA")
    reference = run_once("numpy", noise="150 pA")
    current = result.traces["cell.current"].values
    assert gap(current, reference.traces["cell.current"].values) < 1e-12
    history, spikes, _ = loop(current, 1e-4)
    assert not np.array_equal(spikes, loop(held(STEPS), 1e-4)[1])
    assert np.array_equal(spike_table(result), spikes)
    for name, expected in history.items():
        assert gap(result.traces[f"cell.{name}"].values, expected) < 1e-12, name


def test_during_refractoriness_only_the_state_named_stands_still():
    result = run_once("cpp")
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
    result = run_once("cpp", dt=dt, steps=steps)
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
    single, double = run_once(backend, "single"), run_once("numpy")
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
    result = run_once("numpy")
    ours = spike_table(result)
    assert len(found) > 20
    assert np.array_equal(ours[ours[:, 2] == sample][:, :2], found[np.lexsort(found.T[::-1])])
    for name, expected in theirs.items():
        assert gap(result.state[f"cell.{name}"][:, sample], expected) < 1e-12, name
    before_end = result.state["cell.lastspike"][:, sample]
    assert np.allclose(before_end[last > 0], last[last > 0] - STEPS * 1e-4, atol=1e-12)


# -- batch, resuming, final state --------------------------------------------------------------------------


def test_samples_of_a_batch_are_runs_of_their_own():
    whole = run_once("numpy")
    sample = 2
    alone = run(protocol(batch=1, data={"currents": CURRENTS[[sample]]}), "numpy", 2)
    assert alone.spikes["cell"].sample is None
    ours = spike_table(whole)
    assert np.array_equal(ours[ours[:, 2] == sample][:, :2], spike_table(alone)[:, :2])
    for name in STATES:
        values = whole.traces[f"cell.{name}"].values[:, :, [sample]]
        assert np.array_equal(values, alone.traces[f"cell.{name}"].values)


@pytest.mark.parametrize(("backend", "cut"), [("cpp", 333), *((b, None) for b in FAST)])
def test_two_runs_one_after_the_other_are_one_long_run(backend, cut):
    """Cut in mid-refractoriness as well: the time since the last spike goes along."""
    whole = run_once(backend)
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


@pytest.mark.parametrize("backend", PATIENT)
def test_the_final_state_knows_how_long_ago_every_unit_spiked(backend, tmp_path):
    result = run_once(backend)
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
