"""Linear decoding of signals from statistics of a population, and cross-talk between signals.

A statistic is a time series with one value per window, such as the event rate or burst probability of `bursts`. It
follows a signal, possibly with a lag. Windows in which either value is NaN (the burst probability of a window
without events) are left out of both series.

Sources
-------
Naud & Sprekeler (2018), "Sparse bursts optimize information transmission in a multiplexed neural code", PNAS
115:E6329: event rate and burst probability as linear read-outs of somatic and dendritic input. Cross-talk and
multiplexing index are defined here; the index is the correlation ratio of Fisher's analysis of variance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array, Integers
from dendrosim.errors import ParameterError, ShapeError

_FEWEST_PAIRS = 3
"""Smallest number of windows for a correlation; two points always lie on a line."""


class BestLag(NamedTuple):
    """A Pearson correlation, and the lag in seconds at which it was found; both may be NaN."""

    correlation: float
    lag: float


def best_lag_correlation(
    signal: ArrayLike, decoded: ArrayLike, dt: float, max_lag: float
) -> BestLag:
    """Return the Pearson correlation of a signal with a series that lags behind it, at the best lag.

    The correlation of ``signal(t)`` with ``decoded(t + lag)`` is computed for each lag 0, dt, ... up to `max_lag`.
    The correlation of largest magnitude is returned with its sign; if several are equally large, the correlation
    at the smallest lag is returned. For a periodic signal, choose a `max_lag` below half a period, because at half
    a period a correlation of opposite sign is as large. The choice of the best lag biases the correlation away
    from zero by about ``1 / sqrt(windows)``.

    Parameters
    ----------
    signal, decoded : array_like, shape (windows,)
        Series in any unit.
    dt : float
        Time from one window to the next in seconds.
    max_lag : float
        Largest lag in seconds.

    Returns
    -------
    BestLag
        Both numbers are NaN if at each lag one of the series is constant or fewer than 3 pairs are left.

    Raises
    ------
    ShapeError
        If the series are not one-dimensional and of the same length.
    ParameterError
        If a value is infinite, `dt` is not positive, or `max_lag` is negative or too long.
    """
    first, second = _series("signal", signal, 1), _series("decoded", decoded, 1)
    lags = _lags(first, second, dt, max_lag)
    step, correlation = _strongest(first, second, lags)
    return BestLag(correlation, step * dt if np.isfinite(correlation) else np.nan)


def linear_decoding(
    signals: ArrayLike, statistics: ArrayLike, dt: float, max_lag: float, folds: int = 5
) -> Array:
    """Return the cross-validated share of each signal's variance that each statistic explains linearly.

    The decoder is ``signal(t) ~ a + b statistic(t + lag)``. For each of `folds` contiguous blocks of time, ``lag``
    (as in `best_lag_correlation`), ``a`` and ``b`` (least squares) are fitted to all other blocks. The squared
    errors are summed over the blocks, and so are the squared errors of a constant, the mean signal of the other
    blocks. The share is 1 minus the ratio of the two sums. Blocks are contiguous because neighbouring windows are
    similar.

    Parameters
    ----------
    signals : array_like, shape (signals, windows)
        Signals in any unit.
    statistics : array_like, shape (statistics, windows)
        Statistics in any unit.
    dt : float
        Time from one window to the next in seconds.
    max_lag : float
        Largest lag in seconds.
    folds : int, default 5
        Number of blocks, at least 2; with 2, each half is decoded with the fit to the other half.

    Returns
    -------
    ndarray, shape (signals, statistics)
        A share of 1 is perfect, 0 is as good as the mean (for instance with a constant statistic), and a negative
        share is worse than the mean. A share is NaN for a constant signal, or if fewer than 3 pairs are left for a
        fit.

    Raises
    ------
    ShapeError
        If the arrays are not two-dimensional with the same number of windows.
    ParameterError
        If a value is infinite, `dt` is not positive, `max_lag` is negative or too long, or `folds` is below 2 or
        more than half the windows.
    """
    signals, statistics = _series("signals", signals, 2), _series("statistics", statistics, 2)
    lags = _lags(signals, statistics, dt, max_lag)
    windows = signals.shape[1] - lags + 1
    if not 2 <= folds <= windows // 2:
        raise ParameterError(
            f"folds is {folds}; with {windows} windows it must lie from 2 to {windows // 2}"
        )
    blocks = np.arange(windows) * folds // windows
    shares = [[_share(s, x, lags, blocks) for x in statistics] for s in signals]
    return np.array(shares, dtype=np.float64)


def cross_talk(signals: ArrayLike, statistics: ArrayLike, dt: float, max_lag: float) -> Array:
    """Return how strongly each statistic follows each signal, relative to the signal that it is meant to follow.

    Entry ``[k, i]`` is ``|r(k, i)| / |r(k, k)|``, where ``r(k, i)`` is the correlation of statistic ``k`` with
    signal ``i`` at its best lag (see `best_lag_correlation`). 0 means no cross-talk; above 1, the statistic
    follows the wrong signal more than its own. The entries describe the cells only if the signals are
    uncorrelated; noise alone gives entries of about ``1 / sqrt(windows)``.

    Parameters
    ----------
    signals, statistics : array_like, shape (signals, windows)
        Row ``k`` of `statistics` is meant to follow row ``k`` of `signals`.
    dt : float
        Time from one window to the next in seconds.
    max_lag : float
        Largest lag in seconds.

    Returns
    -------
    ndarray, shape (signals, signals)
        Statistics as rows and signals as columns, with 1 on the diagonal. A row is NaN if the correlation of a
        statistic with its own signal is zero or NaN.

    Raises
    ------
    ShapeError
        If the arrays are not two-dimensional and of the same shape.
    ParameterError
        If a value is infinite, `dt` is not positive, or `max_lag` is negative or too long.
    """
    signals, statistics = _series("signals", signals, 2), _series("statistics", statistics, 2)
    if signals.shape != statistics.shape:
        raise ShapeError(
            f"signals {signals.shape} and statistics {statistics.shape} must have the same shape: "
            "one statistic for each signal"
        )
    lags = _lags(signals, statistics, dt, max_lag)
    strength = np.abs([[_strongest(s, x, lags)[1] for s in signals] for x in statistics])
    own = np.diagonal(strength)[:, None]
    return np.divide(strength, own, out=np.full(strength.shape, np.nan), where=own > 0)


def multiplexing_index(values: ArrayLike, axis: int) -> float:
    """Return the share of the variance over a grid of two inputs that one input explains alone.

    With ``n_i`` values of mean ``m_i`` at level ``i`` of the input along `axis`, and the mean ``m`` of all values,
    this is ``sum n_i (m_i - m)^2 / sum (v - m)^2``: the main effect divided by the total of a two-way analysis of
    variance. An index of 1 means that the value depends on that input only, and 0 means that on average it does
    not depend on that input. The remainder is the effect of the other input, their interaction and noise.

    Parameters
    ----------
    values : array_like, shape (somatic levels, dendritic levels)
        Values such as event rates or burst probabilities. NaN entries are left out of sums and means. The index is
        still 1 for a value that depends on that input only, but in general an uneven pattern of missing entries
        adds a part of the other input's effect.
    axis : {0, 1}
        Axis of the input: 0 for the somatic input, 1 for the dendritic input.

    Returns
    -------
    float
        From 0 to 1; NaN for constant values, or if fewer than 2 levels of an input have values.

    Raises
    ------
    ShapeError
        If `values` is not a grid with at least two levels of each input.
    ParameterError
        If `axis` is not 0 or 1, or a value is infinite.
    """
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim != 2 or min(grid.shape) < 2:
        raise ShapeError(f"values has shape {grid.shape}; it must be a grid of at least (2, 2)")
    if axis not in (0, 1):
        raise ParameterError(f"axis is {axis!r}; it must be 0 (first input) or 1 (second)")
    if np.isinf(grid).any():
        raise ParameterError(
            "values holds an infinite value; write nan for an entry that is to be left out"
        )
    grid = grid if axis == 0 else grid.T
    known = ~np.isnan(grid)
    rows, columns = known.any(axis=1), known.any(axis=0)
    if rows.sum() < 2 or columns.sum() < 2 or np.ptp(grid[known]) == 0.0:
        return float("nan")
    centred = np.where(known, grid - grid[known].mean(), 0.0)[rows]
    number = known[rows].sum(axis=1)
    return float(np.sum(centred.sum(axis=1) ** 2 / number) / np.sum(centred**2))


def _share(signal: Array, statistic: Array, lags: int, blocks: Integers) -> float:
    """Return the cross-validated share of one signal's variance that one statistic explains."""
    windows = len(blocks)
    signal = signal[:windows]
    targets, baselines, errors = [], [], []
    for block in range(int(blocks[-1]) + 1):
        own = blocks == block
        step = _strongest(np.where(own, np.nan, signal), statistic, lags)[0]
        lagged = statistic[step : step + windows]
        x, y = _pairs(lagged[~own], signal[~own])
        if len(x) < _FEWEST_PAIRS:
            return float("nan")
        away = x - x.mean()
        slope = 0.0 if np.ptp(x) == 0.0 else float(away @ y) / float(away @ away)
        known, target = _pairs(lagged[own], signal[own])
        targets.append(target)
        baselines.append(target - y.mean())
        errors.append(baselines[-1] - slope * (known - x.mean()))
    tested = np.concatenate(targets)
    if len(tested) == 0 or np.ptp(tested) == 0.0:
        return float("nan")
    return float(1.0 - np.sum(np.concatenate(errors) ** 2) / np.sum(np.concatenate(baselines) ** 2))


