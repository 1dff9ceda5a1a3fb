"""An adaptive exponential cell with a dendrite that hears of its spikes, and its forward-Euler loop.

The loop counts time since the last spike in whole steps: a unit is refractory, and a box of the
back-propagating spike is on, for exact numbers of steps, whatever floats make of the times.
"""

from functools import cache

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.ornstein_uhlenbeck import OrnsteinUhlenbeck
from dendrosim.signals.samples import Samples

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


@cache
def run_once(backend, precision="double", **changes):
    """Result of the protocol; tests of one process that ask for the same share it."""
    return run(protocol(**changes), backend, 2, precision)
