"""Events of populations: when they happen, what they do, and how they are recorded."""

from functools import cache

import numpy as np
import pytest
from comparisons import spike_table
from reference_problems import FAST

import dendrosim as ds
from dendrosim.circuit.summary import circuit_plain
from dendrosim.cli.circuit_text import circuit_text

CELL = """
dv/dt = (drive - v + push)/(10*ms) : 1
dbursts/dt = 0/second : 1
dpush/dt = -push/(5*ms) : 1
ddrawn/dt = 0/second : 1
drive : 1
"""
DT, STEPS, SIZE, BATCH = 1e-4, 2000, 4, 2
SHORT = "v > 1 and timestep(t - lastspike, dt) < timestep(16*ms, dt)"
ALL = (*FAST, pytest.param("cython", marks=pytest.mark.slow))
DRIVES = np.random.default_rng(5).uniform(0.9, 1.6, (BATCH, SIZE))


def cell(**changes):
    fields = {
        "inputs": ["drive"],
        "threshold": "v > 1",
        "reset": "v = 0; drawn += rand()",
        "events": {
            "burst": ds.Event(SHORT, "bursts += 1; push = 0.2*bursts"),
            "above": ds.Event("v > 0.5"),
            "lucky": ds.Event("rand() < 0.05 and v > 0", "drawn = drawn + randn()"),
        },
    }
    return ds.Population("cell", SIZE, CELL, **{**fields, **changes})


def protocol(steps=STEPS, **changes):
    fields = {
        "blocks": (ds.Block("run", (ds.Phase("on", f"{steps * 0.1} ms"),)),),
        "dt": "0.1 ms",
        "recordings": (
            ds.Recording("cell.*", every="spike"),
            ds.Recording("cell.*", every="0.1 ms"),
            ds.Recording("cell.burst", every="spike", units=(1, 3), samples=(1,), name="some"),
        ),
        "signals": {"cell.drive": ds.Samples("drives")},
        "data": {"drives": DRIVES},
        "batch": BATCH,
    }
    return ds.Protocol(**{"circuit": ds.Circuit((cell(),)), **fields, **changes})


@cache
def result(backend, precision="double", **changes):
    return ds.run(protocol(**changes), backend=backend, seed=3, precision=precision)


@cache
def loop():
    """Forward Euler of the cells, with intervals counted in whole steps; random numbers are left out."""
    v, bursts, push = (np.zeros((SIZE, BATCH)) for _ in range(3))
    last = np.full((SIZE, BATCH), -(10**9))
    found = {"cell": [], "cell.burst": [], "cell.above": []}
    for step in range(STEPS):
        v, push = v + DT * (DRIVES.T - v + push) / 10e-3, push - DT * push / 5e-3
        spikes = v > 1
        short = spikes & (step - last < 160)
        for name, fired in (("cell", spikes), ("cell.burst", short), ("cell.above", v > 0.5)):
            found[name] += [(step, *at) for at in np.argwhere(fired)]
        last[spikes], v[spikes] = step, 0
        bursts[short] += 1
        push[short] = 0.2 * bursts[short]
    return {n: np.array(rows) for n, rows in found.items()}, {"v": v, "bursts": bursts}


