"""Numerical abscissa, propagator and transient growth against closed forms."""

import flows
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.errors import ParameterError
from dendrosim.stability.spectrum import transient_growth as transient
from dendrosim.stability.spectrum.transient_growth import (
    numerical_abscissa,
    propagator,
    transient_growth,
)


def closed_propagator(depth, mu, gain, time):
    """exp(J t) of the scalar chain with tau = 1."""
    layer = np.arange(1, depth + 1)
    angles = layer * np.pi / (depth + 1)
    modes = np.sqrt(2.0 / (depth + 1)) * np.sin(np.outer(layer, angles))
    decay = np.exp((-1.0 + 2.0 * np.sqrt(mu * (1.0 - mu)) * np.cos(angles)) * time)
    weight = (np.sqrt((1.0 - mu) / mu) * gain) ** (layer[:, None] - layer)
    return weight * ((modes * decay) @ modes.T)


@pytest.mark.parametrize(
    ("gain", "peak", "rate"), [(1, 1, -0.19), (2, 2.07, 0.50), (5, 24.5, 2.66), (10, 188.6, 6.29)]
)
def test_chain_grows_before_it_settles(gain, peak, rate):
    matrix = flows.chain([gain] * 3, 0.1)
    closed = -1.0 + (0.9 * gain + 0.1 / gain) * np.cos(np.pi / 5)
    assert numerical_abscissa(matrix) == pytest.approx(closed, rel=1e-12)
    assert closed == pytest.approx(rate, abs=5e-3)
    growth = transient_growth(matrix)
    assert growth.peak == pytest.approx(peak, rel=3e-3)
    if gain == 1:
        assert (growth.peak, growth.time, growth.bound) == (1.0, 0.0, 1.0)
        return
    best = scipy.optimize.minimize_scalar(
        lambda t: -np.linalg.norm(closed_propagator(4, 0.1, gain, t), 2),
        bounds=(0.1, 20.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert growth.peak == pytest.approx(-best.fun, rel=1e-9)
    assert growth.time == pytest.approx(best.x, rel=1e-5)
    assert growth.peak <= growth.bound <= 1.0011 * growth.peak


@pytest.mark.parametrize("time", [0.0, 0.3, 2.0, 9.0])
def test_the_propagator_of_a_chain_is_the_closed_form(time):
    expected = closed_propagator(5, 0.2, 1.7, time / 0.02)
    found = propagator(flows.chain([1.7] * 4, 0.2, tau=0.02), time)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_the_time_of_the_peak_is_proportional_to_tau():
    fast, slow = (transient_growth(flows.chain([5.0] * 3, 0.1, tau)) for tau in (1e-3, 10.0))
    assert fast.peak == pytest.approx(slow.peak, rel=1e-9)
    assert slow.time == pytest.approx(1e4 * fast.time, rel=1e-4)


@settings(max_examples=25)
@given(coupling=st.floats(2.01, 1e6), rate=st.floats(1e-3, 1e4))
def test_shear_peaks_where_its_closed_form_does(coupling, rate):
    matrix = rate * np.array([[-1.0, coupling], [0.0, -1.0]])
    u = np.sqrt(coupling**2 / 4.0 - 1.0)  # |exp(J t)| = exp(asinh(k t/2) - t)
    growth = transient_growth(matrix)
    assert growth.peak == pytest.approx(
        (u + coupling / 2.0) * np.exp(-2.0 * u / coupling), rel=1e-8
    )
    assert growth.time == pytest.approx(2.0 * u / coupling / rate, rel=1e-3, abs=1e-3 / rate)


def test_in_units_that_make_the_jacobian_symmetric_nothing_grows():
    mu, gain = 0.1, 10.0
    matrix = flows.chain([gain] * 3, mu)
    scale = (gain * np.sqrt((1.0 - mu) / mu)) ** np.arange(4)  # in these units J is symmetric
    assert numerical_abscissa(matrix, scale) == pytest.approx(flows.chain_rates(4, mu)[0])
    assert transient_growth(matrix, scale=scale).peak == 1.0
    with pytest.raises(ParameterError, match="scale"):
        numerical_abscissa(matrix, [1.0, 0.0, 1.0, 1.0])


def test_unstable_flow_grows_for_ever():
    growth = transient_growth(np.array([[0.1, 0.0], [0.0, -1.0]]))
    assert (growth.peak, growth.time) == (np.inf, np.inf)
    drift = transient_growth(np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert (drift.peak, drift.time) == (np.inf, np.inf)


def test_zero_modes_of_symmetries_are_left_out():
    matrix = np.array([[0.0, 3.0, 0.0], [0.0, -1.0, 8.0], [0.0, 0.0, -1.0]])
    growth = transient_growth(matrix, np.eye(3)[:, :1])
    assert growth.peak == pytest.approx(transient_growth(matrix[1:, 1:]).peak)
    # If they are included, |exp(J t)| tends to the norm of the projector on the zero mode, [1, 3, 24].
    end = transient_growth(matrix)
    assert end.time == np.inf
    assert end.peak == pytest.approx(np.sqrt(1.0 + 9.0 + 576.0), rel=1e-6)


def test_uncoupled_parts_are_searched_apart():
    parts = [flows.chain([gain] * 3, 0.1) for gain in (1.0, 2.0, 5.0, 2.0)]
    whole = sp.csc_array(sp.block_diag([*parts, -np.eye(500)]))
    growth = transient_growth(whole)
    alone = transient_growth(parts[2])
    assert (growth.peak, growth.time) == pytest.approx((alone.peak, alone.time))
    assert numerical_abscissa(whole) == pytest.approx(numerical_abscissa(parts[2]))


def test_equal_cells_are_searched_once(monkeypatch):
    searched, growth = [], transient._search_peak
    monkeypatch.setattr(
        transient, "_search_peak", lambda part: searched.append(part) or growth(part)
    )
    cell = np.array([[-1.0, 5.0], [0.0, -2.0]])
    found = transient_growth(sp.csr_array(sp.block_diag([cell] * 500)))
    assert len(searched) == 1
    assert found.peak == transient_growth(cell).peak


def test_beats_do_not_hide_the_peak():
    # A fast squeezed rotation decays a million times more slowly than it turns.
    squeeze, omega = 9.0, 1e3
    matrix = np.array([[-1e-3, squeeze * omega], [-omega / squeeze, -1e-3]])
    growth = transient_growth(matrix)
    assert growth.peak == pytest.approx(squeeze, rel=1e-5)
    assert growth.time == pytest.approx(0.5 * np.pi / omega, rel=1e-3)
