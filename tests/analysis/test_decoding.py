"""Lags, decoding and cross-talk of made-up signals; shares of variance of hand-made grids."""

import numpy as np
import pytest

from dendrosim.analysis import decoding
from dendrosim.errors import ParameterError, ShapeError

pytestmark = pytest.mark.filterwarnings("error")  # constant series must not warn

DT = 0.01
TIME = np.arange(1000) * DT


def sine(hertz, delay=0.0):
    return np.sin(2 * np.pi * hertz * (TIME - delay))


# -- lag ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 1, 7, 20])
@pytest.mark.parametrize("gain", [3.0, -3.0])
def test_the_lag_of_a_delayed_sine_is_found(steps, gain):
    delayed = 5.0 + gain * sine(1.0, steps * DT)
    found = decoding.best_lag_correlation(sine(1.0), delayed, DT, 0.2)
    assert found.correlation == pytest.approx(np.sign(gain), abs=1e-12)
    assert found.lag == pytest.approx(steps * DT)


def test_a_statistic_that_leads_has_its_best_lag_at_zero():
    found = decoding.best_lag_correlation(sine(1.0), sine(1.0, -0.05), DT, 0.1)
    assert found.lag == 0.0
    assert found.correlation == pytest.approx(np.cos(2 * np.pi * 0.05), abs=1e-6)


def test_the_lag_goes_up_to_and_including_the_largest():
    # 0.29 / 0.01 is a little less than 29 in floating point.
    for largest, lag in ((0.29, 0.29), (0.289, 0.28), (0.4, 0.29)):
        found = decoding.best_lag_correlation(sine(1.0), sine(1.0, 0.29), DT, largest)
        assert found.lag == pytest.approx(lag)


def test_windows_that_are_nan_are_dropped_pairwise():
    signal, delayed = sine(1.0), sine(1.0, 0.05)
    signal[::7], delayed[::5] = np.nan, np.nan
    found = decoding.best_lag_correlation(signal, delayed, DT, 0.2)
    assert found == (pytest.approx(1.0), pytest.approx(0.05))


def test_the_correlation_does_not_depend_on_scale():
    for scale in (1e-200, 1e200):
        found = decoding.best_lag_correlation(sine(1.0), scale * sine(1.0, 0.05), DT, 0.1)
        assert found == (pytest.approx(1.0), pytest.approx(0.05))


@pytest.mark.parametrize("other", [np.full(1000, 0.1), np.full(1000, np.nan)])
def test_a_constant_or_unknown_series_has_no_correlation(other):
    assert np.isnan(decoding.best_lag_correlation(other, sine(1.0), DT, 0.2)).all()
    assert np.isnan(decoding.best_lag_correlation(sine(1.0), other, DT, 0.2)).all()


# -- decoding -------------------------------------------------------------------------------------


def test_a_delayed_noiseless_statistic_decodes_its_signal_and_no_other():
    signals = np.array([sine(0.5), sine(0.7)])
    statistics = np.array([4.0 - 0.1 * sine(0.5, 0.05), 1.0 + sine(0.7, 0.02)])
    share = decoding.linear_decoding(signals, statistics, DT, 0.1, folds=2)
    np.testing.assert_allclose(np.diagonal(share), 1.0, atol=1e-9)
    assert share[0, 1] < 0.1
    assert share[1, 0] < 0.1


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("folds", [2, 5])
def test_the_share_decoded_through_noise_is_that_of_the_closed_form(noise, folds):
    # White unit signal in white noise: the best linear decoder explains 1 / (1 + noise^2).
    rng = np.random.default_rng(0)
    signal = rng.normal(size=20_000)
    statistic = np.roll(signal, 3) + noise * rng.normal(size=20_000)
    share = decoding.linear_decoding([signal], [statistic], DT, 0.05, folds)
    assert share[0, 0] == pytest.approx(1 / (1 + noise**2), abs=0.02)


def test_noise_explains_nothing_of_windows_that_were_held_out():
    rng = np.random.default_rng(1)
    signals, noise = rng.normal(size=(20, 100)), rng.normal(size=(20, 100))
    share = decoding.linear_decoding(signals, noise, DT, 0.05)
    assert share.mean() < 0.0


def test_a_constant_statistic_decodes_the_mean_and_a_constant_signal_has_no_share():
    share = decoding.linear_decoding(
        [sine(1.0), np.full(1000, 0.1)], [np.full(1000, 0.1), sine(1.0)], DT, 0.1
    )
    assert share[0, 0] == 0.0
    assert np.isnan(share[1]).all()
    unknown = decoding.linear_decoding([sine(1.0)], [np.full(1000, np.nan)], DT, 0.1)
    assert np.isnan(unknown).all()


def test_windows_without_a_statistic_are_left_out_of_the_share():
    statistic = sine(1.0, 0.05)
    statistic[100:450] = np.nan  # more than one whole block of five
    share = decoding.linear_decoding([sine(1.0)], [statistic], DT, 0.1)
    np.testing.assert_allclose(share, 1.0, atol=1e-9)


# -- cross-talk -----------------------------------------------------------------------------------


def test_cross_talk_is_the_wrong_signals_correlation_over_the_own_ones():
    # Sines of whole numbers of periods are orthogonal: the mixture has r = cos, sin of the angle.
    soma, dendrite = sine(1.0), sine(2.0)
    mixed = 0.8 * soma - 0.6 * dendrite
    talk = decoding.cross_talk([soma, dendrite], [mixed, 3.0 + dendrite], DT, 0.0)
    np.testing.assert_allclose(talk, [[1.0, 0.75], [0.0, 1.0]], atol=1e-9)


