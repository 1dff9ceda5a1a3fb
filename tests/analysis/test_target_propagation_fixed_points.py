"""Closed fixed points and learning signals of target propagation circuits against solves and integrations."""

import numpy as np
import pytest
from chain_examples import ETA_HAT, TOPS, carried, depths, forward, inverses, mus, network
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dendrosim.analysis.target_propagation import fixed_points, layer_signals, spectrum


def test_the_worked_example():
    """Three layers of one unit, W = (2, 1/2, 3/2), x = 1, y = 2, mu = 1/5."""
    ws = [np.array([[w]]) for w in (2.0, 0.5, 1.5)]
    assert 255 * layer_signals.gains(0.2, 3) == pytest.approx([0, 3, 15, 63])
    found = fixed_points.fixed_point(ws, [1.0], [2.0], 0.2)
    expected = [1.0, 2.0078431, 1.0196078, 1.6235294]
    assert np.round(np.concatenate(found), 7).tolist() == expected
    assert np.round(spectrum.eigenvalues(0.2, 3).real, 7).tolist() == [-0.4343146, -1, -1.5656854]
    free = fixed_points.linear_fixed_point(ws, inverses(ws), [1.0], [2.0], 0.2, top="free")
    assert np.concatenate(free) == pytest.approx([1.0, 2.0, 1.0, 1.5])


@given(mus, depths)
def test_layers_share_the_error_of_the_output(mu, layers):
    gains, r = layer_signals.gains(mu, layers), mu / (1 - mu)
    assert gains[0] == 0.0
    assert np.all(np.diff(gains) > 0.0)
    assert gains[-1] < 1.0
    ff = layer_signals.local_error_factors_feed_forward(mu, layers)
    assert np.diff(gains) == pytest.approx(ff, rel=1e-9, abs=1e-15)
    local = layer_signals.local_error_factors(mu, layers)
    assert local[:-1] == pytest.approx(r * local[1:])
    assert local[-1] == pytest.approx(r)
    total, _ = layer_signals.nudge_self_consistency(mu, layers, 1.0)
    # A clamped target is a nudge of 1: the settled error is 1/(1 + S) of the feed-forward one.
    assert (1.0 + total) * ff == pytest.approx(local)
    two = layer_signals.two_phase_factors(mu, layers)
    assert np.all(two >= local)
    assert two[0] == local[0]
    assert (1.0 + total) * gains[1:] == pytest.approx(two)
    total, relief = layer_signals.nudge_self_consistency(mu, layers, ETA_HAT)
    assert total == pytest.approx(two[-1])
    assert relief == pytest.approx(1.0 / (1.0 + ETA_HAT * total))


@pytest.mark.parametrize("mu", [0.1, 0.3, 0.499, 0.6])
def test_factors_have_their_closed_forms(mu):
    q, r, i = (1 - mu) / mu, mu / (1 - mu), np.arange(6)
    assert layer_signals.gains(mu, 5) == pytest.approx((q**i - 1) / (q**6 - 1), rel=1e-10)
    expected = r ** (6 - i[1:]) * (1 - r ** i[1:]) / (1 - r)
    assert layer_signals.two_phase_factors(mu, 5) == pytest.approx(expected, rel=1e-10)
    total, _ = layer_signals.nudge_self_consistency(mu, 5, 0.5)
    assert total == pytest.approx((1 - q**-5.0) / (q - 1), rel=1e-10)


@given(depths, st.floats(-1e-9, 1e-9))
def test_nothing_breaks_at_equal_mixing(layers, off):
    mu, i = 0.5 + off, np.arange(layers + 1)
    assert layer_signals.gains(mu, layers) == pytest.approx(i / (layers + 1), abs=1e-7)
    assert layer_signals.local_error_factors(mu, layers) == pytest.approx(np.ones(layers), abs=1e-7)
    assert layer_signals.two_phase_factors(mu, layers) == pytest.approx(i[1:], abs=1e-6)
    assert layer_signals.nudge_self_consistency(mu, layers, 1.0)[0] == pytest.approx(
        layers, abs=1e-6
    )


