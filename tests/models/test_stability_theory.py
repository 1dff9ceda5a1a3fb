"""What theory says of the shipped circuits, found by the analysis of their equations.

O and F are the closed forms of target propagation with exact inverses and of reduced-rank regression, and the
counterexamples to claims about them; the formulas stand where they are used.
"""

import itertools
from functools import cache

import flows
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.stability.spectrum.transient_growth import (
    numerical_abscissa,
    propagator,
    transient_growth,
)

TAU = 0.01
DEPTHS, WIDTHS, MUS = st.integers(1, 6), st.integers(1, 4), st.floats(0.03, 0.97)


def partners(found, expected):
    """Largest distance of eigenvalues when both lists are matched one to one."""
    assert len(found) == len(expected)
    distance = np.abs(np.asarray(found)[:, None] - np.asarray(expected))
    return distance[scipy.optimize.linear_sum_assignment(distance)].max()


# -- target propagation -----------------------------------------------------------------------------------


def smooth_leaky(x):
    return 0.75 * x + 0.25 * (np.sqrt(x**2 + 1.0) - 1.0)


TRANSFERS = {"linear": lambda x: x, "smooth_leaky": smooth_leaky}


class Chain:
    """A chain of layers of one width, its weights, and its feed-forward activities."""

    def __init__(self, depth, width, mu, seed=0, transfer="linear", samples=1, **settings):
        sizes = (width + 1, *(width,) * depth)
        self.circuit = ds.load_circuit(
            "dynamical_tp", sizes=sizes, mu=mu, tau=f"{TAU} s", transfer=transfer, **settings
        )
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(sizes[0], samples))
        self.weights = {}
        self.rates = [self.x]
        for i in range(1, depth + 1):
            shape = sizes[i], sizes[i - 1]
            u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
            self.weights[f"w{i}"] = u * np.geomspace(1.3, 0.8, min(shape)) @ v
            self.rates.append(TRANSFERS[transfer](self.weights[f"w{i}"] @ self.rates[-1]))
        self.depth = depth

    def field(self, target, **settings):
        """The field at the input, with a target for the last layer."""
        inputs = {"layer0.h": self.x, f"layer{self.depth}.target": target}
        return ds.vector_field(self.circuit, inputs=inputs, values=self.weights, **settings)

    def point(self, target, **settings):
        """The fixed point, with its activities in the order of layers."""
        point = ds.fixed_point(self.field(target, **settings))
        return point, [point.state[f"layer{i}.h"] for i in range(1, self.depth + 1)]


def live_rates(depth, mu, kappa):
    """-1 + 2 c cos(th) with sin((L + 1) th) = b sin(L th), b = kappa sqrt(mu/(1 - mu)) (O2).

    One root lies between every two zeros of sin(L th); beyond b = (L + 1)/L the first is imaginary.
    """
    c, b = np.sqrt(mu * (1.0 - mu)), kappa * np.sqrt(mu / (1.0 - mu))

    def ratio(th):  # of the difference of both sides to sin(th), finite at both ends
        if th in (0.0, np.pi):
            sign = (-1.0) ** depth if th else 1.0
            return sign * (depth + 1.0) - b * depth * (sign if not th else -sign)
        return (np.sin((depth + 1) * th) - b * np.sin(depth * th)) / np.sin(th)

    edges, cosines = np.arange(depth + 1) * np.pi / depth, []
    edges[-1] = np.pi
    for low, high in itertools.pairwise(edges):
        if low == 0.0 and ratio(0.0) <= 0.0:
            grows = lambda y: np.sinh((depth + 1) * y) - b * np.sinh(depth * y)  # noqa: E731
            root = scipy.optimize.brentq(grows, 1e-9, np.log(2.0 * b) + 1.0, xtol=1e-15)
            cosines.append(np.cosh(root))
        else:
            cosines.append(np.cos(scipy.optimize.brentq(ratio, low, high, xtol=1e-15)))
    return -1.0 + 2.0 * c * np.array(cosines)


