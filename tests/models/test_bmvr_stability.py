"""Stability of BMVR's plasticity with slaved neurons: the boundary O19, and the rotating wave beyond it.

Inputs are a batch of 12 samples whose second moments are exact: white x, and y = A x + independent rest with A of
given singular values. The closed forms of the averaged flow then hold for the circuit itself.
"""

import numpy as np
import pytest

import dendrosim as ds

SINGULAR = (0.9, 0.5)
SLAVED = ("pyramidal.*", "interneuron.*")


def samples(singular=SINGULAR, rest=0.2):
    """Return x and y, (units, samples), with <x x^T> = I and the given singular values of <y x^T>."""
    rng = np.random.default_rng(1)
    exact = np.linalg.qr(rng.normal(size=(12, 6)))[0] * np.sqrt(12)  # columns: mean square 1
    left, right = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    x = exact[:, :3]
    y = x @ left @ np.diag([*singular, rest]) @ right.T + 0.1 * exact[:, 3:]
    return x.T, y.T


def critical(singular=SINGULAR, rho=1.0):
    """Return tau_c = S (S + 2 rho)/(rho D^2), with S and D the sum and difference of squared singular values."""
    s, d = (sign * singular[0] ** 2 + singular[1] ** 2 for sign in (1, -1))
    return s * (s + 2 * rho) / (rho * d**2)


def field(tau_ratio):
    x, y = samples()
    circuit = ds.load_circuit("bmvr", inputs=3, outputs=3, hidden=2, tau_ratio=tau_ratio)
    inputs = {"input.x": x, "target.y": y}
    return ds.vector_field(circuit, inputs=inputs, unfrozen="*", slaved=SLAVED)


def test_the_boundary_of_the_rotating_wave_is_located():
    """At tau_c = 10.3431 a real eigenvalue crosses zero: the wave sets in with frequency 0."""
    point = ds.fixed_point(field(8.0), starts=6)
    assert point.stable
    assert point.spectrum.symmetry_zeros == 2
    branch = ds.continuation(point.flow, "tau_ratio", 8.0, 13.0, point=point)
    (crossing,) = branch.bifurcations
    assert critical() == pytest.approx(10.3431, abs=1e-4)
    assert crossing.value == pytest.approx(critical(), abs=1e-6)
    assert crossing.kind == "branch point"
    assert crossing.frequency == 0
    assert branch.stable[0]
    assert not branch.stable[-1]


def wave(tau_ratio, seconds):
    """Run from a state near the optimum; return w1 over the last 60 s, once per second."""
    x, y = samples()
    circuit = ds.load_circuit("bmvr", inputs=3, outputs=3, hidden=2, tau_ratio=tau_ratio)
    point = ds.fixed_point(field(tau_ratio), starts=6, method="newton")
    rng = np.random.default_rng(5)
    weights = {
        n: w + 0.01 * rng.normal(size=w.shape) for n, w in point.state.items() if "." not in n
    }
    protocol = ds.Protocol(
        circuit,
        (ds.Block("learn", (ds.Phase("show", f"{seconds} s"),)),),
        dt="2 ms",
        recordings=(ds.Recording("w1", every="1 s"),),
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x.T, "y": y.T},
        batch=12,
    )
    states = {n: v for n, v in point.state.items() if "." in n}
    result = ds.run(protocol, backend="cpp", initial={**states, **weights}, progress=False)
    return result["w1"].values[-60:]


def turned(w1):
    """Return the angle in rad by which w1 turns from one second to the next."""
    products = [a @ b.T for a, b in zip(w1[1:], w1[:-1], strict=True)]
    return np.array([np.arctan2(p[1, 0] - p[0, 1], p[0, 0] + p[1, 1]) for p in products])


def test_below_the_boundary_a_run_returns_to_rest():
    w1 = wave(8.0, 1200)
    assert abs(turned(w1)).max() < 1e-4
    assert w1[-1] @ w1[-1].T == pytest.approx(np.eye(2), abs=1e-3)


def test_above_the_boundary_a_run_rotates_for_ever():
    """At tau = 12 it rotates by 0.191 rad per unit of time 1/eta (O19)."""
    angles = turned(wave(12.0, 600))
    assert abs(angles.mean()) == pytest.approx(0.191, abs=2e-3)
    assert angles.std() < 0.05 * abs(angles.mean())
