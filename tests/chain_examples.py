"""Linear chains of layers for tests of target propagation: weights, activities, full Jacobians."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from dendrosim.circuit.initial_values.well_conditioned import WellConditioned

MUS = (0.1, 0.2, 0.3, 0.4, 0.5)
TOPS = ("clamped", "free", "nudged")
TOP_GAIN = {"clamped": 0.0, "free": 1.0, "nudged": 0.3}  # with ETA_HAT
ETA_HAT = 0.7

# Beyond, gains differ from 1 and rates from 0 by less than their rounding.
mus = st.floats(0.02, 0.9)
depths = st.integers(1, 9)


def network(sizes, seed=0):
    """Well conditioned weights and random apical weights of any size."""
    rng = np.random.default_rng(seed)
    ws = [WellConditioned(1.4, 2.0).sample((b, a), rng) for a, b in pairwise(sizes)]
    return ws, [0.5 * rng.normal(size=w.T.shape) for w in ws[1:]], rng


def inverses(ws):
    return [np.linalg.inv(w) for w in ws[1:]]


def carried(ws, error):
    """C_i error, i = 1 .. L: an error at the top, carried down by the inverses."""
    down = [error]
    for w in ws[:0:-1]:
        down.append(np.linalg.solve(w, down[-1]))
    return down[::-1]


def forward(ws, x):
    found = [x]
    for w in ws:
        found.append(w @ found[-1])
    return found


def jacobian(ws, qs, mu, top_gain):
    """Full block Jacobian of a linear circuit, one column per finite displacement of its flow."""
    sizes = [len(w) for w in ws]
    ends = np.cumsum(sizes)[:-1]

    def flow(state):
        h = np.split(state, ends)
        below = [np.zeros(ws[0].shape[1]), *h[:-1]]
        above = [q @ upper for q, upper in zip(qs, h[1:], strict=True)] + [top_gain * h[-1]]
        parts = zip(h, ws, below, above, strict=True)
        return np.concatenate([-a + (1 - mu) * w @ b + mu * g for a, w, b, g in parts])

    return np.array([flow(unit) for unit in np.eye(sum(sizes))]).T
