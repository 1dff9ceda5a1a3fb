"""Synapses that act in every step, saturating NMDA gates and gap junctions: equal to a loop over synapses."""

from functools import cache

import numpy as np
import pytest
from comparisons import assert_identical, gap, same_bits
from interrupted_runs import interrupt

import dendrosim as ds
from dendrosim.engine.backends import check_supported
from dendrosim.engine.cuda.backend import Cuda
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import DifferentiationError, SpecError
from dendrosim.experiments.run import run

CELLS, STEPS, BATCH, DT = 6, 400, 2, 1e-4
G_L, C, E_L, V_T, V_R = 10e-9, 200e-12, -70e-3, -55e-3, -65e-3
TAU_RISE, TAU_NMDA, ALPHA = 2e-3, 100e-3, 500.0
DRIVE = np.linspace(50e-12, 320e-12, CELLS)
PARAMETERS = {
    "g_leak": f"{G_L} S", "C": f"{C} F", "E_leak": f"{E_L} V", "V_T": f"{V_T} V", "V_R": f"{V_R} V",
    "tau_rise": f"{TAU_RISE} s", "tau_nmda": f"{TAU_NMDA} s", "alpha": f"{ALPHA} Hz",
}  # fmt: skip
CELL = """
dv/dt = (g_leak*(E_leak - v) + nmda + gap + drive)/C : volt
nmda = -g*v*open : amp
open = 1/(1 + exp(-62*v/volt)/3.57) : 1
g : siemens
gap : amp
drive : amp
"""
NMDA = ds.Pathway(
    "nmda", "cell", "cell", "rise += 0.8 + 0.1*i", ds.Condition("(i + 2*j) % 4 != 1"),
    ds.Uniform("0.2 nS", "1 nS"), ds.Uniform("0.1 ms", "2 ms"),
    """
    drise/dt = -rise/tau_rise : 1 (clock-driven)
    dgate/dt = -gate/tau_nmda + alpha*rise*(1 - gate)*(1 + open_pre*u) : 1 (clock-driven)
    u : 1 (constant)
    g_post = weight*gate : siemens (summed)
    """, initial={"gate": ds.Uniform(0, 0.1), "u": 0.2},
)  # fmt: skip
JUNCTIONS = ds.Pathway(
    "junctions", "cell", "cell", connect=ds.Pairings([0, 1, 1, 2, 3, 5], [1, 0, 2, 1, 5, 3]),
    weight=[f"{x} nS" for x in (0.6, 0.6, 1.2, 1.2, 0.3, 0.3)],
    equations="gap_post = weight*(v_pre - v_post)*(1 + j/N_post) : amp (summed)",
)  # fmt: skip


DELAYS = {"several": NMDA.delay, "none": None}


def protocol(steps=STEPS, pathways=(NMDA, JUNCTIONS), batch=BATCH):
    cell = ds.Population(
        "cell", CELLS, CELL, inputs={"drive": ds.quantity([f"{x} A" for x in DRIVE])}, threshold="v > V_T",
        reset="v = V_R", initial={"v": ds.Uniform("-70 mV", "-60 mV")},
    )  # fmt: skip
    names = ("cell.v", "cell.g", "cell.gap", "nmda.gate")
    return ds.Protocol(
        ds.Circuit((cell,), pathways=pathways, parameters=PARAMETERS),
        (ds.Block("run", (ds.Phase("on", f"{steps * DT} s"),)),), f"{DT} s", batch=batch,
        recordings=tuple(ds.Recording(n, f"{DT} s") for n in names),
    )  # fmt: skip


def with_delay(name):
    return NMDA.replace(delay=DELAYS[name]), JUNCTIONS


