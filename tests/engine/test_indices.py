"""Indices, numbers of units and time steps in texts: as in Brian2, but real numbers, equal in all samples."""

from functools import cache

import numpy as np
import pytest
from comparisons import gap
from reference_problems import FAST

import dendrosim as ds
from dendrosim.experiments.run import run

CELLS, TARGETS, STEPS, BATCH, DT = 5, 4, 60, 2, 1e-3
SYNAPSES = [(i, j) for i in range(CELLS) for j in range(TARGETS) if (i + j) % 3 != 2]


def protocol():
    cell = ds.Population(
        "cell", CELLS, "dv/dt = (i + 1)/N/(4*ms) : 1\nplace = i**2 + i//2 - N : 1", threshold="v > 1 + i/10",
        reset="v = -i/N", refractory="(i % 2)*3*ms", initial={"v": ds.Uniform(0, 1)},
    )  # fmt: skip
    target = ds.Population(
        "target", TARGETS, "dg/dt = -g/(20*ms) + place/second : 1\nplace = i : 1", threshold="g > 3",
    )  # fmt: skip
    pathway = ds.Pathway(
        "feed", "cell", "target", connect=ds.Condition("(i + j) % 3 != 2"), equations="seen : 1",
        on_pre="g_post += 0.1*(i + 1) + 0.01*int(i == j) + j/N_post",
        on_post="seen += i*N_pre + j/2 + t/second + 4*dt/ms",
    )  # fmt: skip
    return ds.Protocol(
        ds.Circuit((cell, target), pathways=(pathway,)), (ds.Block("run", (ds.Phase("on", f"{STEPS} ms"),)),),
        dt=f"{DT} s", batch=BATCH,
        recordings=tuple(ds.Recording(n, "1 ms") for n in ("cell.v", "cell.place", "target.g", "feed.seen")),
    )  # fmt: skip


@cache
def loop(start):
    v = np.array(start).reshape(CELLS, BATCH)
    g, seen, last = (
        np.zeros((TARGETS, BATCH)),
        np.zeros((len(SYNAPSES), BATCH)),
        np.full(v.shape, -99),
    )
    traces = {n: [] for n in ("v", "g", "seen")}
    for step in range(STEPS):
        for name, array in (("v", v), ("g", g), ("seen", seen)):
            traces[name].append(array.copy())
        for b in range(BATCH):
            for u in range(CELLS):
                v[u, b] += DT * (u + 1) / CELLS / 4e-3
            for u in range(TARGETS):
                g[u, b] += DT * (-g[u, b] / 20e-3 + u)
            free = [u for u in range(CELLS) if step - last[u, b] >= 3 * (u % 2)]
            fired = [u for u in free if v[u, b] > 1 + u / 10]
            answered = [u for u in range(TARGETS) if g[u, b] > 3]
            for s, (i, j) in enumerate(SYNAPSES):
                if i in fired:
                    g[j, b] += 0.1 * (i + 1) + 0.01 * (i == j) + j / TARGETS
                if j in answered:
                    seen[s, b] += i * CELLS + j / 2 + step * DT + 4 * DT / 1e-3
            for u in fired:
                last[u, b], v[u, b] = step, -u / CELLS
    return {n: np.array(rows) for n, rows in traces.items()}


@pytest.mark.parametrize("backend", FAST)
def test_texts_know_their_units(backend):
    result = run(protocol(), backend, 3)
    start = result.traces["cell.v"].values[0]
    for name, expected in loop(tuple(start.ravel())).items():
        path = {"v": "cell", "g": "target", "seen": "feed"}[name]
        assert np.ptp(expected[-1]) > 0.1
        assert gap(result.traces[f"{path}.{name}"].values, expected) < 1e-12, name
    index = np.arange(CELLS)
    place = result.traces["cell.place"].values[0, :, 1]
    assert np.array_equal(place, index**2 + index // 2 - CELLS)


def test_the_vector_field_has_one_rate_per_unit():
    field = ds.vector_field(protocol().circuit, subthreshold=True)
    rates = field.f(np.zeros(CELLS + TARGETS))
    expected = [*((np.arange(CELLS) + 1) / CELLS / 4e-3), *np.arange(TARGETS)]
    assert np.allclose(rates, expected, rtol=1e-12)
    assert not [name for name in field.parameters if "ds_" in name]
