"""A circuit whose synapses have delays and short-term plasticity, and a loop with a calendar of arrivals.

Within a step come, in this order: state updates, thresholds, synapses (every `on_pre`, then every `on_post`),
resets.
"""

from functools import cache

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.one_to_one import OneToOne
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.connectivity.probability import Probability
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.constant import Constant
from dendrosim.signals.table import Table

DT = 1e-4
TAU_G, TAU_M, TAU_F, TAU_D, T_REF = 5e-3, 10e-3, 80e-3, 120e-3, 1.5e-3
REFRACTORY = 15
CELL = """
dv/dt = (-v + g + drive)/tau_m : 1 (unless refractory)
dg/dt = -g/tau_g : 1
drive : 1
"""
# Tsodyks-Markram: both variables recover between spikes, each spike releases and facilitates.
STP = """
dfacil/dt = (U - facil)/tau_f : 1 (event-driven)
dresource/dt = (1 - resource)/tau_d : 1 (event-driven)
potentiation : 1
"""
ON_PRE = """
v = facil*resource          # a name of its own, which is also a state of the target
g_post += (weight + potentiation)*v
resource -= v
facil += U*(1 - facil)
"""
ON_POST = "potentiation += 0.05*facil"

SOURCES, CELLS, STEPS = 5, 4, 1200
_rng = np.random.default_rng(8)
FEED_PRE = np.array([0, 0, 1, 2, 3, 4, 4, 2, 2])
FEED_POST = np.array([0, 1, 1, 2, 3, 0, 3, 0, 0])  # the last two are a double synapse
FEED_STEPS = np.array([1, 17, 3, 40, 5, 8, 8, 2, 9])
FEED_WEIGHT = _rng.uniform(2.0, 6.0, 9)
SPIKES = _rng.random((STEPS, SOURCES)) < 0.02
SPIKES[:6] = False
SPIKES[300:305, 1] = True  # spikes in every step: several in flight at a time


def circuit():
    """Sources whose spikes are given, cells that they excite, and that inhibit each other at random."""
    return Circuit(
        (
            Population("source", SOURCES, "x : 1", inputs=["x"], threshold="x > 0.5"),
            Population(
                "cell", CELLS, CELL, inputs=["drive"], threshold="v > 1", reset="v = 0",
                refractory="t_ref",
            ),
        ),
        parameters={
            "tau_m": "10 ms", "tau_g": "5 ms", "tau_f": "80 ms", "tau_d": "120 ms", "t_ref": "1.5 ms",
        },
        pathways=(
            Pathway(
                "feed", "source", "cell", ON_PRE, Pairings(FEED_PRE, FEED_POST), FEED_WEIGHT,
                [f"{n / 10} ms" for n in FEED_STEPS], STP, ON_POST, {"U": 0.3},
                {"facil": 0.3, "resource": 1.0},
            ),
            Pathway(
                "rec", "cell", "cell", "v_post -= weight", Probability(0.6, self_connections=False),
                Uniform(0.05, 0.3), Uniform("0.1 ms", "4 ms"),
            ),
            Pathway("self", "cell", "cell", "g_post += weight", OneToOne(), 0.1),
        ),
    )  # fmt: skip


DRIVE = np.array([[0.9, 1.3, 0.5, 1.8], [1.6, 0.2, 1.1, 1.4]])  # sample x unit


def protocol(batch=1, **changes):
    settings = {
        "circuit": circuit(),
        "blocks": (Block("run", (Phase("on", f"{STEPS / 10} ms"),)),),
        "dt": "0.1 ms",
        "recordings": (
            Recording(("cell.v", "cell.g"), "0.1 ms"), Recording("*.spike", every="spike"),
            Recording("feed.*", "0.1 ms"),
        ),
        "signals": {
            "source.x": Table(SPIKES.astype(float), "0.1 ms"), "cell.drive": Constant(DRIVE[0]),
        },
        "batch": batch,
    }  # fmt: skip
    return Protocol(**{**settings, **changes})


def decayed(value, rest, steps, tau):
    """The exact solution of dx/dt = (rest - x)/tau after so many steps."""
    return rest + (value - rest) * np.exp(-steps * DT / tau)


def loop(drive, rec, fire=SPIKES):
    """One sample, from the wiring of the recurrent pathway (pre, post, delay in steps, weight)."""
    rec_pre, rec_post, rec_steps, rec_weight = rec
    v, g, since = np.zeros(CELLS), np.zeros(CELLS), np.full(CELLS, 10**9)
    facil, resource, potentiation = np.full(9, 0.3), np.ones(9), np.zeros(9)
    updated = np.zeros(9, dtype=int)
    feed_calendar = [[] for _ in range(STEPS + 100)]
    rec_calendar = [[] for _ in range(STEPS + 100)]
    rows, spikes = [], []
    for step in range(STEPS):
        rows.append((v.copy(), g.copy()))
        open_ = since >= REFRACTORY
        v, g = np.where(open_, v + DT * (-v + g + drive) / TAU_M, v), g + DT * -g / TAU_G
        fired = (v > 1) & open_
        open_ &= ~fired
        spikes += [(step, unit) for unit in np.flatnonzero(fired)]
        for k in range(9):
            if fire[step, FEED_PRE[k]]:
                feed_calendar[step + FEED_STEPS[k]].append(k)
        for k in range(len(rec_pre)):
            if fired[rec_pre[k]]:
                rec_calendar[step + rec_steps[k]].append(k)
        back = [k for k in range(9) if fired[FEED_POST[k]]]
        for k, kind in [*((k, "pre") for k in feed_calendar[step]), *((k, "post") for k in back)]:
            facil[k] = decayed(facil[k], 0.3, step - updated[k], TAU_F)
            resource[k] = decayed(resource[k], 1.0, step - updated[k], TAU_D)
            updated[k] = step
            if kind == "post":
                potentiation[k] += 0.05 * facil[k]
                continue
            released = facil[k] * resource[k]
            g[FEED_POST[k]] += (FEED_WEIGHT[k] + potentiation[k]) * released
            resource[k] -= released
            facil[k] += 0.3 * (1 - facil[k])
        for k in rec_calendar[step]:
            if open_[rec_post[k]]:  # a state that stands still takes no spikes either
                v[rec_post[k]] -= rec_weight[k]
        g += 0.1 * fired
        v, since = np.where(fired, 0.0, v), np.where(fired, 0, since) + 1
    v_, g_ = (np.stack([row[i] for row in rows]) for i in (0, 1))
    return {"v": v_, "g": g_}, np.array(spikes).reshape(-1, 2)


def recurrent(made, seed):
    """The drawn wiring of one sample: pre, post, delay in steps, weight."""
    drawn = synapse_tables(made, seed)["rec"]
    mine = drawn.pre % made.batch == 0
    return (
        drawn.pre[mine] // made.batch, drawn.post[mine] // made.batch,
        np.round(drawn.delays[mine] / DT).astype(int), drawn.values["weight"][mine],
    )  # fmt: skip


@cache
def run_once(backend, batch=1):
    """Result of the protocol; tests of one process that ask for the same share it."""
    return run(protocol(batch), backend, 3)
