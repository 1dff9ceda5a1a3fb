"""Closed spectra and settling times of target propagation circuits against full Jacobians and integrations."""

from itertools import pairwise

import numpy as np
import pytest
from chain_examples import ETA_HAT, MUS, TOP_GAIN, TOPS, depths, inverses, jacobian, mus, network
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import gammainc

from dendrosim.analysis.target_propagation import fixed_points, settling, spectrum
from dendrosim.errors import ParameterError


def test_a_clamped_spectrum_is_the_tridiagonal_one():
    """-1 + 2 sqrt(mu (1 - mu) nu) cos(k pi/(L + 1))."""
    for mu in (*MUS, 0.7):
        for layers in (1, 2, 3, 6, 10):
            for nu in (1.0, 1.3, -0.4, 0.5 + 0.8j):
                modes = np.cos(np.arange(1, layers + 1) * np.pi / (layers + 1))
                expected = -1 + 2 * np.sqrt(complex(mu * (1 - mu) * nu)) * modes
                found = spectrum.eigenvalues(mu, layers, nu=nu)
                expected = expected[np.lexsort((expected.imag, -expected.real.round(12)))]
                found = found[np.lexsort((found.imag, -found.real.round(12)))]
                assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("layers", "clamped", "free"),
    [
        (2, [0.7000, 0.6000, 0.5417, 0.5101, 0.5000], [0.6459, 0.4877, 0.3678, 0.2708, 0.1910]),
        (3, [0.5757, 0.4343, 0.3519, 0.3072, 0.2929], [0.5467, 0.3717, 0.2514, 0.1634, 0.0990]),
        (4, [0.5146, 0.3528, 0.2585, 0.2073, 0.1910], [0.4977, 0.3152, 0.1962, 0.1147, 0.0603]),
        (6, [0.4594, 0.2792, 0.1742, 0.1172, 0.0990], [0.4524, 0.2630, 0.1457, 0.0719, 0.0291]),
        (10, [0.4243, 0.2324, 0.1206, 0.0599, 0.0405], [0.4223, 0.2275, 0.1115, 0.0438, 0.0112]),
    ],
)
def test_the_slowest_rates_have_their_known_digits(layers, clamped, free):
    assert [spectrum.slowest_rate(mu, layers) for mu in MUS] == pytest.approx(clamped, abs=5.1e-5)
    assert [spectrum.slowest_rate(mu, layers, top="free") for mu in MUS] == pytest.approx(
        free, abs=5.1e-5
    )


@pytest.mark.parametrize("top", ["free", "nudged"])
@pytest.mark.parametrize("mu", MUS)
@pytest.mark.parametrize("layers", [2, 3, 6])
def test_a_live_top_has_the_angles_of_its_boundary_condition(top, mu, layers):
    """-1 + 2c cos(th) with sin((L + 1) th) = b sin(L th), c^2 = mu (1 - mu), b = kappa sqrt(r)."""
    b = TOP_GAIN[top] * np.sqrt(mu / (1 - mu))

    def condition(angle):
        return np.sin((layers + 1) * angle) - b * np.sin(layers * angle)

    # At the zeros of sin(L th) the sign of the condition alternates, so that each gap holds one angle.
    zeros = np.append(np.arange(layers) * np.pi / layers + 1e-9, np.pi - 1e-9)
    angles = [brentq(condition, low, high, xtol=1e-15) for low, high in pairwise(zeros)]
    expected = -1 + 2 * np.sqrt(mu * (1 - mu)) * np.cos(angles)
    found = spectrum.eigenvalues(mu, layers, top=top, eta_hat=ETA_HAT)
    assert found == pytest.approx(expected, abs=1e-8)


def test_a_free_spectrum_at_equal_mixing():
    k = np.arange(1, 8)
    expected = -1 + np.cos((2 * k - 1) * np.pi / 15)
    assert spectrum.eigenvalues(0.5, 7, top="free") == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("mu", [0.1, 0.35, 0.5, 0.7])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_networks_with_exact_inverses_have_each_eigenvalue_once_per_unit(top, mu, seed):
    ws, _, _ = network((2, 3, 3, 3), seed)
    full = np.linalg.eigvals(jacobian(ws, inverses(ws), mu, TOP_GAIN[top]))
    each = spectrum.eigenvalues(mu, 3, top=top, eta_hat=ETA_HAT)
    assert np.abs(full.imag).max() < 1e-6
    assert np.sort(full.real) == pytest.approx(np.sort(np.repeat(each.real, 3)), abs=1e-6)


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("nu", [1.8, -0.6, 0.4 - 0.9j])
def test_apical_weights_that_are_off_by_a_factor_have_its_spectrum(top, nu):
    """A complex factor turns and scales in the plane, and has its conjugate with it."""
    turn = np.array([[np.real(nu), -np.imag(nu)], [np.imag(nu), np.real(nu)]])
    ws, _, _ = network((2, 2, 2, 2))
    # In these coordinates W_2 and W_3 are the identity, which changes no eigenvalue.
    ws[1:] = [np.eye(2), np.eye(2)]
    full = np.linalg.eigvals(jacobian(ws, [turn, turn], 0.3, TOP_GAIN[top]))
    pair = [spectrum.eigenvalues(0.3, 3, top=top, eta_hat=ETA_HAT, nu=v) for v in (nu, np.conj(nu))]
    expected = np.concatenate(pair)
    for value in expected:
        assert np.abs(full - value).min() < 1e-7
    assert full.sum() == pytest.approx(expected.sum(), abs=1e-10)


