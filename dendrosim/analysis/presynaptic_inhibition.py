"""Steady states of circuits of cell types in which NDNF cells inhibit the terminals of SST cells.

In a steady state of the mean field of `cell_types`, r = [x + A r + u y] with y = p r_SST/(1 - b) and p = max(1 -
b r_NDNF, p_low): u is what SST cells take from dendrites and NDNF cells, A is all else. For given classes that
fire, r is linear in y, so y follows from a quadratic equation, or from a linear one where p = p_low. Every choice
of classes is tried, and the solutions that agree with their choice are all steady states.

Sources
-------
None; worked out here.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError, UnknownNameError

CLASSES = ("soma", "dendrite", "pv", "sst", "vip", "ndnf")
"""Order of rates and drives."""

EXCITATORY = ("soma", "dendrite")
PRESYNAPTIC = ("dendrite_from_sst", "ndnf_from_sst")
_SST, _NDNF = CLASSES.index("sst"), CLASSES.index("ndnf")
_CLOSE = 1e-9  # error of rounding
_SAME = 1e-6  # states at a boundary between two choices are found with both


def critical_strength(weights: Mapping[str, float]) -> float:
    """Return the strength b of presynaptic inhibition at which the fixed point of rates 1 loses stability.

    Parameters
    ----------
    weights : mapping of str to float
        Sizes of weights by `target_from_source`, such as `{"ndnf_from_sst": 0.7}`; those not given are 0.

    Returns
    -------
    float
        The strength, or nan if there is none below 1.
    """
    a, u = _weights(weights)
    a[:, _SST] += u
    effect = float(
        np.linalg.solve(a - np.eye(len(a)), u)[_NDNF]
    )  # it is (1 - b)/b at the critical b
    return 1 / (1 + effect) if effect > 0 else float("nan")


def steady_states(
    weights: Mapping[str, float], drives: ArrayLike, b: float, p_low: float = 0.0
) -> list[Array]:
    """Return all steady states for each drive, stable or not.

    Parameters
    ----------
    weights : mapping of str to float
        Sizes of weights by `target_from_source`; those not given are 0.
    drives : array_like, shape (drives, 6) or (6,)
        Drive of each class, in the order of `CLASSES`, in addition to the background at which rates of 1 are a
        steady state.
    b : float
        Strength of presynaptic inhibition, at least 0 and below 1.
    p_low : float, default 0
        Least release of SST terminals.

    Returns
    -------
    list of array, shapes (states, 6)
        For each drive, rates in the order of `CLASSES`, by ascending rate of NDNF cells. Along a boundary between
        two choices of firing classes a state may be missing.

    Raises
    ------
    ParameterError
        If `b` or `p_low` is out of range.
    UnknownNameError
        If a weight is not between two classes.
    """
    if not 0 <= b < 1 or not 0 <= p_low <= 1 - b:
        raise ParameterError(
            f"b is {b:g} and p_low {p_low:g}; b must be at least 0 and below 1, p_low from 0 to 1 - b"
        )
    a, u = _weights(weights)
    drives = np.atleast_2d(np.asarray(drives, dtype=float))
    x = drives + 1 - a.sum(axis=1) - u
    found: list[list[Array]] = [[] for _ in drives]
    for firing in product((False, True), repeat=len(CLASSES)):
        for k, state in _consistent(a, u, x, np.array(firing), b, p_low):
            if all(np.max(np.abs(state - other)) > _SAME for other in found[k]):
                found[k].append(state)
    return [np.array(sorted(states, key=lambda r: r[_NDNF])).reshape(-1, 6) for states in found]


def _weights(weights: Mapping[str, float]) -> tuple[Array, Array]:
    """Return the matrix A and the vector u."""
    a, u = np.zeros((len(CLASSES),) * 2), np.zeros(len(CLASSES))
    known = [f"{to}_from_{source}" for to in CLASSES for source in CLASSES]
    for name, size in weights.items():
        if name not in known:
            raise UnknownNameError("weight", name, known)
        to, source = name.split("_from_")
        value = size if source in EXCITATORY else -size
        if name in PRESYNAPTIC:
            u[CLASSES.index(to)] = value
        else:
            a[CLASSES.index(to), CLASSES.index(source)] = value
    return a, u


def _consistent(
    a: Array, u: Array, x: Array, firing: Array, b: float, p_low: float
) -> list[tuple[int, Array]]:
    """Return the steady states in which exactly these classes fire, each with the number of its drive."""
    base = np.eye(len(a)) - firing[:, None] * a
    if abs(np.linalg.det(base)) < 1e-12:
        return []
    start = np.asarray(
        np.linalg.solve(base, (firing * x).T).T, dtype=np.float64
    )  # r at y = 0, by drive
    slope = np.asarray(
        np.linalg.solve(base, firing * u), dtype=np.float64
    )  # of r with respect to y
    states = []
    for y, shut in _outputs(start, slope, b, p_low):
        real = np.flatnonzero(np.isfinite(y))
        r = start[real] + y[real, None] * slope
        total = x[real] + r @ a.T + y[real, None] * u
        released = 1 - b * r[:, _NDNF]
        fits = np.all(np.where(firing, r > -_CLOSE, total < _CLOSE), axis=1)
        fits &= released <= p_low + _CLOSE if shut else released >= p_low - _CLOSE
        states += [
            (int(k), np.maximum(state, 0.0)) for k, state in zip(real[fits], r[fits], strict=True)
        ]
    return states


def _outputs(start: Array, slope: Array, b: float, p_low: float) -> list[tuple[Array, bool]]:
    """Return values of y = p r_SST/(1 - b) by drive, not finite where there is none, and whether p is p_low.

    With p = 1 - b r_NDNF, they are the roots of a polynomial c_2 y^2 + c_1 y + c_0.
    """
    sst, sst_slope = start[:, _SST], slope[_SST]
    free, free_slope = 1 - b * start[:, _NDNF], -b * slope[_NDNF]  # p
    c_2, c_0 = free_slope * sst_slope, free * sst
    c_1 = free * sst_slope + free_slope * sst - (1 - b)
    with np.errstate(invalid="ignore", divide="ignore"):
        shut = p_low * sst / (1 - b - p_low * sst_slope)
        # The larger root by the usual formula, the other from the product of both: no digits cancel.
        half = -(c_1 + np.copysign(np.sqrt(c_1**2 - 4 * c_2 * c_0), c_1)) / 2
        return [(half / c_2, False), (c_0 / half, False), (shut, True)]