@settings(max_examples=25)
@given(depth=DEPTHS, width=WIDTHS, mu=MUS, seed=st.integers(0, 99))
def test_clamped_chain_has_the_tridiagonal_spectrum(depth, width, mu, seed):
    # O1: -1 + 2 sqrt(mu (1 - mu)) cos(k pi/(L + 1)), each as often as a layer has units
    chain = Chain(depth, width, mu, seed, target="clamped")
    expected = flows.chain_rates(depth, mu, width)
    found = chain.point(np.arange(width) - 0.5)[0].spectrum
    assert partners(TAU * found.eigenvalues, expected) < 1e-10
    assert found.verdict == "stable"


@settings(max_examples=25)
@given(depth=DEPTHS, width=WIDTHS, mu=MUS, seed=st.integers(0, 99), eta_hat=st.floats(0.1, 1.0))
def test_live_chain_has_the_spectrum_of_its_top(depth, width, mu, seed, eta_hat):
    for target, kappa in (("free", 1.0), ("nudged", 1.0 - eta_hat)):
        chain = Chain(depth, width, mu, seed, target=target, eta_hat=eta_hat)
        flow = chain.field(np.ones(width))
        found = TAU * np.linalg.eigvals(flow.jacobian(flow.start))
        assert partners(found, np.repeat(live_rates(depth, mu, kappa), width)) < 1e-10


@settings(max_examples=15)
@given(depth=st.integers(2, 6), width=WIDTHS, mu=st.floats(0.05, 0.6), seed=st.integers(0, 99))
def test_nonlinear_chain_at_its_free_fixed_point_has_the_spectra_of_the_linear_one(
    depth, width, mu, seed
):
    # O9: the free fixed point is the feed-forward activity, where both sides of the Jacobian belong together
    for target, kappa in (("clamped", 0.0), ("free", 1.0), ("nudged", 0.5)):
        chain = Chain(depth, width, mu, seed, "smooth_leaky", target=target)
        forward = [h[:, 0] for h in chain.rates[1:]]
        flow = chain.field(forward[-1])
        x = flow.pack({f"layer{i}.h": h for i, h in enumerate(forward, 1)})
        point = ds.fixed_point(flow, x + 1e-3)
        np.testing.assert_allclose(point.x, x, atol=1e-11)
        expected = np.repeat(live_rates(depth, mu, kappa), width)
        assert partners(TAU * point.eigenvalues, expected) < 1e-10


@pytest.mark.parametrize(
    ("depth", "clamped", "free"),
    [
        (2, (0.7, 0.6, 0.5417, 0.5101, 0.5), (0.6459, 0.4877, 0.3678, 0.2709, 0.1910)),
        (4, (0.5146, 0.3528, 0.2585, 0.2073, 0.1910), (0.4977, 0.3152, 0.1962, 0.1147, 0.0603)),
    ],
)
def test_slowest_rates(depth, clamped, free):
    for kind, rates in (("clamped", clamped), ("free", free)):
        for mu, rate in zip((0.1, 0.2, 0.3, 0.4, 0.5), rates, strict=True):
            point, _ = Chain(depth, 2, mu, target=kind).point(np.zeros(2))
            assert TAU / point.time_constants[0] == pytest.approx(rate, abs=1e-4)


@settings(max_examples=20)
@given(depth=DEPTHS, width=WIDTHS, mu=MUS, seed=st.integers(0, 99))
def test_clamped_fixed_point_passes_the_error_down(depth, width, mu, seed):
    # O5: h_i = ff_i + G_i W_(i+1)^-1 ... W_L^-1 (T - ff_L), G_i = (q^i - 1)/(q^(L+1) - 1)
    chain = Chain(depth, width, mu, seed, target="clamped", samples=2)
    target = np.random.default_rng(seed + 1).normal(size=(width, 2))
    _, found = chain.point(target)
    q, carried = (1.0 - mu) / mu, target - chain.rates[-1]
    for i in range(depth, 0, -1):
        powers = sum(q**n for n in range(i)) / sum(q**n for n in range(depth + 1))
        np.testing.assert_allclose(found[i - 1], chain.rates[i] + powers * carried, atol=1e-11)
        carried = np.linalg.solve(chain.weights[f"w{i}"], carried) if i > 1 else carried


