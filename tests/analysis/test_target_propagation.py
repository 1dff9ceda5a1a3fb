"""Closed forms of target propagation circuits against full Jacobians, solves and integrations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import gammainc

from dendrosim.analysis import target_propagation as tp
from dendrosim.circuit.initial_values.well_conditioned import WellConditioned
from dendrosim.errors import ParameterError, ShapeError

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


def test_a_clamped_spectrum_is_the_tridiagonal_one():
    """-1 + 2 sqrt(mu (1 - mu) nu) cos(k pi/(L + 1))."""
    for mu in (*MUS, 0.7):
        for layers in (1, 2, 3, 6, 10):
            for nu in (1.0, 1.3, -0.4, 0.5 + 0.8j):
                modes = np.cos(np.arange(1, layers + 1) * np.pi / (layers + 1))
                expected = -1 + 2 * np.sqrt(complex(mu * (1 - mu) * nu)) * modes
                found = tp.eigenvalues(mu, layers, nu=nu)
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
    assert [tp.slowest_rate(mu, layers) for mu in MUS] == pytest.approx(clamped, abs=5.1e-5)
    assert [tp.slowest_rate(mu, layers, top="free") for mu in MUS] == pytest.approx(
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
    found = tp.eigenvalues(mu, layers, top=top, eta_hat=ETA_HAT)
    assert found == pytest.approx(expected, abs=1e-8)


def test_a_free_spectrum_at_equal_mixing():
    k = np.arange(1, 8)
    expected = -1 + np.cos((2 * k - 1) * np.pi / 15)
    assert tp.eigenvalues(0.5, 7, top="free") == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("mu", [0.1, 0.35, 0.5, 0.7])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_networks_with_exact_inverses_have_each_eigenvalue_once_per_unit(top, mu, seed):
    ws, _, _ = network((2, 3, 3, 3), seed)
    full = np.linalg.eigvals(jacobian(ws, inverses(ws), mu, TOP_GAIN[top]))
    each = tp.eigenvalues(mu, 3, top=top, eta_hat=ETA_HAT)
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
    pair = [tp.eigenvalues(0.3, 3, top=top, eta_hat=ETA_HAT, nu=v) for v in (nu, np.conj(nu))]
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
        assert tp.critical_inverse_scale(mu, layers) == pytest.approx(scale, abs=6e-4)
        if layers < 600:
            exact = 1 / (4 * mu * (1 - mu) * np.cos(np.pi / (layers + 1)) ** 2)
            assert tp.critical_inverse_scale(mu, layers) == pytest.approx(exact, rel=1e-12)


@given(mus, st.integers(2, 9), st.sampled_from(TOPS), st.floats(0.05, 5.0))
def test_the_critical_scale_parts_stable_from_unstable(mu, layers, top, eta_hat):
    kind = {"top": top, "eta_hat": eta_hat}
    critical = tp.critical_inverse_scale(mu, layers, **kind)
    assert critical > 1.0
    assert tp.slowest_rate(mu, layers, nu=critical, **kind) == pytest.approx(0.0, abs=1e-12)
    for off in (1e-3, 0.5):
        assert tp.slowest_rate(mu, layers, nu=(1 + off) * critical, **kind) < 0.0
    assert tp.slowest_rate(mu, layers, nu=-3.0 * critical, **kind) > 0.0


@pytest.mark.parametrize("top", TOPS)
def test_a_single_layer_has_no_inverse_that_could_be_off(top):
    assert tp.critical_inverse_scale(0.3, 1, top=top) == np.inf
    assert tp.slowest_rate(0.3, 1, top=top, nu=100.0) == tp.slowest_rate(0.3, 1, top=top)


@given(mus, depths, st.sampled_from(TOPS), st.floats(0.05, 5.0))
def test_circuits_with_exact_inverses_are_stable(mu, layers, top, eta_hat):
    rate = tp.slowest_rate(mu, layers, top=top, eta_hat=eta_hat)
    assert rate > 0.0
    if top == "clamped":
        assert rate >= (np.sqrt(1 - mu) - np.sqrt(mu)) ** 2 - 1e-14
    elif eta_hat <= 1.0:
        assert rate <= tp.slowest_rate(mu, layers) + 1e-14


def test_settling_takes_the_time_of_the_slowest_mode_and_of_the_fall_of_the_signal():
    assert tp.settling_time(0.2, 3) == pytest.approx(21.088, abs=1e-3)
    assert tp.settling_time(0.2, 3, top="free") == pytest.approx(24.638, abs=1e-3)
    for mu in (0.5, 0.6):
        assert tp.settling_time(mu, 4) == pytest.approx(5 / tp.slowest_rate(mu, 4))


@pytest.mark.parametrize(("mu", "off"), [(0.1, 0.02), (0.2, 0.02), (0.4, 0.04), (0.5, 0.04)])
@pytest.mark.parametrize("layers", [2, 3, 5])
@pytest.mark.parametrize("top", ["clamped", "nudged"])
def test_the_signal_of_the_first_layer_is_readable_once_settled(mu, off, layers, top):
    ones = [np.eye(1)] * layers
    settled = tp.linear_fixed_point(ones, ones[1:], [1.0], [2.0], mu, top=top, eta_hat=ETA_HAT)
    flow = jacobian(ones, ones[1:], mu, TOP_GAIN[top])
    end = np.concatenate(settled[1:])
    time = tp.settling_time(mu, layers, top=top, eta_hat=ETA_HAT)
    run = solve_ivp(
        lambda _, h: flow @ (h - end), (0, time), np.zeros(layers), rtol=1e-9, atol=1e-12
    )
    assert run.y[0, -1] - 1.0 == pytest.approx(end[0] - 1.0, rel=off)


@pytest.mark.parametrize("nu", [2.1, 4.0 + 1.0j])
def test_an_unstable_circuit_has_no_settling_time(nu):
    with pytest.raises(ParameterError, match=r"no settling time.*critical 2\.08333"):
        tp.settling_time(0.4, 3, nu=nu)


def test_a_cascade_settles_one_filter_after_the_other():
    times = [tp.cascade_time(stages, 1e-3) for stages in (1, 2, 3, 4)]
    assert np.round(times, 2).tolist() == [6.91, 9.23, 11.23, 13.06]
    chain = np.eye(4, k=-1) - np.eye(4)
    drive = np.array([1.0, 0.0, 0.0, 0.0])
    time = tp.cascade_time(4)
    run = solve_ivp(lambda _, a: chain @ a + drive, (0, time), np.zeros(4), rtol=1e-10, atol=1e-12)
    assert 1.0 - run.y[-1, -1] == pytest.approx(1e-4, rel=1e-4)
    assert 1.0 - gammainc(4, time) == pytest.approx(1e-4, rel=1e-9)


def test_the_worked_example():
    """Three layers of one unit, W = (2, 1/2, 3/2), x = 1, y = 2, mu = 1/5."""
    ws = [np.array([[w]]) for w in (2.0, 0.5, 1.5)]
    assert 255 * tp.gains(0.2, 3) == pytest.approx([0, 3, 15, 63])
    found = tp.fixed_point(ws, [1.0], [2.0], 0.2)
    expected = [1.0, 2.0078431, 1.0196078, 1.6235294]
    assert np.round(np.concatenate(found), 7).tolist() == expected
    assert np.round(tp.eigenvalues(0.2, 3).real, 7).tolist() == [-0.4343146, -1, -1.5656854]
    free = tp.linear_fixed_point(ws, inverses(ws), [1.0], [2.0], 0.2, top="free")
    assert np.concatenate(free) == pytest.approx([1.0, 2.0, 1.0, 1.5])


@given(mus, depths)
def test_layers_share_the_error_of_the_output(mu, layers):
    gains, r = tp.gains(mu, layers), mu / (1 - mu)
    assert gains[0] == 0.0
    assert np.all(np.diff(gains) > 0.0)
    assert gains[-1] < 1.0
    ff = tp.local_error_factors_feed_forward(mu, layers)
    assert np.diff(gains) == pytest.approx(ff, rel=1e-9, abs=1e-15)
    local = tp.local_error_factors(mu, layers)
    assert local[:-1] == pytest.approx(r * local[1:])
    assert local[-1] == pytest.approx(r)
    total, _ = tp.nudge_self_consistency(mu, layers, 1.0)
    # A clamped target is a nudge of 1: the settled error is 1/(1 + S) of the feed-forward one.
    assert (1.0 + total) * ff == pytest.approx(local)
    two = tp.two_phase_factors(mu, layers)
    assert np.all(two >= local)
    assert two[0] == local[0]
    assert (1.0 + total) * gains[1:] == pytest.approx(two)
    total, relief = tp.nudge_self_consistency(mu, layers, ETA_HAT)
    assert total == pytest.approx(two[-1])
    assert relief == pytest.approx(1.0 / (1.0 + ETA_HAT * total))


@pytest.mark.parametrize("mu", [0.1, 0.3, 0.499, 0.6])
def test_factors_have_their_closed_forms(mu):
    q, r, i = (1 - mu) / mu, mu / (1 - mu), np.arange(6)
    assert tp.gains(mu, 5) == pytest.approx((q**i - 1) / (q**6 - 1), rel=1e-10)
    expected = r ** (6 - i[1:]) * (1 - r ** i[1:]) / (1 - r)
    assert tp.two_phase_factors(mu, 5) == pytest.approx(expected, rel=1e-10)
    total, _ = tp.nudge_self_consistency(mu, 5, 0.5)
    assert total == pytest.approx((1 - q**-5.0) / (q - 1), rel=1e-10)


@given(depths, st.floats(-1e-9, 1e-9))
def test_nothing_breaks_at_equal_mixing(layers, off):
    mu, i = 0.5 + off, np.arange(layers + 1)
    assert tp.gains(mu, layers) == pytest.approx(i / (layers + 1), abs=1e-7)
    assert tp.local_error_factors(mu, layers) == pytest.approx(np.ones(layers), abs=1e-7)
    assert tp.two_phase_factors(mu, layers) == pytest.approx(i[1:], abs=1e-6)
    assert tp.nudge_self_consistency(mu, layers, 1.0)[0] == pytest.approx(layers, abs=1e-6)


@pytest.mark.parametrize("mu", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("samples", [(), (4,)])
def test_closed_fixed_points_solve_the_circuit(mu, samples):
    ws, _, rng = network((2, 3, 3, 3), 3)
    x, y = rng.normal(size=(2, *samples)), rng.normal(size=(3, *samples))
    found = tp.fixed_point(ws, x, y, mu)
    solved = tp.linear_fixed_point(ws, inverses(ws), x, y, mu)
    for a, b, size in zip(found, solved, (2, 3, 3, 3), strict=True):
        assert a == pytest.approx(b, abs=1e-12)
        assert a.shape == (size, *samples)


def test_a_circuit_left_alone_settles_at_its_fixed_point():
    ws, _, rng = network((2, 3, 3, 3), 4)
    x, y, mu = rng.normal(size=2), rng.normal(size=3), 0.3

    def flow(_, state):
        h = [x, *state.reshape(3, 3)]
        above = [*(q @ u for q, u in zip(inverses(ws), h[2:], strict=True)), y]
        parts = zip(h[:-1], h[1:], ws, above, strict=True)
        return np.concatenate([-a + (1 - mu) * w @ b + mu * g for b, a, w, g in parts])

    run = solve_ivp(flow, (0, 100), np.zeros(9), rtol=1e-9, atol=1e-12)
    expected = np.concatenate(tp.fixed_point(ws, x, y, mu)[1:])
    assert run.y[:, -1] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("top", TOPS)
def test_any_apical_weights_and_sizes_balance_at_the_fixed_point(top):
    ws, qs, rng = network((4, 5, 3, 2), 5)
    x, y, mu = rng.normal(size=(4, 6)), rng.normal(size=(2, 6)), 0.25
    h = tp.linear_fixed_point(ws, qs, x, y, mu, top=top, eta_hat=ETA_HAT)
    target = {"clamped": y, "free": h[-1], "nudged": h[-1] - ETA_HAT * (h[-1] - y)}[top]
    above = [*(q @ u for q, u in zip(qs, h[2:], strict=True)), target]
    for below, here, w, g in zip(h[:-1], h[1:], ws, above, strict=True):
        assert here == pytest.approx((1 - mu) * w @ below + mu * g, abs=1e-12)


def test_a_free_circuit_is_a_feed_forward_one_only_with_exact_inverses():
    ws, qs, rng = network((2, 3, 3, 3), 6)
    x, y = rng.normal(size=2), rng.normal(size=3)
    exact = tp.linear_fixed_point(ws, inverses(ws), x, y, 0.3, top="free")
    other = tp.linear_fixed_point(ws, qs, x, y, 0.3, top="free")
    ff = forward(ws, x)
    assert np.concatenate(exact) == pytest.approx(np.concatenate(ff), abs=1e-12)
    assert np.abs(other[-1] - ff[-1]).max() > 1e-2


@pytest.mark.parametrize("mu", [0.15, 0.5, 0.6])
def test_a_nudged_circuit_has_the_signals_of_the_closed_forms(mu):
    ws, _, rng = network((2, 3, 3, 3), 7)
    x, y = rng.normal(size=2), rng.normal(size=3)
    ff = forward(ws, x)
    nudged, free = (
        tp.linear_fixed_point(ws, inverses(ws), x, y, mu, top=top, eta_hat=ETA_HAT)
        for top in ("nudged", "free")
    )
    error = nudged[-1] - y
    relief = tp.nudge_self_consistency(mu, 3, ETA_HAT)[1]
    assert error == pytest.approx(relief * (ff[-1] - y), abs=1e-12)
    down = carried(ws, ETA_HAT * error)
    local, two = tp.local_error_factors(mu, 3), tp.two_phase_factors(mu, 3)
    for i, w in enumerate(ws):
        assert nudged[i + 1] - w @ nudged[i] == pytest.approx(-local[i] * down[i], abs=1e-12)
        assert nudged[i + 1] - free[i + 1] == pytest.approx(-two[i] * down[i], abs=1e-12)


def test_a_clamped_circuit_has_the_signals_of_the_closed_forms():
    ws, _, rng = network((2, 3, 3, 3), 8)
    x, y, mu = rng.normal(size=2), rng.normal(size=3), 0.3
    h, ff = tp.fixed_point(ws, x, y, mu), forward(ws, x)
    settled, before = carried(ws, h[-1] - y), carried(ws, y - ff[-1])
    local = tp.local_error_factors(mu, 3)
    share = tp.local_error_factors_feed_forward(mu, 3)
    for i, w in enumerate(ws):
        assert h[i + 1] - w @ h[i] == pytest.approx(-local[i] * settled[i], abs=1e-12)
        assert h[i + 1] - w @ h[i] == pytest.approx(share[i] * before[i], abs=1e-12)


@pytest.mark.parametrize("sizes", [(3, 4), (4, 5, 3, 2), (2, 3, 3, 3), (3, 2, 4, 5, 3)])
@pytest.mark.parametrize("mu", [0.1, 0.45])
def test_two_phases_differ_by_the_signal_alone_whatever_the_apical_weights(sizes, mu):
    ws, qs, rng = network(sizes, 9)
    x, y = rng.normal(size=(sizes[0], 5)), rng.normal(size=(sizes[-1], 5))
    nudged, free = (
        tp.linear_fixed_point(ws, qs, x, y, mu, top=top, eta_hat=ETA_HAT)
        for top in ("nudged", "free")
    )
    found = tp.two_phase_difference(ws, qs, nudged[-1] - y, mu, ETA_HAT)
    for d, a, b in zip(found, nudged[1:], free[1:], strict=True):
        assert d == pytest.approx(a - b, abs=1e-12)


def test_two_phases_with_exact_inverses_have_the_closed_factors():
    ws, _, rng = network((2, 3, 3, 3), 10)
    e = rng.normal(size=3)
    found = tp.two_phase_difference(ws, inverses(ws), e, 0.3, ETA_HAT)
    factors = tp.two_phase_factors(0.3, 3)
    for d, factor, down in zip(found, factors, carried(ws, ETA_HAT * e), strict=True):
        assert d == pytest.approx(-factor * down, abs=1e-12)


def learning_chain(mu, layers, eta_hat, kappa):
    """Jacobian of W_1 (in place of W_1 x) and h_1 .. h_L, with all other weights 1."""
    chain = np.diag(np.full(layers + 1, -1.0))
    chain += (1 - mu) * np.eye(layers + 1, k=-1) + mu * np.eye(layers + 1, k=1)
    chain[0, :2] = -kappa, kappa
    chain[-1, -1] += mu * (1 - eta_hat)
    return chain


def instant_chain(mu, layers, eta_hat):
    """The same with h_1 in place of W_1 x."""
    chain = learning_chain(mu, layers, eta_hat, 1.0)[1:, 1:]
    chain[0, 0] += 1 - mu
    return chain


@pytest.mark.parametrize(
    ("mu", "layers", "eta_hat", "limit"),
    [
        (0.2, 3, 0.5, 0.00421),
        (0.3, 3, 0.5, 0.01414),
        (0.1, 2, 1.0, 0.00917),
        (0.4, 4, 0.5, 0.01747),
    ],
)
def test_the_speed_of_learning_is_limited(mu, layers, eta_hat, limit):
    found = tp.speed_limit(mu, layers, eta_hat)
    assert found == pytest.approx(limit, abs=5.1e-6)
    chain = instant_chain(mu, layers, eta_hat)
    assert found == pytest.approx(-np.linalg.eigvals(chain).real.max(), rel=1e-10)
    assert abs(np.linalg.det(chain)) == pytest.approx(mu**layers * eta_hat, rel=1e-10)
    for kappa in np.logspace(-3, 4, 30):
        rate = tp.learning_rate_of_error(mu, layers, eta_hat, kappa)
        both = 1 / (1 / tp.adiabatic_rate(mu, layers, eta_hat, kappa) + 1 / found)
        assert 1.0 <= rate / both < 1.025


@given(mus, depths, st.floats(0.05, 2.0), st.floats(-6, 6))
def test_learning_is_slower_than_either_limit_and_faster_than_both_in_a_row(
    mu, layers, eta_hat, exponent
):
    case = (mu, layers, eta_hat)
    kappa = 10.0**exponent
    rate, limit = tp.learning_rate_of_error(*case, kappa), tp.speed_limit(*case)
    slow = tp.adiabatic_rate(*case, kappa)
    assert 1 / (1 / slow + 1 / limit) * (1 - 1e-9) <= rate <= min(slow, limit) * (1 + 1e-9)
    chain = learning_chain(*case, kappa)
    assert rate == pytest.approx(
        -np.linalg.eigvals(chain).real.max(), rel=1e-6, abs=1e-12 + 1e-12 * kappa
    )


@pytest.mark.parametrize("case", [(0.2, 3, 0.5), (0.4, 1, 1.0), (0.6, 4, 0.3), (0.02, 8, 0.5)])
def test_slow_and_fast_plasticity_have_their_limits(case):
    slow = tp.adiabatic_rate(*case, 1e-9)
    assert tp.learning_rate_of_error(*case, 1e-9) == pytest.approx(slow, rel=1e-6)
    limit = tp.speed_limit(*case)
    assert tp.learning_rate_of_error(*case, 1e12) == pytest.approx(limit, rel=1e-3)
    assert tp.learning_rate_of_error(*case, np.inf) == limit


def test_one_layer_learns_instantly_at_the_rate_of_its_nudge():
    assert tp.speed_limit(0.3, 1, 0.5) == pytest.approx(0.3 * 0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("mu", "kappa", "eta_hat"), [(0.4, 0.5, 1.0), (0.4, 20.0, 1.0), (0.3, 2.0, 0.5)]
)
def test_a_network_that_learns_from_white_data_loses_its_error_at_the_rate(mu, kappa, eta_hat):
    """Every sample with its own layers, W_1 following eq. 6.17 averaged over them; tau = 1."""
    layers, n, samples = 2, 2, 6
    ws, _, rng = network((n,) * (layers + 1), 11)
    x = np.linalg.qr(rng.normal(size=(samples, n)))[0].T * np.sqrt(2.0 * samples)  # <x x^T> = 2 I
    y = rng.normal(size=(n, n)) @ x
    q = np.linalg.inv(ws[1])
    size = n * samples

    def flow(_, state):
        first, second = state[: 2 * size].reshape(2, n, samples)
        w = state[2 * size :].reshape(n, n)
        top = second - eta_hat * (second - y)
        signal = -kappa / 2.0 * (w @ x - first) @ x.T / samples
        return np.concatenate(
            [
                (-first + (1 - mu) * w @ x + mu * q @ second).ravel(),
                (-second + (1 - mu) * ws[1] @ first + mu * top).ravel(),
                signal.ravel(),
            ]
        )

    rate = tp.learning_rate_of_error(mu, layers, eta_hat, kappa)
    times = np.array([0.0, 6.0, 8.0]) / rate
    start = np.concatenate([np.zeros(2 * size), ws[0].ravel()])
    run = solve_ivp(
        flow, (0, times[-1]), start, t_eval=times, method="LSODA", rtol=1e-10, atol=1e-13
    )
    error = [np.linalg.norm(h[size : 2 * size].reshape(n, samples) - y) for h in run.y.T]
    assert error[2] < 0.01 * error[0]
    assert np.log(error[1] / error[2]) / (times[2] - times[1]) == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("mu", [0.0, 1.0, -0.2, 1.5, np.nan])
def test_mu_lies_between_0_and_1(mu):
    w = [np.eye(2), np.eye(2)]
    calls = [
        lambda: tp.eigenvalues(mu, 2),
        lambda: tp.slowest_rate(mu, 2, top="free"),
        lambda: tp.critical_inverse_scale(mu, 2),
        lambda: tp.settling_time(mu, 2),
        lambda: tp.gains(mu, 2),
        lambda: tp.local_error_factors(mu, 2),
        lambda: tp.local_error_factors_feed_forward(mu, 2),
        lambda: tp.two_phase_factors(mu, 2),
        lambda: tp.nudge_self_consistency(mu, 2, 0.5),
        lambda: tp.fixed_point(w, [1.0, 1.0], [1.0, 1.0], mu),
        lambda: tp.linear_fixed_point(w, w[1:], [1.0, 1.0], [1.0, 1.0], mu),
        lambda: tp.two_phase_difference(w, w[1:], [1.0, 1.0], mu, 0.5),
        lambda: tp.adiabatic_rate(mu, 2, 0.5, 1.0),
        lambda: tp.speed_limit(mu, 2, 0.5),
        lambda: tp.learning_rate_of_error(mu, 2, 0.5, 1.0),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="mu is"):
            call()


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: tp.eigenvalues(0.2, 0), ParameterError, "layers is 0"),
        (lambda: tp.eigenvalues(0.2, 2, top="open"), ParameterError, "top is 'open'"),
        (lambda: tp.eigenvalues(0.2, 2, nu=np.inf), ParameterError, "nu is inf"),
        (lambda: tp.eigenvalues(0.2, 2, top="nudged", eta_hat=0.0), ParameterError, "eta_hat is 0"),
        (lambda: tp.speed_limit(0.2, 2, -1.0), ParameterError, "eta_hat is -1"),
        (lambda: tp.learning_rate_of_error(0.2, 2, 0.5, 0.0), ParameterError, "kappa is 0"),
        (lambda: tp.cascade_time(0), ParameterError, "stages is 0"),
        (lambda: tp.cascade_time(2, 1.0), ParameterError, "left is 1"),
        (lambda: tp.fixed_point([], [1.0], [1.0], 0.2), ShapeError, "one matrix or more"),
        (lambda: tp.fixed_point([np.eye(2)], [1.0], [1.0, 1.0], 0.2), ShapeError, "input"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call, kind, said):
    with pytest.raises(kind, match=said):
        call()


def test_weights_without_an_inverse_and_sizes_that_do_not_fit_are_named():
    x, two = [1.0, 1.0], np.eye(2)
    with pytest.raises(ParameterError, match=r"weights\[1\] has no inverse"):
        tp.fixed_point([two, np.ones((2, 2))], x, x, 0.2)
    with pytest.raises(ShapeError, match=r"weights\[1\] is \(3, 2\); it must be square"):
        tp.fixed_point([two, np.ones((3, 2))], x, [1.0] * 3, 0.2)
    with pytest.raises(ShapeError, match=r"weights\[1\] is \(2, 3\); it must have 2 columns"):
        tp.fixed_point([two, np.ones((2, 3))], x, x, 0.2)
    with pytest.raises(ShapeError, match="feedback is"):
        tp.linear_fixed_point([two, np.ones((3, 2))], [np.ones((3, 2))], x, [1.0] * 3, 0.2)
    with pytest.raises(ShapeError, match="e is"):
        tp.two_phase_difference([two, two], [two], [1.0], 0.2, 0.5)


def test_a_marginal_circuit_has_no_fixed_point_of_its_own():
    critical = tp.critical_inverse_scale(0.5, 2)
    assert critical == pytest.approx(4.0)
    with pytest.raises(ParameterError, match="marginal"):
        tp.linear_fixed_point([np.eye(1)] * 2, [[[4.0]]], [1.0], [1.0], 0.5)
