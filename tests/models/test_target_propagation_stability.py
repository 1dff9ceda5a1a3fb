"""Spectra, fixed points and transient growth of target propagation with exact inverses, as theory has them.

O numbers are closed forms, F numbers counterexamples to claims; each formula is given where it is used.
"""

import itertools

import flows
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from comparisons import eigenvalue_distance
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


def smooth_leaky(x):
    return 0.75 * x + 0.25 * (np.sqrt(x**2 + 1.0) - 1.0)


TRANSFERS = {"linear": lambda x: x, "smooth_leaky": smooth_leaky}


class Chain:
    """A chain of layers of one width, with its weights and its feed-forward activities."""

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
        """Return the vector field at the input, with a target for the last layer."""
        inputs = {"layer0.h": self.x, f"layer{self.depth}.target": target}
        return ds.vector_field(self.circuit, inputs=inputs, values=self.weights, **settings)

    def point(self, target, **settings):
        """Return the fixed point, and its activities in the order of layers."""
        point = ds.fixed_point(self.field(target, **settings))
        return point, [point.state[f"layer{i}.h"] for i in range(1, self.depth + 1)]


def live_rates(depth, mu, kappa):
    """Return -1 + 2 c cos(th), where sin((L + 1) th) = b sin(L th) and b = kappa sqrt(mu/(1 - mu)) (O2).

    There is one root between every two zeros of sin(L th); beyond b = (L + 1)/L the first is imaginary.
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
    assert eigenvalue_distance(TAU * found.eigenvalues, expected) < 1e-10
    assert found.verdict == "stable"


@settings(max_examples=25)
@given(depth=DEPTHS, width=WIDTHS, mu=MUS, seed=st.integers(0, 99), eta_hat=st.floats(0.1, 1.0))
def test_live_chain_has_the_spectrum_of_its_top(depth, width, mu, seed, eta_hat):
    for target, kappa in (("free", 1.0), ("nudged", 1.0 - eta_hat)):
        chain = Chain(depth, width, mu, seed, target=target, eta_hat=eta_hat)
        flow = chain.field(np.ones(width))
        found = TAU * np.linalg.eigvals(flow.jacobian(flow.start))
        assert eigenvalue_distance(found, np.repeat(live_rates(depth, mu, kappa), width)) < 1e-10


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
        assert eigenvalue_distance(TAU * point.eigenvalues, expected) < 1e-10


@pytest.mark.parametrize(
    ("depth", "clamped", "free"),
    [
        (2, (0.7, 0.6, 0.5417, 0.5101, 0.5), (0.6459, 0.4877, 0.3678, 0.2709, 0.1910)),
        (4, (0.5146, 0.3528, 0.2585, 0.2073, 0.1910), (0.4977, 0.3152, 0.1962, 0.1147, 0.0603)),
    ],
)
def test_the_slowest_rates_are_the_published_ones(depth, clamped, free):
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
def test_local_errors_of_a_nudged_chain_are_the_closed_form(mu):
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


def test_the_worked_example_of_three_units_in_a_row():
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
    """Return the Jacobian, in units of 1/tau, of a chain of single units whose gains are equal."""
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(1,) * (depth + 1), mu=mu, target="clamped", tau=f"{TAU} s"
    )
    values = {f"w{i}": [[gain]] for i in range(1, depth + 1)}
    flow = ds.vector_field(circuit, values=values)
    return TAU * flow.jacobian(flow.start)


def modes(depth, mu):
    """Return eigenvectors and eigenvalues of the symmetric form of the chain."""
    layer = np.arange(1, depth + 1)
    angles = layer * np.pi / (depth + 1)
    vectors = np.sqrt(2.0 / (depth + 1)) * np.sin(np.outer(layer, angles))
    return vectors, -1.0 + 2.0 * np.sqrt(mu * (1.0 - mu)) * np.cos(angles)


@pytest.mark.parametrize("time", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("mu", [0.1, 0.35, 0.6])
def test_the_propagator_of_a_chain_is_the_closed_form(mu, time):
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