@pytest.mark.parametrize("mu", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("samples", [(), (4,)])
def test_closed_fixed_points_solve_the_circuit(mu, samples):
    ws, _, rng = network((2, 3, 3, 3), 3)
    x, y = rng.normal(size=(2, *samples)), rng.normal(size=(3, *samples))
    found = fixed_points.fixed_point(ws, x, y, mu)
    solved = fixed_points.linear_fixed_point(ws, inverses(ws), x, y, mu)
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
    expected = np.concatenate(fixed_points.fixed_point(ws, x, y, mu)[1:])
    assert run.y[:, -1] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("top", TOPS)
def test_any_apical_weights_and_sizes_balance_at_the_fixed_point(top):
    ws, qs, rng = network((4, 5, 3, 2), 5)
    x, y, mu = rng.normal(size=(4, 6)), rng.normal(size=(2, 6)), 0.25
    h = fixed_points.linear_fixed_point(ws, qs, x, y, mu, top=top, eta_hat=ETA_HAT)
    target = {"clamped": y, "free": h[-1], "nudged": h[-1] - ETA_HAT * (h[-1] - y)}[top]
    above = [*(q @ u for q, u in zip(qs, h[2:], strict=True)), target]
    for below, here, w, g in zip(h[:-1], h[1:], ws, above, strict=True):
        assert here == pytest.approx((1 - mu) * w @ below + mu * g, abs=1e-12)


def test_a_free_circuit_is_a_feed_forward_one_only_with_exact_inverses():
    ws, qs, rng = network((2, 3, 3, 3), 6)
    x, y = rng.normal(size=2), rng.normal(size=3)
    exact = fixed_points.linear_fixed_point(ws, inverses(ws), x, y, 0.3, top="free")
    other = fixed_points.linear_fixed_point(ws, qs, x, y, 0.3, top="free")
    ff = forward(ws, x)
    assert np.concatenate(exact) == pytest.approx(np.concatenate(ff), abs=1e-12)
    assert np.abs(other[-1] - ff[-1]).max() > 1e-2


@pytest.mark.parametrize("mu", [0.15, 0.5, 0.6])
def test_a_nudged_circuit_has_the_signals_of_the_closed_forms(mu):
    ws, _, rng = network((2, 3, 3, 3), 7)
    x, y = rng.normal(size=2), rng.normal(size=3)
    ff = forward(ws, x)
    nudged, free = (
        fixed_points.linear_fixed_point(ws, inverses(ws), x, y, mu, top=top, eta_hat=ETA_HAT)
        for top in ("nudged", "free")
    )
    error = nudged[-1] - y
    relief = layer_signals.nudge_self_consistency(mu, 3, ETA_HAT)[1]
    assert error == pytest.approx(relief * (ff[-1] - y), abs=1e-12)
    down = carried(ws, ETA_HAT * error)
    local, two = layer_signals.local_error_factors(mu, 3), layer_signals.two_phase_factors(mu, 3)
    for i, w in enumerate(ws):
        assert nudged[i + 1] - w @ nudged[i] == pytest.approx(-local[i] * down[i], abs=1e-12)
        assert nudged[i + 1] - free[i + 1] == pytest.approx(-two[i] * down[i], abs=1e-12)


def test_a_clamped_circuit_has_the_signals_of_the_closed_forms():
    ws, _, rng = network((2, 3, 3, 3), 8)
    x, y, mu = rng.normal(size=2), rng.normal(size=3), 0.3
    h, ff = fixed_points.fixed_point(ws, x, y, mu), forward(ws, x)
    settled, before = carried(ws, h[-1] - y), carried(ws, y - ff[-1])
    local = layer_signals.local_error_factors(mu, 3)
    share = layer_signals.local_error_factors_feed_forward(mu, 3)
    for i, w in enumerate(ws):
        assert h[i + 1] - w @ h[i] == pytest.approx(-local[i] * settled[i], abs=1e-12)
        assert h[i + 1] - w @ h[i] == pytest.approx(share[i] * before[i], abs=1e-12)


@pytest.mark.parametrize("sizes", [(3, 4), (4, 5, 3, 2), (2, 3, 3, 3), (3, 2, 4, 5, 3)])
@pytest.mark.parametrize("mu", [0.1, 0.45])
def test_two_phases_differ_by_the_signal_alone_whatever_the_apical_weights(sizes, mu):
    ws, qs, rng = network(sizes, 9)
    x, y = rng.normal(size=(sizes[0], 5)), rng.normal(size=(sizes[-1], 5))
    nudged, free = (
        fixed_points.linear_fixed_point(ws, qs, x, y, mu, top=top, eta_hat=ETA_HAT)
        for top in ("nudged", "free")
    )
    found = fixed_points.two_phase_difference(ws, qs, nudged[-1] - y, mu, ETA_HAT)
    for d, a, b in zip(found, nudged[1:], free[1:], strict=True):
        assert d == pytest.approx(a - b, abs=1e-12)


def test_two_phases_with_exact_inverses_have_the_closed_factors():
    ws, _, rng = network((2, 3, 3, 3), 10)
    e = rng.normal(size=3)
    found = fixed_points.two_phase_difference(ws, inverses(ws), e, 0.3, ETA_HAT)
    factors = layer_signals.two_phase_factors(0.3, 3)
    for d, factor, down in zip(found, factors, carried(ws, ETA_HAT * e), strict=True):
        assert d == pytest.approx(-factor * down, abs=1e-12)