def _strongest(signal: Array, decoded: Array, lags: int) -> tuple[int, float]:
    """Return the best lag in windows and its correlation, or lag 0 and NaN if no lag has a correlation."""
    values = np.array([_correlation(signal, decoded[lag:]) for lag in range(lags)])
    strength = np.abs(values)
    if np.isnan(strength).all():
        return 0, float("nan")
    # Correlations that differ only by rounding errors count as equal; the smallest of their lags is chosen.
    best = int(np.flatnonzero(strength >= np.nanmax(strength) - 1e-12)[0])
    return best, float(values[best])


def _pairs(first: Array, second: Array) -> tuple[Array, Array]:
    """Return two series up to the end of the shorter one, without the pairs that have a NaN."""
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    keep = ~(np.isnan(first) | np.isnan(second))
    return first[keep], second[keep]


def _correlation(first: Array, second: Array) -> float:
    """Return the Pearson correlation of the pairs without NaN; NaN if one series is constant or too short."""
    x, y = _pairs(first, second)
    if len(x) < _FEWEST_PAIRS or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    # The series are scaled first, so that squares of tiny numbers do not underflow.
    x, y = (x - x.mean()) / np.ptp(x), (y - y.mean()) / np.ptp(y)
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _series(name: str, given: ArrayLike, axes: int) -> Array:
    """Return one series (windows,) or several (series, windows) as an array; raise an error for other shapes."""
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != axes:
        wanted = "(windows,)" if axes == 1 else f"({name}, windows)"
        raise ShapeError(f"{name} has shape {values.shape}; it must be {wanted}")
    if np.isinf(values).any():
        raise ParameterError(
            f"{name} holds an infinite value; write nan for a window that is to be left out"
        )
    return values


def _lags(signals: Array, statistics: Array, dt: float, max_lag: float) -> int:
    """Check sizes and times, and return the number of lags."""
    windows = signals.shape[-1]
    if statistics.shape[-1] != windows:
        raise ShapeError(
            f"the signal has {windows} windows and the statistic {statistics.shape[-1]}: "
            "they must be the same windows"
        )
    if not (np.isfinite(dt) and dt > 0.0):
        raise ParameterError(f"dt is {dt} s; it must be positive and finite")
    if not (np.isfinite(max_lag) and max_lag >= 0.0):
        raise ParameterError(f"max_lag is {max_lag} s; it must be finite and not negative")
    # Because of the tolerance, a max_lag of n * dt includes the lag n in spite of rounding errors.
    lags = int(np.floor(max_lag / dt + 1e-9)) + 1
    if lags > windows - _FEWEST_PAIRS + 1:
        raise ParameterError(
            f"max_lag is {max_lag} s; it must leave {_FEWEST_PAIRS} of the {windows} windows of "
            f"{dt} s to compare"
        )
    return lags
