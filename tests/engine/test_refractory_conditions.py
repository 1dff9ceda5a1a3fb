"""Refractory periods that a condition ends: equal to a loop, resumed and started from another run."""

import numpy as np
import pytest
from comparisons import assert_identical, gap
from interrupted_runs import interrupt
from reference_problems import FAST

import dendrosim as ds
from dendrosim.experiments.run import run

CELLS, BATCH, STEPS, DT = 6, 2, 300, 1e-4
GAIN = np.linspace(0.7, 1.5, CELLS)


def protocol(steps=STEPS, dt="0.1 ms"):
    """Cells whose fast variable stays high after a spike; `h` is held then, and spikes of the cells change it."""
    cell = ds.Population(
        "cell", CELLS, """
        dv/dt = (gain*drive - v)/(5*ms) + pull/ms : 1
        dtail/dt = -tail/(2*ms) : 1
        dh/dt = (1 - h)/(3*ms) : 1 (unless refractory)
        high = 0.2*v + tail : 1
        pull : 1
        drive : 1
        gain : 1
        """, inputs={"drive": 1.0}, parameters={"gain": GAIN, "level": 0.6}, initial={"v": ds.Uniform(0, 1)},
        threshold="v > 0.5", reset="tail += 1 + 0.1*i; v -= 0.8", refractory="high > level or pull > 0.005",
    )  # fmt: skip
    pathway = ds.Pathway("kick", "cell", "cell", "h_post += 0.1", ds.Condition("i != j"))
    matrix = ds.Matrix("w", "cell", "cell", 0.001)
    circuit = ds.Circuit(
        (cell,), (matrix,), (ds.Projection("cell.tail", "w", "cell.pull"),), pathways=(pathway,)
    )
    return ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("on", f"{steps / 10} ms"),)),), dt, batch=BATCH,
        recordings=(
            ds.Recording(("cell.v", "cell.h", "cell.tail"), "0.1 ms"), ds.Recording("cell.spike", "spike"),
        ),
    )  # fmt: skip


def loop(v, steps=STEPS):
    v, tail, h, held = v.copy(), np.zeros_like(v), np.zeros_like(v), np.zeros(v.shape, bool)
    gain, jump = GAIN[:, None], 1 + 0.1 * np.arange(CELLS)[:, None]
    traces, count = {"v": [], "h": [], "tail": []}, 0
    for _ in range(steps):
        for name, array in (("v", v), ("h", h), ("tail", tail)):
            traces[name].append(array.copy())
        pull = 0.001 * tail.sum(axis=0) * np.ones((CELLS, 1))
        held &= (0.2 * v + tail > 0.6) | (pull > 0.005)
        v, tail, h = (
            v + DT * ((gain - v) / 5e-3 + pull / 1e-3),
            tail - DT * tail / 2e-3,
            h + np.where(held, 0, DT * (1 - h) / 3e-3),
        )
        fired = (v > 0.5) & ~held
        held |= fired
        h = h + np.where(held, 0, 0.1 * (fired.sum(axis=0) - fired))
        tail, v = tail + jump * fired, v - 0.8 * fired
        count += fired.sum()
    return {n: np.array(rows) for n, rows in traces.items()}, count, held


@pytest.mark.parametrize("backend", FAST)
def test_units_are_refractory_until_the_condition_is_false(backend):
    result = run(protocol(), backend, 2)
    traces, count, held = loop(result.traces["cell.v"].values[0])
    assert len(result.spikes["cell"].unit) == count > 30
    assert 0 < held.sum() < held.size
    assert np.array_equal(result.final["cell.refractory"].values, held)
    assert result.final["cell.refractory"].attrs["units"] == "1"
    for name, expected in traces.items():
        assert gap(result.traces[f"cell.{name}"].values, expected) < 1e-12, name


@pytest.mark.parametrize("backend", FAST)
def test_a_run_that_starts_from_another_one_goes_on_with_it(backend):
    whole, first = run(protocol(), backend, 2), run(protocol(120), backend, 2)
    assert first.final["cell.refractory"].values.any()
    second = run(protocol(STEPS - 120), backend, 2, initial=first)
    for name, trace in second.traces.items():
        assert gap(trace.values, whole.traces[name].values[120:]) < 1e-12, name


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    long = protocol(400_000)
    long = long.replace(recordings=(ds.Recording("cell.spike", "spike", units=(0,)),))
    whole = ds.run(long, "cpp", 4, threads=1)
    interrupt(long, tmp_path / "out", step=200, seed=4, threads=1)
    assert_identical(ds.run(resume=tmp_path / "out"), whole)


@pytest.mark.parametrize("backend", FAST)
def test_a_population_can_be_a_single_unit(backend):
    cell = ds.Population(
        "cell", 1, "dv/dt = (2 - v)/(5*ms) : 1 (unless refractory)\ndtail/dt = -tail/(2*ms) : 1",
        threshold="v > 1", reset="v = 0; tail = 1", refractory="tail > 0.5",
    )  # fmt: skip
    protocol = ds.Protocol(
        ds.Circuit((cell,)), (ds.Block("run", (ds.Phase("on", "30 ms"),)),), "0.1 ms",
        recordings=(ds.Recording("cell.spike", "spike"),),
    )  # fmt: skip
    v, tail, held, expected = 0.0, 0.0, False, []
    for step in range(300):
        held = held and tail > 0.5
        v, tail = v + (0 if held else DT * (2 - v) / 5e-3), tail - DT * tail / 2e-3
        if v > 1 and not held:
            v, tail, held = 0.0, 1.0, True
            expected.append(step)
    result = run(protocol, backend)
    assert np.rint(result.spikes["cell"].time / DT).astype(int).tolist() == expected
    assert result.final["cell.refractory"].values.tolist() == [held]
    assert len(expected) > 3
