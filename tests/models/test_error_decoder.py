"""Apical dendrites that receive learning signals: closed form of linear circuits, and the energy of transposes."""

from itertools import pairwise

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError

MU, HAT, TAU, SIZES = 0.15, 0.5, 10e-3, (4, 3, 5, 2)
R, LAST = MU / (1 - MU), len(SIZES) - 1


def circuit(transfer, **more):
    options = {"inverse": "transpose", "decoder": "error", "rule": "difference", "mu": MU, **more}
    return ds.load_circuit("dynamical_tp", sizes=SIZES, transfer=transfer, **options)


def field(transfer, x, y, **more):
    inputs = {"layer0.h": x, f"layer{LAST}.target": y}
    gates = {"teach": 1.0, "learn": 1.0}
    return ds.vector_field(circuit(transfer, **more), inputs=inputs, gates=gates, unfrozen="*")


S = {
    "smooth_leaky": lambda u: 0.75 * u + 0.25 * (np.sqrt(u**2 + 1) - 1),
    "leaky_relu": lambda u: np.where(u > 0, u, 0.1 * u),
}


def energy(states, x, y, s):
    """Sum of 1/2 |h_i - f_i|^2/r^(L-i) over the layers, and r eta_hat/2 |h_L - y|^2 at the top."""
    below, total = x, 0.0
    for i in range(1, LAST + 1):
        h = states[f"layer{i}.h"]
        total += np.sum((h - s(states[f"w{i}"] @ below)) ** 2) / (2 * R ** (LAST - i))
        below = h
    return total + R * HAT / 2 * np.sum((below - y) ** 2)


@pytest.mark.parametrize("transfer", S)
def test_settling_and_learning_descend_one_energy(transfer):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=SIZES[0]), rng.normal(size=SIZES[-1])
    flow = field(transfer, x, y)
    start = flow.unpack(flow.start)
    states = {name: 2.0 * rng.normal(size=np.shape(a)) for name, a in start.items()}
    rates = flow.unpack(flow.f(flow.pack(states)))
    for i in range(1, LAST + 1):
        eta = 1.0 / (HAT * R ** (LAST + 1 - i))
        speeds = {f"layer{i}.h": (1 - MU) * R ** (LAST - i) / TAU, f"w{i}": eta * R ** (LAST - i)}
        for name, speed in speeds.items():
            slope = np.zeros_like(states[name])
            for at in np.ndindex(slope.shape):
                ends = []
                for side in (1e-6, -1e-6):
                    moved = {n: a.copy() for n, a in states.items()}
                    moved[name][at] += side
                    ends.append(energy(moved, x, y, S[transfer]))
                slope[at] = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose(rates[name], -speed * slope, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("inverse", ["transpose", "fixed"])
def test_linear_circuits_pass_errors_down_through_any_apical_weights(inverse):
    """h_i - f_i = r Q_i (h_(i+1) - f_(i+1)) and h_L - f_L = -r eta_hat (h_L - y), by a linear system here."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=SIZES[0]), rng.normal(size=SIZES[-1])
    ws = [rng.normal(size=(b, a)) / 2 for a, b in pairwise(SIZES)]
    qs = [w.T if inverse == "transpose" else np.linalg.pinv(w) for w in ws[1:]]
    flow = ds.vector_field(
        circuit("linear", inverse=inverse),
        inputs={"layer0.h": x, f"layer{LAST}.target": y},
        gates={"teach": 1.0},
        values={f"w{i}": w for i, w in enumerate(ws, 1)}
        | {f"q{i}": q for i, q in enumerate(qs, 1) if inverse == "fixed"},
    )
    found = flow.unpack(ds.fixed_point(flow).x)
    h = [x, *(found[f"layer{i}.h"] for i in range(1, LAST + 1))]
    d = [h[i] - ws[i - 1] @ h[i - 1] for i in range(1, LAST + 1)]
    np.testing.assert_allclose(d[-1], -R * HAT * (h[-1] - y), atol=1e-10)
    for below, above, q in zip(d[:-1], d[1:], qs, strict=True):
        np.testing.assert_allclose(below, R * q @ above, atol=1e-10)
    assert np.abs(d[0]).max() > 1e-5


def test_apical_weights_cannot_learn_from_errors_that_are_absent():
    with pytest.raises(ParameterError, match="decoder is error and inverse is learned"):
        ds.load_circuit("dynamical_tp", inverse="learned", decoder="error")