@pytest.mark.parametrize(
    ("mu", "known"),
    [
        (0.2, {2: 6.25, 3: 3.125, 4: 2.387, 6: 1.925, 600: 1.5625}),
        (0.4, {2: 4.167, 3: 2.083, 4: 1.592, 6: 1.283, 600: 1.0417}),
        (0.1, {3: 5.556}),
    ],
)
def test_clamped_circuits_lose_stability_at_the_known_scale_of_the_inverse(mu, known):
    for layers, scale in known.items():
        assert spectrum.critical_inverse_scale(mu, layers) == pytest.approx(scale, abs=6e-4)
        if layers < 600:
            exact = 1 / (4 * mu * (1 - mu) * np.cos(np.pi / (layers + 1)) ** 2)
            assert spectrum.critical_inverse_scale(mu, layers) == pytest.approx(exact, rel=1e-12)


@given(mus, st.integers(2, 9), st.sampled_from(TOPS), st.floats(0.05, 5.0))
def test_the_critical_scale_parts_stable_from_unstable(mu, layers, top, eta_hat):
    kind = {"top": top, "eta_hat": eta_hat}
    critical = spectrum.critical_inverse_scale(mu, layers, **kind)
    assert critical > 1.0
    assert spectrum.slowest_rate(mu, layers, nu=critical, **kind) == pytest.approx(0.0, abs=1e-12)
    for off in (1e-3, 0.5):
        assert spectrum.slowest_rate(mu, layers, nu=(1 + off) * critical, **kind) < 0.0
    assert spectrum.slowest_rate(mu, layers, nu=-3.0 * critical, **kind) > 0.0


@pytest.mark.parametrize("top", TOPS)
def test_a_single_layer_has_no_inverse_that_could_be_off(top):
    assert spectrum.critical_inverse_scale(0.3, 1, top=top) == np.inf
    assert spectrum.slowest_rate(0.3, 1, top=top, nu=100.0) == spectrum.slowest_rate(
        0.3, 1, top=top
    )


@given(mus, depths, st.sampled_from(TOPS), st.floats(0.05, 5.0))
def test_circuits_with_exact_inverses_are_stable(mu, layers, top, eta_hat):
    rate = spectrum.slowest_rate(mu, layers, top=top, eta_hat=eta_hat)
    assert rate > 0.0
    if top == "clamped":
        assert rate >= (np.sqrt(1 - mu) - np.sqrt(mu)) ** 2 - 1e-14
    elif eta_hat <= 1.0:
        assert rate <= spectrum.slowest_rate(mu, layers) + 1e-14


def test_settling_takes_the_time_of_the_slowest_mode_and_of_the_fall_of_the_signal():
    assert settling.settling_time(0.2, 3) == pytest.approx(21.088, abs=1e-3)
    assert settling.settling_time(0.2, 3, top="free") == pytest.approx(24.638, abs=1e-3)
    for mu in (0.5, 0.6):
        assert settling.settling_time(mu, 4) == pytest.approx(5 / spectrum.slowest_rate(mu, 4))


@pytest.mark.parametrize(("mu", "off"), [(0.1, 0.02), (0.2, 0.02), (0.4, 0.04), (0.5, 0.04)])
@pytest.mark.parametrize("layers", [2, 3, 5])
@pytest.mark.parametrize("top", ["clamped", "nudged"])
def test_the_signal_of_the_first_layer_is_readable_once_settled(mu, off, layers, top):
    ones = [np.eye(1)] * layers
    settled = fixed_points.linear_fixed_point(
        ones, ones[1:], [1.0], [2.0], mu, top=top, eta_hat=ETA_HAT
    )
    flow = jacobian(ones, ones[1:], mu, TOP_GAIN[top])
    end = np.concatenate(settled[1:])
    time = settling.settling_time(mu, layers, top=top, eta_hat=ETA_HAT)
    run = solve_ivp(
        lambda _, h: flow @ (h - end), (0, time), np.zeros(layers), rtol=1e-9, atol=1e-12
    )
    assert run.y[0, -1] - 1.0 == pytest.approx(end[0] - 1.0, rel=off)


@pytest.mark.parametrize("nu", [2.1, 4.0 + 1.0j])
def test_an_unstable_circuit_has_no_settling_time(nu):
    with pytest.raises(ParameterError, match=r"no settling time.*critical value 2\.08333"):
        settling.settling_time(0.4, 3, nu=nu)


def test_a_cascade_settles_one_filter_after_the_other():
    times = [settling.cascade_time(stages, 1e-3) for stages in (1, 2, 3, 4)]
    assert np.round(times, 2).tolist() == [6.91, 9.23, 11.23, 13.06]
    chain = np.eye(4, k=-1) - np.eye(4)
    drive = np.array([1.0, 0.0, 0.0, 0.0])
    time = settling.cascade_time(4)
    run = solve_ivp(lambda _, a: chain @ a + drive, (0, time), np.zeros(4), rtol=1e-10, atol=1e-12)
    assert 1.0 - run.y[-1, -1] == pytest.approx(1e-4, rel=1e-4)
    assert 1.0 - gammainc(4, time) == pytest.approx(1e-4, rel=1e-9)
