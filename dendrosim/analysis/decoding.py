"""What can be read linearly from windowed statistics of a population, and how much it mixes.

A statistic is a series in time such as the event rate or burst probability of `bursts`, one value
per window. It answers a signal, which it may lag. Windows in which either is nan (no events, no
burst probability) are dropped pairwise.

Sources
-------
Naud & Sprekeler (2018), "Sparse bursts optimize information transmission in a multiplexed neural
code", PNAS 115:E6329: event rate and burst probability as linear read-outs of somatic and
dendritic input. Cross-talk and multiplexing index are defined here; the latter is the correlation
ratio of Fisher's analysis of variance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array, Integers
from dendrosim.errors import ParameterError, ShapeError

_FEWEST_PAIRS = 3


class BestLag(NamedTuple):
    """A Pearson correlation and the lag in seconds at which it was found; both may be nan."""

    correlation: float
    lag: float


def best_lag_correlation(
    signal: ArrayLike, decoded: ArrayLike, dt: float, max_lag: float
) -> BestLag:
    """Pearson correlation of a signal with what lags it, at the lag where it is strongest.

    The correlation of ``signal(t)`` with ``decoded(t + lag)`` is taken for every lag 0, dt, ...
    up to `max_lag`. The one of largest magnitude is returned with its sign, at the smallest such
    lag. Keep `max_lag` below half a period of a periodic signal: there the opposite sign fits as
    well. The best of several lags is biased away from zero, by about ``1 / sqrt(windows)``.

    Parameters
    ----------
    signal, decoded : ndarray, shape (windows,)
    dt : float
        From window to window, in seconds.
    max_lag : float
        In seconds.

    Returns
    -------
    BestLag
        Both nan if at every lag one of the two is constant or fewer than 3 pairs are left.

    Raises
    ------
    ShapeError
        If the two are not flat and of the same length.
    ParameterError
        If a value is infinite, `dt` not positive, or `max_lag` negative or too long.
    """
    first, second = _series("signal", signal, 1), _series("decoded", decoded, 1)
    lags = _lags(first, second, dt, max_lag)
    step, correlation = _strongest(first, second, lags)
    return BestLag(correlation, step * dt if np.isfinite(correlation) else np.nan)


def linear_decoding(
    signals: ArrayLike, statistics: ArrayLike, dt: float, max_lag: float, folds: int = 5
) -> Array:
    """Cross-validated share of each signal's variance that each statistic explains linearly.

    The decoder is ``signal(t) ~ a + b statistic(t + lag)``. For each of `folds` contiguous blocks
    of time, ``lag`` (as in `best_lag_correlation`), ``a`` and ``b`` (least squares) come from all
    other blocks. Squared errors are summed over the blocks, and so are the squared errors of
    the other blocks' mean signal; 1 minus their ratio is the share. Blocks are contiguous because
    neighbouring windows resemble each other.

    Parameters
    ----------
    signals : ndarray, shape (signals, windows)
    statistics : ndarray, shape (statistics, windows)
    dt, max_lag : float
        In seconds.
    folds : int
        Number of blocks, at least 2; with 2, each half is decoded by the other.

    Returns
    -------
    ndarray, shape (signals, statistics)
        1 is perfect. 0 is no better than the mean, as with a constant statistic, and below 0 is
        worse. It is nan for a constant signal, or where fewer than 3 pairs are left to fit.

    Raises
    ------
    ShapeError
        If the two are not tables with the same number of windows.
    ParameterError
        As `best_lag_correlation`, or if `folds` is below 2 or more than the windows allow.
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
    """How strongly each statistic follows each signal, relative to its own.

    Entry ``[k, i]`` is ``|r(k, i)| / |r(k, k)|`` with ``r(k, i)`` the correlation of statistic
    ``k`` with signal ``i``, each at its own best lag (`best_lag_correlation`). 0 is no cross-talk;
    above 1 the statistic follows the wrong signal more. Signals must be uncorrelated for this to
    say something about the cells; noise alone gives about ``1 / sqrt(windows)``.

    Parameters
    ----------
    signals, statistics : ndarray, shape (signals, windows)
        Row ``k`` of `statistics` is meant to follow row ``k`` of `signals`.
    dt, max_lag : float
        In seconds.

    Returns
    -------
    ndarray, shape (signals, signals)
        Statistic, then signal; 1 on the diagonal. A row is nan where its own correlation is zero
        or nan.

    Raises
    ------
    ShapeError
        If the two are not tables of the same shape.
    ParameterError
        As `best_lag_correlation`.
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
    """Share of the variance over a grid of two inputs that one input explains alone.

    With ``n_i`` values of mean ``m_i`` at level ``i`` of the input along `axis`, and ``m`` the
    mean of all, this is ``sum n_i (m_i - m)^2 / sum (v - m)^2``: the main effect over the total
    of a two-way analysis of variance. 1 means that the value depends on that input only; 0, that
    it does not on average. What remains is the other input's effect, their interaction and noise.

    Parameters
    ----------
    values : ndarray, shape (somatic levels, dendritic levels)
        Such as event rates or burst probabilities. A nan entry is left out of sums and means.
        The index still is 1 for a value that depends on that input only, but entries that are
        missing unevenly let some of the other input's effect into it.
    axis : int
        Of the input: 0 for the somatic one, 1 for the dendritic one.

    Returns
    -------
    float
        From 0 to 1; nan for constant values, or with fewer than 2 levels of an input left.

    Raises
    ------
    ShapeError
        If `values` is not a grid with at least two levels each way.
    ParameterError
        If `axis` is not 0 or 1, or a value is infinite.
    """
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim != 2 or min(grid.shape) < 2:
        raise ShapeError(f"values has shape {grid.shape}; it must be a grid of at least (2, 2)")
    if axis not in (0, 1):
        raise ParameterError(f"axis is {axis!r}; it must be 0 (first input) or 1 (second)")
    if np.isinf(grid).any():
        raise ParameterError("values holds an infinite value; leave out an entry by nan")
    grid = grid if axis == 0 else grid.T
    known = ~np.isnan(grid)
    rows, columns = known.any(axis=1), known.any(axis=0)
    if rows.sum() < 2 or columns.sum() < 2 or np.ptp(grid[known]) == 0.0:
        return float("nan")
    centred = np.where(known, grid - grid[known].mean(), 0.0)[rows]
    number = known[rows].sum(axis=1)
    return float(np.sum(centred.sum(axis=1) ** 2 / number) / np.sum(centred**2))


def _share(signal: Array, statistic: Array, lags: int, blocks: Integers) -> float:
    """Cross-validated share of one signal's variance explained by one statistic."""
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
    """Lag in windows, and correlation there; lag 0 and nan if there is none."""
    values = np.array([_correlation(signal, decoded[lag:]) for lag in range(lags)])
    strength = np.abs(values)
    if np.isnan(strength).all():
        return 0, float("nan")
    # Equal up to rounding is equal: the smallest lag counts.
    best = int(np.flatnonzero(strength >= np.nanmax(strength) - 1e-12)[0])
    return best, float(values[best])