def test_cross_talk_of_a_statistic_that_does_not_move_is_not_a_number():
    talk = decoding.cross_talk([sine(1.0), sine(2.0)], [np.ones(1000), sine(2.0)], DT, 0.0)
    assert np.isnan(talk[0]).all()
    np.testing.assert_allclose(talk[1], [0.0, 1.0], atol=1e-9)


# -- multiplexing ---------------------------------------------------------------------------------


SOMA, DENDRITE = np.array([0.0, 1.0, 2.0, 5.0])[:, None], np.array([[-1.0, 0.0, 2.0]])


def test_a_value_that_depends_on_one_input_has_index_one_there_and_zero_elsewhere():
    grid = np.exp(SOMA) + 0.0 * DENDRITE
    assert decoding.multiplexing_index(grid, 0) == pytest.approx(1.0)
    assert decoding.multiplexing_index(grid, 1) == pytest.approx(0.0, abs=1e-12)
    assert decoding.multiplexing_index(grid.T, 1) == pytest.approx(1.0)


def test_shares_of_an_additive_grid_are_those_of_the_variances():
    soma, dendrite = np.var(SOMA), 9.0 * np.var(DENDRITE)
    grid = SOMA - 3.0 * DENDRITE
    assert decoding.multiplexing_index(grid, 0) == pytest.approx(soma / (soma + dendrite))
    assert decoding.multiplexing_index(grid, 1) == pytest.approx(dendrite / (soma + dendrite))


def test_pure_interaction_belongs_to_no_input():
    grid = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert decoding.multiplexing_index(grid, 0) == decoding.multiplexing_index(grid, 1) == 0.0


def test_shares_and_interaction_worked_out_by_hand():
    # Mean 2.5; row means 1.5 and 3.5: 4 * 1 of 5. Column means 2 and 3: 4 * 0.25 of 5.
    grid = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert decoding.multiplexing_index(grid, 0) == pytest.approx(0.8)
    assert decoding.multiplexing_index(grid, 1) == pytest.approx(0.2)


def test_entries_that_are_not_a_number_are_left_out():
    grid = np.tile(DENDRITE, (4, 1))
    grid[0] = np.nan  # a silent soma has no burst probability
    grid[1, 2] = np.nan
    assert decoding.multiplexing_index(grid, 1) == pytest.approx(1.0)
    # By hand: rows (1, -) and (3, 5): mean 3, row means 1 and 4; 4 + 2 * 1 of 4 + 0 + 4.
    grid = np.array([[1.0, np.nan], [3.0, 5.0]])
    assert decoding.multiplexing_index(grid, 0) == pytest.approx(6.0 / 8.0)


@pytest.mark.parametrize(
    "grid",
    [
        np.full((2, 3), 0.1),
        np.full((2, 3), np.nan),
        np.array([[1.0, 2.0], [np.nan, np.nan]]),
        np.array([[1.0, np.nan], [2.0, np.nan]]),
    ],
)
def test_a_grid_without_two_levels_or_variance_has_no_index(grid):
    assert np.isnan(decoding.multiplexing_index(grid, 0))
    assert np.isnan(decoding.multiplexing_index(grid, 1))


# -- wrong input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"signal": [1.0, 2.0]}, ShapeError, "2 windows and the statistic 5"),
        ({"signal": [[1.0, 2.0]]}, ShapeError, r"signal has shape \(1, 2\)"),
        ({"decoded": [0.0, 1.0, np.inf, 0.0, 1.0]}, ParameterError, "decoded holds an infinite"),
        ({"dt": 0.0}, ParameterError, "dt is 0.0 s"),
        ({"max_lag": -0.1}, ParameterError, "not negative"),
        ({"max_lag": 3.0}, ParameterError, "must leave 3 of the 5 windows"),
    ],
)
def test_series_that_cannot_be_compared_are_refused(change, error, message):
    arguments = {"signal": np.arange(5.0), "decoded": np.arange(5.0), "dt": 1.0, "max_lag": 2.0}
    with pytest.raises(error, match=message):
        decoding.best_lag_correlation(**(arguments | change))


@pytest.mark.parametrize("folds", [1, 501])
def test_blocks_must_divide_the_windows(folds):
    with pytest.raises(ParameterError, match="from 2 to 500"):
        decoding.linear_decoding([sine(1.0)], [sine(1.0)], DT, 0.0, folds)


def test_cross_talk_needs_a_statistic_for_each_signal():
    with pytest.raises(ShapeError, match="one statistic for each signal"):
        decoding.cross_talk([sine(1.0)], [sine(1.0), sine(2.0)], DT, 0.0)
    with pytest.raises(ShapeError, match=r"must be \(signals, windows\)"):
        decoding.cross_talk(sine(1.0), sine(2.0), DT, 0.0)


@pytest.mark.parametrize(
    ("values", "axis", "error", "message"),
    [
        (np.ones(3), 0, ShapeError, "at least"),
        (np.ones((1, 3)), 0, ShapeError, "at least"),
        (np.ones((2, 3)), 2, ParameterError, "axis is 2"),
        (np.array([[1.0, np.inf], [1.0, 2.0]]), 0, ParameterError, "infinite"),
    ],
)
def test_a_grid_must_have_two_inputs(values, axis, error, message):
    with pytest.raises(error, match=message):
        decoding.multiplexing_index(values, axis)
