"""The equations of `cell_types`, mean field, written down by hand, with an independent integrator."""

import numpy as np
from scipy.integrate import solve_ivp

# Weights between classes, target first, in the letters of the source; E is a soma, D a dendrite.
W = {
    "NS": 0.7, "DS": 0.5, "DN": 0.4, "SE": 0.8, "NN": 0.2, "PS": 0.8, "PN": 0.3, "PP": 0.1, "PE": 1.0, "EP": 0.5,
    "DE": 0.2, "VS": 0.5, "SV": 0.4, "PV": 0.2, "VE": 0.3, "VN": 0.2,
}  # fmt: skip
CLASSES = "EDPSVN"
TAU = (
    np.array([10, 20, 10, 20, 15, 40, 200, 100]) * 1e-3
)  # the classes, then spilled GABA c and release p


def connected():
    """Weights by (target, source) with their signs; ED = 1."""
    a = np.zeros((6, 6))
    a[0, 1] = 1.0
    for (to, source), w in W.items():
        a[CLASSES.index(to), CLASSES.index(source)] = w if source == "E" else -w
    return a


def rates(y, b, drive=0.0):
    """The equations, written down by hand."""
    a = connected()
    r, c, p = y[:6], y[6], y[7]
    background = 1 - a.sum(axis=1)
    total = a @ r + background + drive
    total[[1, 5]] += (
        a[[1, 5], 3] * (p / (1 - b) - 1) * r[3]
    )  # presynaptic inhibition of SST terminals
    total[1] += a[1, 5] * (c - r[5])  # dendrites receive what NDNF cells have spilled
    return np.append(np.maximum(total, 0) - r, [r[5] - c, np.clip(1 - b * c, 0, 1) - p]) / TAU


def settle(start, b, drive=0.0, duration=40.0):
    """The state after a long time."""
    run = solve_ivp(
        lambda t, y: rates(y, b, drive), (0, duration), start, method="LSODA", rtol=1e-8, atol=1e-10
    )
    return run.y[:, -1]


def starts():
    """Two starts: NDNF cells silent, and NDNF cells that have shut the terminals of SST cells."""
    return [np.array([1, 1, 1, 1, 1, n, n, p]) for n, p in ((0.0, 1.0), (2.0, 0.0))]


def euler(y, b, drive, duration, dt):
    """The states (steps + 1, 8) of forward Euler steps from y, with constant drives of the six classes."""
    states = [y]
    for _ in range(round(duration / dt)):
        states.append(states[-1] + dt * rates(states[-1], b, drive))
    return np.array(states)


def resting(b):
    """The state with rates of 1, in which runs begin."""
    return np.append(np.ones(7), 1 - b)


def driven(**drives):
    """The drives of all classes from those that are not 0."""
    names = ("soma", "dendrite", "pv", "sst", "vip", "ndnf")
    return np.array([drives.get(name, 0.0) for name in names])