@pytest.mark.parametrize("mu", [0.1, 0.4])
def test_local_errors_of_a_nudged_chain(mu):
    # O6: h_i - f_i = -r^(L+1-i) W_(i+1)^-1 ... W_L^-1 eta_hat e_L, with e_L = h_L - target
    chain = Chain(4, 3, mu, target="nudged", eta_hat=0.5)
    target = np.array([1.0, -2.0, 0.5])
    point, found = chain.point(target)
    every, carried = point.flow.evaluate(point.x), 0.5 * (found[-1] - target)
    for i in range(4, 0, -1):
        error = found[i - 1] - every[f"layer{i}.f"]
        expected = -((mu / (1.0 - mu)) ** (5 - i)) * carried
        np.testing.assert_allclose(error, expected, rtol=1e-9, atol=1e-12)
        carried = np.linalg.solve(chain.weights[f"w{i}"], carried) if i > 1 else carried


def test_worked_example():
    # O8: three units in a row
    weights = {"w1": [[2.0]], "w2": [[0.5]], "w3": [[1.5]]}
    inputs = {"layer0.h": 1.0, "layer3.target": 2.0}
    states = {}
    for kind in ("clamped", "free"):
        circuit = ds.load_circuit("dynamical_tp", sizes=(1,) * 4, mu=0.2, tau="1 s", target=kind)
        point = ds.fixed_point(ds.vector_field(circuit, inputs=inputs, values=weights))
        states[kind] = point.x
        if kind == "clamped":
            expected = [-1.0 + 0.8 * np.cos(k * np.pi / 4) for k in (1, 2, 3)]
            np.testing.assert_allclose(point.eigenvalues, expected, atol=1e-12)
            np.testing.assert_allclose(point.eigenvalues[0], -0.4343146, atol=1e-7)
    np.testing.assert_allclose(states["clamped"], [512 / 255, 260 / 255, 414 / 255], rtol=1e-14)
    np.testing.assert_allclose(states["free"], [2.0, 1.0, 1.5], rtol=1e-14)


# -- transient growth -------------------------------------------------------------------------------------


def scalar_chain(depth, mu, gain):
    """The Jacobian, in units of 1/tau, of layers of one unit with all gains alike."""
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(1,) * (depth + 1), mu=mu, target="clamped", tau=f"{TAU} s"
    )
    values = {f"w{i}": [[gain]] for i in range(1, depth + 1)}
    flow = ds.vector_field(circuit, values=values)
    return TAU * flow.jacobian(flow.start)


def modes(depth, mu):
    """Eigenvectors and eigenvalues of the symmetric form of the chain."""
    layer = np.arange(1, depth + 1)
    angles = layer * np.pi / (depth + 1)
    vectors = np.sqrt(2.0 / (depth + 1)) * np.sin(np.outer(layer, angles))
    return vectors, -1.0 + 2.0 * np.sqrt(mu * (1.0 - mu)) * np.cos(angles)