def _pairs(first: Array, second: Array) -> tuple[Array, Array]:
    """Return both up to the shorter one's end, without what is nan in either."""
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    keep = ~(np.isnan(first) | np.isnan(second))
    return first[keep], second[keep]


def _correlation(first: Array, second: Array) -> float:
    x, y = _pairs(first, second)
    if len(x) < _FEWEST_PAIRS or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    # Scaled first, so that no square of a tiny number underflows.
    x, y = (x - x.mean()) / np.ptp(x), (y - y.mean()) / np.ptp(y)
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _series(name: str, given: ArrayLike, axes: int) -> Array:
    """Check one series (windows,) or a table of them (series, windows)."""
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != axes:
        wanted = "(windows,)" if axes == 1 else f"({name}, windows)"
        raise ShapeError(f"{name} has shape {values.shape}; it must be {wanted}")
    if np.isinf(values).any():
        raise ParameterError(f"{name} holds an infinite value; leave out a window by nan")
    return values


def _lags(signals: Array, statistics: Array, dt: float, max_lag: float) -> int:
    """Check sizes and times, and return the number of lags to try."""
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
    # A lag of n * dt counts as such however it was rounded.
    lags = int(np.floor(max_lag / dt + 1e-9)) + 1
    if lags > windows - _FEWEST_PAIRS + 1:
        raise ParameterError(
            f"max_lag is {max_lag} s; it must leave {_FEWEST_PAIRS} of the {windows} windows of "
            f"{dt} s to compare"
        )
    return lags
