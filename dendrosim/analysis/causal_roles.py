"""Instructive signals in dendrites of cells whose causal role is known: residuals, signs by role, and predictions.

A decoder adds the activity of cells of the group P+ and subtracts that of P-. In all functions, arrays of
dendritic and somatic activity have shape (trials, cells), and the signed error of the decoder has shape (trials,).

The residual of a cell is what remains of its dendritic activity after a linear regression on its somatic activity
across trials. Somatic activity is related to the error as well, so the error is regressed on the somatic activity
of the same cell too, and then

    error_correlation   correlation of the two residuals, the partial correlation of dendrite and error
    error_gain          slope of their regression: the coefficient g_j of dendrite_j = a_j + b_j soma_j + g_j error

If a dendrite carries g_j error, and anything that is linear in the somatic activity of its cell, its gain is g_j
and its correlation the sign of g_j. With errors that are propagated back through the decoder, g_j is proportional
to the causal role of the cell, and the difference between the correlations of P+ and P- is 2; with one signal for
all cells it is 0.

Sources
-------
Francioni ... Harnett (2026), Vectorized instructive signals, Nature, doi 10.1038/s41586-026-10190-7: residuals of
dendritic against somatic activity, whose sign depends on the causal role.
That the error is regressed as well, and the null distribution of `role_differences`, are choices made here.
"""

from itertools import combinations

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ShapeError

ROUNDING = 1e-9
"""A residual below this part of the values from which it comes is rounding noise: it has no correlation."""


def residuals(values: Array, soma: Array) -> Array:
    """Return what a linear regression on the somatic activity of each cell, across trials, leaves of values.

    Parameters
    ----------
    values : ndarray, shape (trials, cells) or (trials,)
        Values of each cell, or one value per trial for all cells.
    soma : ndarray, shape (trials, cells)
        Somatic activity. Where it is constant, only the mean is taken from the values.

    Returns
    -------
    ndarray, shape (trials, cells)

    Raises
    ------
    ShapeError
        If the number of trials differs, or is below 3.
    """
    values, soma = np.asarray(values, dtype=float), np.asarray(soma, dtype=float)
    if values.ndim == 1:
        values = np.repeat(values[:, None], soma.shape[1], axis=1)
    if values.shape != soma.shape or len(soma) < 3:
        raise ShapeError(
            f"values {values.shape} and soma {soma.shape} must have the same shape, (trials, cells), "
            "and at least 3 trials"
        )
    left, centred = values - values.mean(axis=0), soma - soma.mean(axis=0)
    power = np.sum(centred**2, axis=0)
    varies = power > (ROUNDING**2) * np.sum(soma**2, axis=0)
    slope = np.sum(left * centred, axis=0) / np.where(varies, power, 1.0)
    return np.asarray(left - np.where(varies, slope, 0.0) * centred)


def error_correlation(dendrite: Array, soma: Array, error: Array) -> Array:
    """Return the partial correlation of dendritic activity and error, given somatic activity, of each cell.

    It is NaN for a cell whose dendrite has no residual.
    """
    found, wrong = residuals(dendrite, soma), residuals(error, soma)
    scales = np.sqrt(np.mean(np.asarray(dendrite) ** 2, axis=0)), np.sqrt(np.mean(error**2))
    return _correlate(found, wrong, *scales)


def error_gain(dendrite: Array, soma: Array, error: Array) -> Array:
    """Return the slope between residual dendritic activity and residual error, of each cell."""
    found, wrong = residuals(dendrite, soma), residuals(error, soma)
    return np.asarray(np.sum(found * wrong, axis=0) / np.sum(wrong**2, axis=0))


def correlation(first: Array, second: Array) -> Array:
    """Return the correlation along the first axis; NaN where one of the two is constant.

    Parameters
    ----------
    first, second : ndarray, shapes (n,) or (n, columns)
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    scales = (np.sqrt(np.mean(a**2, axis=0)) for a in (first, second))
    return _correlate(first - first.mean(axis=0), second - second.mean(axis=0), *scales)


def _correlate(first: Array, second: Array, first_scale: Array, second_scale: Array) -> Array:
    """Return the correlation of centred values, NaN where they are rounding noise of values of a scale."""
    powers = [np.mean(a**2, axis=0) for a in (first, second)]
    meant = np.ones(np.shape(powers[0]), dtype=bool)
    for power, scale in zip(powers, (first_scale, second_scale), strict=True):
        meant &= power > (ROUNDING * scale) ** 2
    product = np.sqrt(powers[0] * powers[1])
    found = np.mean(first * second, axis=0) / np.where(meant, product, 1.0)
    return np.asarray(np.where(meant, found, np.nan))


def role_difference(values: Array, roles: Array) -> float:
    """Return the mean of values over cells of P+ minus that over cells of P-.

    Parameters
    ----------
    values : ndarray, shape (cells,)
        Values of cells; those that are NaN are left out.
    roles : ndarray, shape (cells,)
        Positive for cells of P+, negative for those of P-, 0 for others.
    """
    return _mean(values[roles > 0]) - _mean(values[roles < 0])


def role_differences(values: Array, roles: Array) -> Array:
    """Return `role_difference` for all ways in which the cells of P+ and P- can be divided into these groups.

    This is the distribution of the difference if values do not depend on roles. The part of it that is at least as
    far from 0 as the difference found is the probability of the latter (see `probability`).
    """
    cells = np.flatnonzero(roles != 0)
    size = int(np.sum(roles > 0))
    found = []
    for chosen in combinations(range(len(cells)), size):
        drawn = np.zeros_like(roles, dtype=float)
        drawn[cells] = -1.0
        drawn[cells[list(chosen)]] = 1.0
        found.append(role_difference(values, drawn))
    return np.array(found)


def probability(found: float, null: Array) -> float:
    """Return the part of a null distribution that is at least as far from 0 as what was found; NaN if that is."""
    if not np.isfinite(found):
        return float("nan")
    return float(np.mean(np.abs(null) >= abs(found) * (1 - 1e-9)))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if known.size else float("nan")