@cache
def loop(start, delay, seed=3):
    """All traces by name, and the gates at the end."""
    tables = synapse_tables(protocol(STEPS, with_delay(delay), batch=1), seed)
    nmda, junctions = tables["nmda"], tables["junctions"]
    weight, count = nmda.values["weight"], len(nmda.pre)
    delays = np.broadcast_to(np.rint(nmda.delays / DT).astype(int), count)
    v, fired = np.array(start).reshape(CELLS, BATCH), np.zeros((STEPS, CELLS, BATCH), bool)
    rise, gate = np.zeros((count, BATCH)), np.repeat(nmda.values["gate"][:, None], BATCH, axis=1)
    traces = {n: [] for n in ("cell.v", "cell.g", "cell.gap", "nmda.gate")}
    for step in range(STEPS):
        g, current = np.zeros((CELLS, BATCH)), np.zeros((CELLS, BATCH))
        opened = 1 / (1 + np.exp(-62 * v) / 3.57)
        for n in range(count):
            g[nmda.post[n]] += weight[n] * gate[n]
        for n, (i, j) in enumerate(zip(junctions.pre, junctions.post, strict=True)):
            current[j] += junctions.values["weight"][n] * (v[i] - v[j]) * (1 + j / CELLS)
        for name, array in zip(traces, (v, g, current, gate), strict=True):
            traces[name].append(array.copy())
        for n, i in enumerate(nmda.pre):
            growth = ALPHA * rise[n] * (1 - gate[n]) * (1 + 0.2 * opened[i])
            gate[n] = gate[n] + DT * (-gate[n] / TAU_NMDA + growth)
            rise[n] = rise[n] - DT * rise[n] / TAU_RISE
        v = v + DT * (G_L * (E_L - v) - g * v * opened + current + DRIVE[:, None]) / C
        fired[step] = v > V_T
        for n, i in enumerate(nmda.pre):
            if step >= delays[n]:
                rise[n] += np.where(fired[step - delays[n], i], 0.8 + 0.1 * i, 0)
        v = np.where(fired[step], V_R, v)
    return {n: np.array(rows) for n, rows in traces.items()}, gate


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize(
    ("backend", "threads"),
    [("numpy", 1), ("cpp", 1), ("cpp", 2), pytest.param("cython", 1, marks=pytest.mark.slow)],
)
def test_nmda_gates_saturate_and_gap_junctions_join_as_in_the_loop(backend, threads, delay):
    result = run(protocol(STEPS, with_delay(delay)), backend, 3, threads=threads)
    traces, gate = loop(tuple(result.traces["cell.v"].values[0].ravel()), delay)
    assert traces["nmda.gate"].max() > 0.8
    assert np.ptp(traces["cell.gap"]) > 1e-12
    for name, expected in traces.items():
        assert gap(result.traces[name].values, expected) < 1e-12, name
    assert gap(result.final["nmda.gate"].values, gate) < 1e-12


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_run_cut_in_two_is_the_whole_one(backend):
    whole, first = run(protocol(), backend, 3), run(protocol(150), backend, 3)
    second = run(protocol(STEPS - 150), backend, 3, initial=first, continue_clock=True)
    for name, trace in second.traces.items():
        assert np.array_equal(trace.values, whole.traces[name].values[150:]), name


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    long = protocol(60_000).replace(recordings=(ds.Recording("nmda.gate", "0.1 s"),))
    whole = ds.run(long, "cpp", 4, threads=1)
    interrupt(long, tmp_path / "out", step=200, seed=4, threads=1)
    assert_identical(ds.run(resume=tmp_path / "out"), whole)


def test_threads_change_no_bit_of_sums_over_long_rows():
    cell = ds.Population(
        "cell", 3000, "dv/dt = (total - v)/(5*ms) : 1\ntotal : 1", initial={"v": ds.Uniform(0, 1)}
    )
    pathway = ds.Pathway(
        "mix", "cell", "cell", connect=ds.InDegree(150), weight=ds.Uniform(0, 0.02),
        equations="total_post = weight*x*v_pre : 1 (summed)\ndx/dt = (v_post - x)/(2*ms) : 1 (clock-driven)",
    )  # fmt: skip
    made = ds.Protocol(
        ds.Circuit((cell,), pathways=(pathway,)), (ds.Block("run", (ds.Phase("on", "2 ms"),)),), "0.1 ms",
        (ds.Recording("cell.v", "0.1 ms"),),
    )  # fmt: skip
    one, two = (ds.run(made, "cpp", 2, threads=threads) for threads in (1, 2))
    assert same_bits(one, two)
    assert gap(one.traces["cell.v"].values, run(made, "numpy", 2).traces["cell.v"].values) < 1e-12


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_pathway_without_synapses_adds_nothing(backend):
    none = JUNCTIONS.replace(connect=ds.Condition("i < 0"), weight="1 nS")
    result = run(protocol(20, (NMDA.replace(connect=ds.Condition("i < 0")), none)), backend, 1)
    assert not result.traces["cell.gap"].values.any()


def test_the_texts_go_to_json_and_back():
    made = protocol()
    assert ds.Protocol.from_json(made.to_json()) == made
    assert made.circuit.pathway("nmda").clock_driven == ("rise", "gate")


def test_the_vector_field_and_the_gpu_refuse_them_and_say_what_to_do():
    with pytest.raises(
        DifferentiationError, match=r"Pathway 'nmda' .* a ds.Projection through a sp"
    ):
        ds.vector_field(protocol().circuit, subthreshold=True)
    with pytest.raises(SpecError, match=r"such as those of Pathway 'nmda'; choose .*cpp"):
        check_supported(Cuda(), protocol())