@pytest.mark.parametrize("backend", ALL)
def test_a_burst_is_a_spike_less_than_16_ms_after_the_one_before(backend):
    found, expected = result(backend), loop()[0]
    assert 20 < len(expected["cell.burst"]) < len(expected["cell"])
    for name, table in expected.items():
        assert np.array_equal(spike_table(found, name), table), name
    for variable, values in loop()[1].items():
        final = found.final[f"cell.{variable}"].values
        np.testing.assert_allclose(final, values, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("backend", FAST)
def test_an_interval_of_exactly_16_ms_is_no_burst(backend):
    """The cell is set above its threshold in steps 10, 169 and 329: the intervals are 15.9 and 16 ms."""
    spikes = [0.0] * 400
    for step in (10, 169, 329):
        spikes[step] = 1.0
    relay = ds.Population(
        "cell", 1, "dlast/dt = 0/second : 1\nx : 1", inputs=["x"], threshold="x > 0.5",
        events={
            "burst": ds.Event("x > 0.5 and t - lastspike < 16*ms - dt/2"),
            "late": ds.Event("x > 0.5 and lastspike > 0*ms", "last = timestep(lastspike, dt)"),
        },
    )  # fmt: skip
    made = ds.Protocol(
        ds.Circuit((relay,)), (ds.Block("run", (ds.Phase("on", "40 ms"),)),), dt="0.1 ms",
        signals={"cell.x": ds.Table(spikes, "0.1 ms", linear=False)},
        recordings=(ds.Recording("cell.*", every="spike"),),
    )  # fmt: skip
    found = ds.run(made, backend=backend)
    assert spike_table(found)[:, 0].tolist() == [10, 169, 329]
    assert spike_table(found, "cell.burst")[:, 0].tolist() == [169]
    # Conditions read the spike before; actions come after the threshold and read the present one.
    assert spike_table(found, "cell.late")[:, 0].tolist() == [169, 329]
    assert float(found.final["cell.last"].item()) == 329


@pytest.mark.parametrize("backend", ALL[1:])
def test_random_conditions_and_actions_are_the_same_everywhere(backend):
    found, expected = result(backend), result("numpy")
    count = len(found.spikes["cell.lucky"].time)
    assert abs(count - 0.05 * SIZE * BATCH * STEPS) < 6 * np.sqrt(0.05 * SIZE * BATCH * STEPS)
    assert np.array_equal(spike_table(found, "cell.lucky"), spike_table(expected, "cell.lucky"))
    np.testing.assert_allclose(
        found.final["cell.drawn"].values, expected.final["cell.drawn"].values, rtol=1e-12
    )


@pytest.mark.parametrize("backend", FAST)
def test_recordings_of_events_keep_units_and_samples_and_come_back_from_a_file(backend, tmp_path):
    found = result(backend)
    table = spike_table(found, "cell.burst")
    wanted = np.isin(table[:, 1], (1, 3)) & (table[:, 2] == 1)
    assert np.array_equal(spike_table(found, "some/cell.burst"), table[wanted])
    read = ds.open_result(found.save(tmp_path / "events.nc"))
    assert set(read.spikes) == {
        "cell", "cell.above", "cell.burst", "cell.lucky", "some/cell.burst",
    }  # fmt: skip
    for name in read.spikes:
        assert np.array_equal(spike_table(read, name), spike_table(found, name))
    with pytest.raises(ds.errors.UnknownEntryError, match=r"result\.spikes\['cell\.burst'\]"):
        found["cell.burst"]


@pytest.mark.parametrize("backend", FAST)
def test_events_need_no_threshold(backend):
    watched = ds.Population(
        "cell", 2, "dx/dt = 1/second : 1", events={"full": ds.Event("x > 0.0095", "x = 0")}
    )
    made = ds.Protocol(
        ds.Circuit((watched,)), (ds.Block("run", (ds.Phase("on", "50 ms"),)),), dt="1 ms",
        recordings=(ds.Recording("cell.full", every="spike"),),
    )  # fmt: skip
    found = ds.run(made, backend=backend)
    assert spike_table(found, "cell.full")[::2, 0].tolist() == [9, 19, 29, 39, 49]


def test_events_of_a_run_are_spikes_of_a_source_in_another_one():
    bursts = result("numpy").spikes["cell.burst"]
    source = ds.SpikeTimes("again", SIZE)
    echo = ds.Population("echo", SIZE, "dx/dt = 0/second : 1")
    path = ds.Pathway("path", "again", "echo", on_pre="x_post += 1", connect=ds.OneToOne())
    made = protocol().replace(
        circuit=ds.Circuit((echo,), sources=(source,), pathways=(path,)), recordings=(), signals={},
        data={}, spikes={"again": bursts},
    )  # fmt: skip
    heard = ds.run(made, backend="numpy").final["echo.x"].values
    assert np.array_equal(heard, result("numpy").final["cell.bursts"].values)


def test_actions_are_done_in_alphabetical_order_after_the_reset():
    unit = ds.Population(
        "cell", 1, "dx/dt = 1/second : 1", threshold="x > 0", reset="x = 1",
        events={"b": ds.Event("x > 0", "x *= 3"), "a": ds.Event("x > 0", "x += 1")},
    )  # fmt: skip
    made = ds.Protocol(
        ds.Circuit((unit,)), (ds.Block("run", (ds.Phase("on", "1 ms"),)),), dt="1 ms"
    )
    assert ds.Protocol.from_json(made.to_json()) == made
    for backend in FAST:
        assert float(ds.run(made, backend=backend).final["cell.x"].item()) == 6


def test_show_prints_events():
    lines = circuit_text(circuit_plain(protocol().circuit)).splitlines()
    assert "    event above: v > 0.5" in lines
    assert f"    event burst: {SHORT}, then bursts += 1; push = 0.2*bursts" in lines


def test_a_joined_circuit_finds_the_parameters_of_its_events():
    unit = ds.Population(
        "cell", 1, "dx/dt = 1/second : 1", events={"full": ds.Event("x > top", "x = bottom")}
    )
    part = ds.Circuit((unit,), parameters={"top": 0.0045, "bottom": 0.001})
    joined = ds.Circuit.join(left=part, right=part)
    made = ds.Protocol(
        joined, (ds.Block("run", (ds.Phase("on", "10 ms"),)),), dt="1 ms",
        recordings=(ds.Recording("*.full", every="spike"),),
    )  # fmt: skip
    found = ds.run(made, backend="numpy")
    assert spike_table(found, "left_cell.full")[:, 0].tolist() == [4, 8]
    assert joined.population("right_cell").events["full"] == unit.events["full"]
