"""The optimum of reduced-rank regression as a fixed point of BMVR's plasticity, with all its modes.

O numbers are closed forms; each formula is given where it is used.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import eigenvalue_distance

import dendrosim as ds


def regression(canonical, inputs, outputs, seed=0):
    """Return a batch of white inputs, their targets, and Cxy, which has given singular values."""
    rng = np.random.default_rng(seed)
    samples = inputs + 3
    x = np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, inputs)))[0].T
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, : len(canonical)]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0][:, : len(canonical)]
    cross = left * np.asarray(canonical) @ right.T
    return x, cross.T @ x, cross


def regression_field(canonical, inputs, outputs, k, eta=1.0, seed=0, **settings):
    """Return the vector field of plasticity with slaved neurons, and Cxy."""
    x, y, cross = regression(canonical, inputs, outputs, seed)
    circuit = ds.load_circuit(
        "bmvr", inputs=inputs, outputs=outputs, hidden=k, eta=f"{eta} Hz", **settings
    )
    drives = {"input.x": x, "target.y": y}
    flow = ds.vector_field(circuit, inputs=drives, unfrozen="*", slaved="*.*", seed=seed)
    return flow, cross


def closed_modes(canonical, inputs, outputs, k, tau):
    """Return every eigenvalue at the optimum with rho = 1 (O18), zero modes included."""
    squares = np.zeros(max(inputs, outputs))
    squares[: len(canonical)] = np.square(canonical)
    found = []
    for i in range(k):
        s = squares[i]
        found += list(np.roots([1.0, 1.0 + s, 4.0 * s / tau, 4.0 * s / tau]))
        for a in range(k, max(inputs, outputs)):
            if a < min(inputs, outputs):
                root = np.sqrt((1.0 - s) ** 2 + 4.0 * squares[a])
                found += [(-(1.0 + s) + root) / 2.0, (-(1.0 + s) - root) / 2.0]
            else:  # a further direction of one side only
                found += [-s] if inputs > outputs else [-1.0]
        for j in range(i + 1, k):
            total, product, apart = s + squares[j], s * squares[j], tau * (s - squares[j]) ** 2
            quadratic = 1.0 + total + product + 2.0 * total / tau
            ends = total**2 + 4.0 * total - apart, total**2 + 2.0 * total - apart
            found += list(np.roots([1.0, 2.0 + total, quadratic, ends[0] / tau, ends[1] / tau]))
            found += [0.0, 0.0]
    return np.array(found)


REGRESSIONS = [
    ((0.9, 0.7, 0.5, 0.3, 0.2), 5, 5, 3, 0.5, 1.0),
    ((0.9, 0.7, 0.5, 0.3), 6, 4, 2, 2.0, 7.0),
    ((0.9, 0.5, 0.2), 3, 5, 2, 5.0, 0.1),
    ((0.8, 0.4), 4, 3, 1, 0.5, 1.0),
]


@pytest.mark.parametrize(("canonical", "inputs", "outputs", "k", "tau", "eta"), REGRESSIONS)
def test_optimum_of_regression_and_all_its_modes(canonical, inputs, outputs, k, tau, eta):
    flow, cross = regression_field(canonical, inputs, outputs, k, eta, tau_ratio=tau)
    left = np.linalg.svd(cross)[0][:, :k]
    rng = np.random.default_rng(1)
    near = {"w1": left.T, "b": left.T @ cross, "q": np.diag(canonical[:k])}
    start = flow.pack({n: w + 0.02 * rng.normal(size=w.shape) for n, w in near.items()})
    point = ds.fixed_point(flow, start)
    w1, b, q = (point.state[name] for name in ("w1", "b", "q"))
    # O17: an orthonormal basis of the leading directions, and saturated constraint
    np.testing.assert_allclose(w1 @ w1.T, np.eye(k), atol=1e-10)
    np.testing.assert_allclose(w1.T @ w1, left @ left.T, atol=1e-10)
    np.testing.assert_allclose(b, w1 @ cross, atol=1e-10)
    np.testing.assert_allclose(q @ q.T, b @ b.T, atol=1e-10)
    expected = eta * closed_modes(canonical, inputs, outputs, k, tau)
    assert eigenvalue_distance(point.eigenvalues, expected) < 1e-8 * max(eta, 1.0)
    assert point.spectrum.symmetry_zeros == k * (k - 1)
    assert point.spectrum.further_zeros == 0
    assert point.verdict == "stable"
    if k > 1:
        assert f"{k * (k - 1)} zero modes of symmetries" in point.message


@pytest.mark.parametrize(("factor", "verdict"), [(0.99, "stable"), (1.01, "unstable")])
def test_slow_gain_control_loses_the_optimum(factor, verdict):
    # O19: tau_c = S (S + 2)/Dl^2 of the most different pair
    canonical = (0.9, 0.5)
    critical = 1.06 * 3.06 / 0.56**2
    flow, cross = regression_field(canonical, 3, 2, 2, tau_ratio=factor * critical)
    left = np.linalg.svd(cross)[0][:, :2]
    start = flow.pack({"w1": left.T, "b": left.T @ cross, "q": np.diag(canonical)})
    assert ds.fixed_point(flow, start, method="newton").verdict == verdict


@cache
def many_starts():
    flow, cross = regression_field((0.9, 0.75, 0.6, 0.45, 0.3), 7, 5, 2)
    return ds.fixed_point(flow, starts=60), cross


@pytest.mark.slow
def test_of_many_equilibria_the_optimum_is_reported_and_the_others_are_saddles():
    point, cross = many_starts()
    left = np.linalg.svd(cross)[0]
    w1 = point.state["w1"]
    np.testing.assert_allclose(w1.T @ w1, left[:, :2] @ left[:, :2].T, atol=1e-8)
    assert point.stable
    assert point.spectrum.symmetry_zeros == 2
    assert len(point.others) >= 5
    assert {other.verdict for other in point.others} == {"unstable"}
