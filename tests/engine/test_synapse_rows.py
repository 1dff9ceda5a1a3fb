"""Synapses in rows do what the texts say: compared with a loop over synapses, on all back ends and thread counts.

Spikes of both ends are given, so that a difference cannot grow.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import assert_identical, gap, same_bits
from interrupted_runs import interrupt
from reference_problems import FAST

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables

STEPS, TAU_P, TAU_Q, ETA, TOP, TAU_G = 160, 4e-3, 7e-3, 0.3, 1.0, 3e-3
STDP = {
    "equations": """
        dapre/dt = -apre/tau_p : 1 (event-driven)
        dapost/dt = -apost/tau_q : 1 (event-driven)
        w : 1
    """,
    "on_pre": "g_post += w\napre += 1\nw = clip(w - eta*apost, 0, top)",
    "on_post": "apost += 1\nw = clip(w + eta*apre, 0, top)",
    "parameters": {
        "tau_p": f"{TAU_P} s",
        "tau_q": f"{TAU_Q} s",
        "eta": ETA,
        "top": TOP,
    },
}


def spikes(units, rate, seed):
    return np.random.default_rng(seed).random((STEPS, units)) < rate


def protocol(pathways, pre, post, states, batch, pre_spikes, post_spikes):
    """Two populations with given spikes; `states` are those of the second, and h is held while refractory."""
    equations = "".join(
        f"d{s}/dt = -{s}/tau_g : 1" + " (unless refractory)" * (s == "h") + "\n" for s in states
    )
    circuit = ds.Circuit(
        (
            ds.Population("a", pre, "fire : 1\ndx/dt = -x/tau_g : 1", inputs=["fire"], threshold="fire > 0.5"),
            ds.Population(
                "b", post, equations + "fire : 1", inputs=["fire"], threshold="fire > 0.5",
                refractory="0.5*ms",
            ),
        ),
        parameters={"tau_g": f"{TAU_G} s"}, pathways=pathways,
    )  # fmt: skip
    return ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("on", f"{STEPS / 10} ms"),)),), "0.1 ms",
        (ds.Recording(tuple(f"b.{s}" for s in states), "0.1 ms"), ds.Recording("a.x", "0.1 ms")),
        {
            "a.fire": ds.Table(pre_spikes.astype(float), "0.1 ms"),
            "b.fire": ds.Table(post_spikes.astype(float), "0.1 ms"),
        },
        batch=batch,
    )  # fmt: skip


# -- pair STDP against a loop ---------------------------------------------------------------------------------


def stdp_loop(made, pathway, pre_spikes, post_spikes, seed):
    """The g of every unit at the start of every step, by a loop over the synapses with their own traces."""
    table = synapse_tables(made, seed)[pathway]
    delay = np.broadcast_to(np.round(table.delays / 1e-4).astype(int), table.pre.shape)
    w = table.values["w"].copy()
    apre, apost, g = np.zeros(len(w)), np.zeros(len(w)), np.zeros(post_spikes.shape[1])
    history = []
    for step in range(STEPS):
        history.append(g.copy())
        g -= 1e-4 * g / TAU_G
        apre, apost = apre * np.exp(-1e-4 / TAU_P), apost * np.exp(-1e-4 / TAU_Q)
        sent = step - delay
        for k in np.nonzero((sent >= 0) & pre_spikes[np.maximum(sent, 0), table.pre])[0]:
            g[table.post[k]] += w[k]
            apre[k] += 1
            w[k] = min(max(w[k] - ETA * apost[k], 0), TOP)
        for k in np.nonzero(post_spikes[step, table.post])[0]:
            apost[k] += 1
            w[k] = min(max(w[k] + ETA * apre[k], 0), TOP)
    return np.array(history)


def refractory(fire, steps=5):
    """Leave out spikes less than a refractory period after the one before."""
    last, kept = np.full(fire.shape[1], -steps), np.zeros_like(fire)
    for step, row in enumerate(fire):
        kept[step] = row & (step - last >= steps)
        last[kept[step]] = step
    return kept


DELAYS = {"one": "0.7 ms", "none": None, "several": ds.Uniform("0.1 ms", "2 ms")}


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("delay", DELAYS)
def test_pair_stdp_with_bounds(backend, delay):
    rule = {**STDP, "initial": {"w": ds.Uniform(0, TOP)}, "delay": DELAYS[delay]}
    path = ds.Pathway(
        "learn", "a", "b", connect=ds.InDegree(9), **rule
    )  # some pairs have two synapses
    fire, answer = spikes(12, 0.05, 1), spikes(7, 0.04, 2)
    made = protocol([path], 12, 7, ["g"], 1, fire, answer)
    found = ds.run(made, backend, 5).traces["b.g"].values[:, :, 0]
    assert gap(found, stdp_loop(made, "learn", fire, refractory(answer), 5)) < 1e-12


# -- all kinds of text, against numpy -------------------------------------------------------------------------

RELEASE = {"on_pre": "g1_post += weight*released", "rule": ds.rules.short_term("e_pseudo_linear")}
TEXTS = (
    ds.Pathway("learn", "a", "b", connect=ds.InDegree(5), delay="0.4 ms", initial={"w": ds.Uniform(0, 1)}, **STDP),
    ds.Pathway("release", "a", "b", connect=ds.Probability(0.4), weight=ds.Normal(1, 0.1), **RELEASE),
    # Traces with values of their own: the last update follows from the last spikes of both ends.
    ds.Pathway(
        "own", "a", "b", "g2_post += c\nc += weight", ds.Probability(0.5), ds.Uniform(0.5, 1), "0.3 ms",
        "dc/dt = -c/tau : 1 (event-driven)", "c *= 1.5", {"tau": "5 ms"}, {"c": ds.Uniform(0, 1)},
    ),
    # The same with several delays: each synapse has the time of its last update.
    ds.Pathway(
        "late", "a", "b", "g3_post += c\nc += weight", ds.InDegree(5), 0.5, ds.Uniform("0.1 ms", "1 ms"),
        "dc/dt = -c/tau : 1 (event-driven)", "c *= 1.5", {"tau": "5 ms"},
    ),
    # Several pathways change the same state, in the order of their names; some change the presynaptic unit.
    ds.Pathway("back", "a", "b", "x_pre += weight\ng3_post += 0.1*x_pre", ds.OneToOne(), 0.2, "0.2 ms"),
    ds.Pathway("mixed", "a", "b", "y = weight*x_pre; g4_post += y**2", ds.AllToAll(), 0.3),
    ds.Pathway("held", "a", "b", "h_post += weight", ds.Probability(0.7), ds.Uniform(0, 1), "0.1 ms"),
    # Between units of one population, and from the second to the first.
    ds.Pathway("loop", "b", "b", "g5_post += weight + 0.01*g_pre", ds.InDegree(3), 0.1),
    ds.Pathway("echo", "b", "a", "x_post += weight", ds.InDegree(3), ds.Uniform(0, 0.1), "2 ms"),
)  # fmt: skip
GS = ["g", "g1", "g2", "g3", "g4", "g5", "h"]


@cache
def run_texts(backend, batch):
    made = protocol(TEXTS, 8, 8, GS, batch, spikes(8, 0.06, 3), spikes(8, 0.05, 4))
    return ds.run(made, backend, 6)


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("other", ["cpp"])
def test_both_back_ends_do_the_same_with_all_kinds_of_text(other, batch):
    expected, found = run_texts("numpy", batch), run_texts(other, batch)
    assert {f"b.{g}" for g in GS} < set(expected.traces)
    for name, trace in expected.traces.items():
        assert np.max(np.abs(trace.values)) > 0.05, name
        assert gap(found.traces[name].values, trace.values) < 1e-12, name


# -- threads --------------------------------------------------------------------------------------------------


def wide():
    """Rows that are long enough to be divided into several blocks, and spikes enough for several threads."""
    paths = (
        ds.Pathway(
            "learn", "a", "b", connect=ds.Probability(0.3), delay="0.4 ms", initial={"w": ds.Uniform(0, 1)}, **STDP
        ),
        ds.Pathway(
            "late", "a", "b", "g1_post += weight", ds.Probability(0.2), ds.Normal(1, 0.1),
            ds.Uniform("0.1 ms", "0.4 ms"),
        ),
        # Effects run together, but not with one that changes what they read or reads what they change.
        ds.Pathway("more", "b", "b", "g2_post += weight", ds.Probability(0.02), 0.1, "0.2 ms"),
        ds.Pathway("near", "b", "b", "g2_post += weight*g_pre", ds.Probability(0.02), 0.1),
        ds.Pathway("onto", "b", "b", "g_post += weight*g1_pre", ds.Probability(0.02), 0.01),
    )  # fmt: skip
    sizes = 40, 6000
    return protocol(paths, *sizes, ["g", "g1", "g2"], 1, spikes(40, 0.1, 3), spikes(6000, 0.02, 4))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    one = ds.run(wide(), "cpp", 2, threads=1)
    for threads in (2, 3):
        assert same_bits(one, ds.run(wide(), "cpp", 2, threads=threads)), threads
    expected = ds.run(wide(), "numpy", 2)
    for name in ("b.g", "b.g1", "b.g2"):
        assert gap(one.traces[name].values, expected.traces[name].values) < 1e-12, name


# -- checkpoints ----------------------------------------------------------------------------------------------


def learning_cells():
    """Cells that learn for so long that a run can be interrupted; nothing about them is given."""
    cell = "dv/dt = (drive - v + g)/(10*ms) : 1\ndg/dt = -g/(3*ms) : 1\ndrive : 1"
    ways = {"connect": ds.InDegree(4), "delay": "0.7 ms"}
    circuit = ds.Circuit(
        (
            ds.Population(
                "cell", 12, cell, inputs={"drive": np.linspace(0.9, 1.4, 12)}, threshold="v > 1",
                reset="v = 0",
            ),
        ),
        pathways=(
            ds.Pathway(
                "learn", "cell", "cell", "g_post += weight", weight=ds.Uniform(0, 0.2),
                rule=ds.rules.pair_stdp(weight_max=0.2), **ways,
            ),
            ds.Pathway(
                "release", "cell", "cell", "g_post += weight*released", weight=-0.3,
                rule=ds.rules.short_term("e_pseudo_linear"), **ways,
            ),
            ds.Pathway(
                "own", "cell", "cell", "g_post += 0.1*c\nc += weight", weight=ds.Uniform(0, 0.1),
                equations="dc/dt = -c/(20*ms) : 1 (event-driven)", on_post="c *= 0.9", **ways,
            ),
        ),
    )  # fmt: skip
    recordings = (ds.Recording("learn.weight", "1 s"), ds.Recording("cell.spike", every="spike"))
    return ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("on", "30 s"),)),), "0.1 ms", recordings, batch=2
    )


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    """The checkpoint has spikes in flight, hoisted traces, and the times of the last spikes."""
    whole = ds.run(learning_cells(), "cpp", 4, threads=1)
    interrupt(learning_cells(), tmp_path / "out", step=200, seed=4, threads=1)
    assert_identical(ds.run(resume=tmp_path / "out"), whole)
    assert np.std(whole.final["learn.weight"].values) > 0.01
    assert len(whole.spikes["cell"].unit) > 1000