@pytest.mark.parametrize("time", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("mu", [0.1, 0.35, 0.6])
def test_propagator_of_a_chain(mu, time):
    # O3: block (j, k) is ((1 - mu)/mu)^((j - k)/2) times the scalar one times P_j P_k^-1, P_i = W_i ... W_2
    depth, width = 4, 3
    chain = Chain(depth, width, mu, seed=3, target="clamped")
    flow = chain.field(np.zeros(width))
    vectors, rates = modes(depth, mu)
    scalar = (vectors * np.exp(rates * time)) @ vectors.T
    through = [np.eye(width)]
    for i in range(2, depth + 1):
        through.append(chain.weights[f"w{i}"] @ through[-1])
    ratio = np.sqrt((1.0 - mu) / mu)
    blocks = [
        [
            ratio ** (j - k) * scalar[j, k] * through[j] @ np.linalg.inv(through[k])
            for k in range(depth)
        ]
        for j in range(depth)
    ]
    found = propagator(flow.jacobian(flow.start), time * TAU)
    np.testing.assert_allclose(found, np.block(blocks), atol=1e-10)


@pytest.mark.parametrize(
    ("gain", "peak", "abscissa"),
    [(1.0, 1.0, -0.19), (2.0, 2.07, 0.5), (5.0, 24.5, 2.66), (10.0, 188.6, 6.29)],
)
def test_chain_of_large_gains_grows_before_it_settles(gain, peak, abscissa):
    # O4, with the closed propagator O3
    mu, depth = 0.1, 4
    matrix = scalar_chain(depth, mu, gain)
    vectors, rates = modes(depth, mu)
    layer = np.arange(depth)
    weight = (gain * np.sqrt((1.0 - mu) / mu)) ** (layer[:, None] - layer)

    def size(time):
        return np.linalg.norm(weight * ((vectors * np.exp(rates * time)) @ vectors.T), 2)

    best = scipy.optimize.minimize_scalar(
        lambda t: -size(t), bounds=(0.0, 20.0), method="bounded", options={"xatol": 1e-10}
    )
    expected = max(-best.fun, 1.0)
    found = transient_growth(matrix)
    assert found.peak == pytest.approx(expected, rel=1e-6)
    assert expected == pytest.approx(peak, rel=3e-3)
    if gain > 1.0:
        assert found.time == pytest.approx(best.x, rel=1e-4)
    assert numerical_abscissa(matrix) == pytest.approx(abscissa, abs=5e-3)


def test_stable_chain_is_not_negative_definite():
    # F1: only the eigenvalues are negative
    matrix = scalar_chain(2, 0.1, 10.0)
    np.testing.assert_allclose(sorted(np.linalg.eigvals(matrix).real), [-1.3, -0.7], atol=1e-12)
    assert numerical_abscissa(matrix) == pytest.approx(-1.0 + (9.0 + 0.01) / 2.0, abs=1e-12)
    rng, indefinite = np.random.default_rng(0), 0
    for seed in range(40):
        depth, width = rng.integers(2, 6), rng.integers(2, 6)
        sizes = (width,) * (depth + 1)
        circuit = ds.load_circuit(
            "dynamical_tp", sizes=sizes, mu=rng.uniform(0.05, 0.5), target="clamped"
        )
        values = {f"w{i}": rng.normal(size=(width, width)) for i in range(1, depth + 1)}
        flow = ds.vector_field(circuit, values=values, seed=seed)
        jacobian = flow.jacobian(flow.start)
        assert np.linalg.eigvals(jacobian).real.max() < 0.0
        indefinite += numerical_abscissa(jacobian) > 0.0
    assert indefinite > 20


def test_nudged_leaky_rectifiers_are_bistable():
    # F2: with exact inverses a fixed point need not be stable
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(1, 1, 1), mu=0.2, transfer="leaky_relu", target="clamped"
    )
    inputs = {"layer0.h": 1.0, "layer2.target": -2.5}
    flow = ds.vector_field(circuit, inputs=inputs, values={"w1": [[1.0]], "w2": [[1.0]]})
    first = ds.fixed_point(flow, deflate=2)
    points = sorted([first, *first.others], key=lambda p: p.x[0])
    expected = [(-5 / 21, -10.9 / 21), (1 / 3, -0.7 / 3), (5 / 6, 1 / 6)]
    np.testing.assert_allclose([p.x for p in points], expected, atol=1e-12)
    assert [p.verdict for p in points] == ["stable", "unstable", "stable"]
    growth = 0.01 * points[1].eigenvalues[0].real
    assert growth == pytest.approx(-1.0 + np.sqrt(0.2 * 0.8 / 0.1), abs=1e-12)
    assert first.stable


