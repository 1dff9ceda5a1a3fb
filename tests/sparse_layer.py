"""A locally connected layer with feedback, and its forward-Euler loop with dense masked matrices."""

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.local_patches import LocalPatches
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol

PATCHES = LocalPatches(height=8, width=8, channels=3, filters=4, kernel=3)
DT, TAU_X, TAU_H = 1e-3, 5e-3, 10e-3

IMAGE = "dx/dt = (drive - x + back)/(5*ms) : 1\ndrive : 1\nback : 1"
CELL = "dh/dt = (tanh(sum) - h)/(10*ms) : 1\nsum : 1"

HEBB = "dw/dt = 20*Hz*h_post*x_pre - 30*Hz*w : 1"
MIXED = "dw/dt = 20*Hz*(1 - w**2)*h_post*x_pre + 5*Hz*tanh(h_post + w*x_pre) - 3*Hz*w**3 : 1"


def circuit(rule=None, connect=PATCHES, initial=None, **matrix):
    sized = [v for v in (connect, initial) if len(getattr(v, "shape", ())) == 2]
    post, pre = (*sized, PATCHES)[0].shape
    return Circuit(
        (
            Population("image", pre, IMAGE, inputs=["drive"], initial={"x": Normal(1.0)}),
            Population("cell", post, CELL, initial={"h": Normal(1.0)}),
        ),
        (
            Matrix(
                "w", "cell", "image", Normal(0.3) if initial is None else initial, rule,
                connect=connect, **matrix,
            ),
        ),
        (
            Projection("image.x", "w", "cell.sum"),
            Projection("cell.h", "w", "image.back", transpose=True),
        ),
    )  # fmt: skip


def protocol(rule=None, batch=1, steps=20, recordings=(), **matrix):
    phase = Phase("run", f"{steps} ms")
    return Protocol(
        circuit(rule, **matrix), (Block("run", (phase,)),), "1 ms", signals={"image.drive": 0.5},
        batch=batch, recordings=recordings,
    )  # fmt: skip


EVERYTHING = (Recording(("image.x", "cell.h", "w"), every="1 ms"),)


def mask(patches=PATCHES):
    """Which units are connected, post x pre, unit by unit from the definition."""
    out, k = patches.padding == "valid", patches.kernel
    size = [
        (n - k) // patches.stride + 1 if out else -(-n // patches.stride)
        for n in (patches.height, patches.width)
    ]
    before = [
        0 if out else max((m - 1) * patches.stride + k - n, 0) // 2
        for m, n in zip(size, (patches.height, patches.width), strict=True)
    ]
    found = np.zeros(
        (size[0] * size[1] * patches.filters, patches.height * patches.width * patches.channels)
    )
    for row, column in np.ndindex(*size):
        for i, j in np.ndindex(k, k):
            y, x = row * patches.stride - before[0] + i, column * patches.stride - before[1] + j
            if 0 <= y < patches.height and 0 <= x < patches.width:
                post = (row * size[1] + column) * patches.filters
                pre = (y * patches.width + x) * patches.channels
                found[post : post + patches.filters, pre : pre + patches.channels] = 1
    return found


def _rate(rule, w, h, x):
    """dw/dt of one sample."""
    product = np.outer(h, x)
    if rule == HEBB:
        return 20 * product - 30 * w
    return 20 * (1 - w**2) * product + 5 * np.tanh(h[:, None] + w * x[None, :]) - 3 * w**3


def loop(rule, x, h, w, steps, where, settle=lambda w: w):
    """x, h and w at the start of each step and at the end; the state is (units, samples), w is post x pre."""
    seen = []
    for _ in range(steps):
        seen.append((x, h, w))
        rate = (
            0
            if rule is None
            else np.mean([_rate(rule, w, *s) for s in zip(h.T, x.T, strict=True)], axis=0)
        )
        x, h = (
            x + DT * (0.5 - x + w.T @ h) / TAU_X,
            h + DT * (np.tanh(w @ x) - h) / TAU_H,
        )
        w = settle(w + DT * rate * where)
    return seen, (x, h, w)
