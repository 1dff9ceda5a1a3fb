"""Synapses that act in every step, saturating NMDA gates and gap junctions, are projections of sparse matrices."""

from functools import cache

import numpy as np
import pytest
from comparisons import gap

import dendrosim as ds
from dendrosim.experiments.run import run

CELLS, STEPS, DT = 6, 500, 1e-4
G_L, C, E_L, V_T, V_R = 10e-9, 200e-12, -70e-3, -55e-3, -65e-3
TAU_RISE, TAU_NMDA, ALPHA, MG = 2e-3, 100e-3, 500.0, 1.0
CELL = """
dv/dt = (g_leak*(E_leak - v) + nmda + gap + drive)/C : volt
drise/dt = -rise/tau_rise : 1
dgate/dt = -gate/tau_nmda + alpha*rise*(1 - gate) : 1
nmda = -conductance*v/(1 + magnesium/3.57*exp(-62*v/volt)) : amp
conductance : siemens
gap = received - total*v : amp
received : amp
total : siemens
one = 1 : 1
drive : amp
"""
NMDA = np.where(np.random.default_rng(0).random((CELLS, CELLS)) < 0.5, 0.8e-9, 0.0)
PAIRS = np.array([[0, 1], [1, 2], [3, 5]])
GAPS = np.array([0.6e-9, 1.2e-9, 0.3e-9])
DRIVE = np.linspace(50e-12, 320e-12, CELLS)


def protocol():
    cell = ds.Population(
        "cell", CELLS, CELL, inputs={"drive": ds.quantity([f"{x} A" for x in DRIVE])},
        threshold="v > V_T", reset="v = V_R\nrise += 1",
        initial={"v": [f"{E_L + 1e-3 * k} V" for k in range(CELLS)]},
    )  # fmt: skip
    post, pre = np.nonzero(NMDA)
    there, back = PAIRS.T
    matrices = (
        ds.Matrix("w_nmda", "cell", "cell", [f"{x} S" for x in NMDA[post, pre]], unit="siemens",
                  connect=ds.Pairings(pre, post)),
        ds.Matrix("w_gap", "cell", "cell", [f"{x} S" for x in (*GAPS, *GAPS)], unit="siemens",
                  connect=ds.Pairings([*there, *back], [*back, *there])),
    )  # fmt: skip
    projections = (
        ds.Projection("cell.gate", "w_nmda", "cell.conductance"),
        ds.Projection("cell.v", "w_gap", "cell.received"),
        ds.Projection("cell.one", "w_gap", "cell.total"),
    )
    parameters = {
        "g_leak": f"{G_L} S", "C": f"{C} F", "E_leak": f"{E_L} V", "V_T": f"{V_T} V", "V_R": f"{V_R} V",
        "tau_rise": f"{TAU_RISE} s", "tau_nmda": f"{TAU_NMDA} s", "alpha": f"{ALPHA} Hz", "magnesium": MG,
    }  # fmt: skip
    return ds.Protocol(
        ds.Circuit((cell,), matrices, projections, parameters=parameters),
        (ds.Block("run", (ds.Phase("on", f"{STEPS * DT} s"),)),), dt=f"{DT} s",
        recordings=tuple(ds.Recording(f"cell.{n}", f"{DT} s") for n in ("v", "gate", "gap", "nmda")),
    )  # fmt: skip


@cache
def loop():
    """Traces of one cell after the other, with the sums over synapses and junctions written out."""
    v = np.array([E_L + 1e-3 * k for k in range(CELLS)])
    rise, gate = np.zeros(CELLS), np.zeros(CELLS)
    traces = {n: np.zeros((STEPS, CELLS)) for n in ("v", "gate", "gap", "nmda")}
    for step in range(STEPS):
        current, junction = np.zeros(CELLS), np.zeros(CELLS)
        for j in range(CELLS):
            g = sum(NMDA[j, i] * gate[i] for i in range(CELLS))
            current[j] = -g * v[j] / (1 + MG / 3.57 * np.exp(-62 * v[j]))
        for (i, j), w in zip(PAIRS, GAPS, strict=True):
            junction[j] += w * (v[i] - v[j])
            junction[i] += w * (v[j] - v[i])
        for name, array in (("v", v), ("gate", gate), ("gap", junction), ("nmda", current)):
            traces[name][step] = array
        v_next = v + DT * (G_L * (E_L - v) + current + junction + DRIVE) / C
        gate_next = gate + DT * (-gate / TAU_NMDA + ALPHA * rise * (1 - gate))
        rise = rise - DT * rise / TAU_RISE
        v, gate = v_next, gate_next
        spikes = v > V_T
        v = np.where(spikes, V_R, v)
        rise = rise + spikes
    return traces


@pytest.mark.parametrize(("backend", "threads"), [("numpy", 1), ("cpp", 1), ("cpp", 2)])
def test_nmda_gates_saturate_and_gap_junctions_join_as_in_the_loop(backend, threads):
    traces = loop()
    assert traces["gate"].max() > 0.8
    assert np.ptp(traces["gap"]) > 1e-12
    result = run(protocol(), backend, threads=threads)
    for name, expected in traces.items():
        assert gap(result.traces[f"cell.{name}"].values.reshape(STEPS, CELLS), expected) < 1e-12, (
            name
        )