# -- reduced-rank regression ------------------------------------------------------------------------------


def regression(canonical, inputs, outputs, seed=0):
    """White inputs and targets as a batch, with given singular values of Cxy; and Cxy."""
    rng = np.random.default_rng(seed)
    samples = inputs + 3
    x = np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, inputs)))[0].T
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, : len(canonical)]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0][:, : len(canonical)]
    cross = left * np.asarray(canonical) @ right.T
    return x, cross.T @ x, cross


def regression_field(canonical, inputs, outputs, k, eta=1.0, seed=0, **settings):
    """Plasticity alone: the neurons follow without delay."""
    x, y, cross = regression(canonical, inputs, outputs, seed)
    circuit = ds.load_circuit(
        "bmvr", inputs=inputs, outputs=outputs, hidden=k, eta=f"{eta} Hz", **settings
    )
    drives = {"input.x": x, "target.y": y}
    flow = ds.vector_field(circuit, inputs=drives, unfrozen="*", slaved="*.*", seed=seed)
    return flow, cross


def closed_modes(canonical, inputs, outputs, k, tau):
    """Every eigenvalue at the optimum with rho = 1 (O18), zero modes included."""
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
            else:  # only one side has a direction more
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
    assert partners(point.eigenvalues, expected) < 1e-8 * max(eta, 1.0)
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
    assert ds.fixed_point(flow, start).verdict == verdict


@cache
def many_starts():
    flow, cross = regression_field((0.9, 0.75, 0.6, 0.45, 0.3), 7, 5, 2)
    return ds.fixed_point(flow, starts=60), cross


def test_of_many_equilibria_the_optimum_is_reported_and_the_others_are_saddles():
    point, cross = many_starts()
    left = np.linalg.svd(cross)[0]
    w1 = point.state["w1"]
    np.testing.assert_allclose(w1.T @ w1, left[:, :2] @ left[:, :2].T, atol=1e-8)
    assert point.stable
    assert point.spectrum.symmetry_zeros == 2
    assert len(point.others) >= 5
    assert {other.verdict for other in point.others} == {"unstable"}


# -- resting states ---------------------------------------------------------------------------------------

RESTING = [
    ("pyramidal_passive", {}, {"current_soma": "100 pA", "current_apical": "-50 pA"}, 2.0),
    ("pyramidal_burst", {}, {"current_soma": "100 pA", "current_apical": "30 pA"}, 5.0),
    ("pyramidal_burst_conductance", {}, {"current_soma": "50 pA"}, 5.0),
    ("pyramidal_ca", {}, {"current_soma": "50 pA", "current_apical": "50 pA"}, 8.0),
    ("sst", {}, {"current": "10 pA"}, 8.0),
]


@pytest.mark.parametrize(("model", "settings", "currents", "seconds"), RESTING)
def test_resting_state_is_where_a_long_simulation_ends(model, settings, currents, seconds):
    circuit = ds.load_circuit(model, **settings)
    name = circuit.populations[0].name
    drives = {f"{name}.{variable}": current for variable, current in currents.items()}
    point = ds.fixed_point(ds.vector_field(circuit, inputs=drives, subthreshold=True))
    assert point.stable
    block = ds.Block("rest", (ds.Phase("rest", f"{seconds} s"),))
    result = ds.run(ds.Protocol(circuit, (block,), dt="0.1 ms", signals=drives))
    units = {
        label.partition("[")[0]: u
        for label, u in zip(point.flow.labels, point.flow.units, strict=True)
    }
    voltages = [path for path, u in units.items() if u == "V"]
    assert voltages
    for path in point.state:
        tolerance = 1e-6 if path in voltages else 1e-4 * abs(point.state[path]).max() + 1e-14
        assert np.abs(result.state[path][:, 0] - point.state[path]).max() < tolerance, path
