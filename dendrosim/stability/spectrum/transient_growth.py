"""Transient growth: how large a perturbation of a stable linear flow becomes before it decays.

The Jacobians of target propagation are not normal. Their eigenvalues show how a perturbation ends, the numerical
abscissa how it begins, and the largest norm of the propagator exp(J t) how large it becomes.

References
----------
Trefethen and Embree, "Spectra and Pseudospectra", Princeton 2005, chapters 14 and 17 (numerical abscissa omega,
and |exp(J t)| <= exp(omega t), which bounds the norm between two times at which it is known).
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components

from dendrosim.arrays import Array, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError
from dendrosim.stability.spectrum.components import diagonal_blocks
from dendrosim.stability.spectrum.spectrum import quotient, spectrum
from dendrosim.stability.vector_field.flow import JacobianMatrix

GAP = 1e-3
"""Logarithm of the factor by which the norm may exceed the peak at times that were not evaluated: peaks are wanted
to a few digits, and each further digit costs ten times the evaluations."""

DENSE_NORM = 300
"""Number of states up to which a norm is computed by a dense singular value decomposition, not iteratively."""

NEGLIGIBLE = 1e-300
"""Smallest norm of a propagator: a smaller norm is replaced by this one, so that its logarithm is finite."""

FIRST_STEP = 0.1
"""First time that is evaluated, in units of the time 1/omega of the fastest initial growth."""

SPACING = 1.5
"""Ratio of successive times on the first grid; intervals that may contain the peak are then halved."""

BEST_MAXIMA = 5
"""Number of local maxima that are refined; if more are about equally high, the peak is wrong by less than
`GAP`."""


@dataclass(frozen=True)
class TransientGrowth(ShortRepr):
    """The largest norm of the propagator exp(J t).

    Attributes
    ----------
    peak : float
        Maximum of |exp(J t)|_2 over t >= 0: 1 if no perturbation grows, inf if the flow is unstable.
    time : float
        Time of the maximum in s: 0 if no perturbation grows, inf if the norm increases for ever.
    bound : float
        Upper bound on the norm at all times. It is within a thousandth of the peak, unless time scales differ by
        so much that the search stopped early. It is inf if there is a zero eigenvalue.
    """

    peak: float
    time: float
    bound: float


def numerical_abscissa(jacobian: JacobianMatrix, scale: ArrayLike | None = None) -> float:
    """Return the numerical abscissa of a Jacobian, in 1/s: the fastest initial growth rate of |x|.

    It is the largest eigenvalue of the symmetric part (J + J^T)/2.

    Parameters
    ----------
    jacobian : array or sparse array, shape (n, n)
        Jacobian in 1/s.
    scale : array, shape (n,), optional
        The unit of each state: |x| is the norm of x / scale. Default: 1 in the SI unit.

    Raises
    ------
    ParameterError
        If a scale is not positive.
    """
    matrix = _scale_matrix(jacobian, scale)
    parts = diagonal_blocks(matrix, _weak_components(matrix))
    return max((_growth_rate(part) for part in parts), default=-np.inf)


def propagator(jacobian: JacobianMatrix, time: float, scale: ArrayLike | None = None) -> Array:
    """Return exp(J t), shape (n, n), which maps a small perturbation to its value after `time` seconds.

    With `scale`, perturbations are in these units; see `numerical_abscissa`.
    """
    return np.asarray(scipy.linalg.expm(_dense(_scale_matrix(jacobian, scale)) * time))


def transient_growth(
    jacobian: JacobianMatrix,
    symmetries: Array | None = None,
    scale: ArrayLike | None = None,
) -> TransientGrowth:
    """Return the largest norm of exp(J t) over all times, and the time at which it is reached.

    Parameters
    ----------
    jacobian : array or sparse array, shape (n, n)
        Jacobian in 1/s.
    symmetries : array, shape (n, k), optional
        Orthonormal basis of the zero modes of symmetries, which are left out: only perturbations orthogonal to
        them count. Default: none.
    scale : array, shape (n,), optional
        The unit of each state; see `numerical_abscissa`.

    Returns
    -------
    TransientGrowth

    Raises
    ------
    ParameterError
        If a scale is not positive.

    Notes
    -----
    The slope of the logarithm of the norm is at most the numerical abscissa; this bounds the norm between any two
    times at which it is known. Intervals are halved until no interval can contain a norm more than a thousandth
    above the largest known norm; then the largest maximum is refined. The search takes some hundred matrix
    exponentials for each part of the circuit that is not coupled to the rest and whose perturbations can grow:
    seconds for a hundred states, an hour for 3000.
    """
    matrix = _scale_matrix(jacobian, scale)
    if symmetries is not None and symmetries.shape[1]:
        moved = symmetries if scale is None else symmetries / np.reshape(scale, (-1, 1))
        matrix = quotient(matrix, np.linalg.qr(moved)[0])
    found = TransientGrowth(1.0, 0.0, 1.0)
    for part in diagonal_blocks(matrix, _weak_components(matrix)):
        for block in np.unique(part, axis=0) if part.ndim == 3 else [part]:
            if _growth_rate(block) <= 0.0:
                continue
            new = _search_peak(_dense(block))
            bound = max(found.bound, new.bound)
            best = new if new.peak > found.peak else found
            found = TransientGrowth(best.peak, best.time, bound)
    return found


def _search_peak(matrix: Array) -> TransientGrowth:
    """Return the transient growth of one coupled part whose numerical abscissa is positive."""
    modes = spectrum(matrix)
    if modes.verdict == "unstable":
        return TransientGrowth(np.inf, np.inf, np.inf)
    marginal = modes.verdict == "marginal"

    def level(time: float) -> float:
        norm = _largest_singular_value(scipy.linalg.expm(matrix * time))
        return float(np.log(max(norm, NEGLIGIBLE)))

    # The search ends when the norm is below 1, after about the slowest time constant or some doublings of it.
    slow = np.abs(modes.eigenvalues.real)
    end = 1.0 / float(np.min(slow[slow > modes.tolerance], initial=np.linalg.norm(matrix)))
    # With a zero mode the level may never fall below zero: some doublings show the level that it approaches.
    for _ in range(6 if marginal else 60):
        if level(end) < 0.0:
            break
        end *= 2.0
    # A norm that still grows by a tenth when the time doubles grows like a power of the time, for ever.
    if marginal and level(2.0 * end) > level(end) + 0.1:
        return TransientGrowth(np.inf, np.inf, np.inf)
    up, down = _growth_rate(matrix), _growth_rate(-matrix)
    # A matrix exponential costs some thirty n^3 operations: up to 300 states the search takes some seconds. Larger
    # parts get a hundred evaluations too, so that `bound` stays close to the peak.
    evaluations = int(np.clip(2e9 / len(matrix) ** 3, 100, 2000))
    times, levels, bound = _search(level, end, up, down, evaluations)
    time, best = _refine(level, times, levels)
    if marginal:
        last = level(4.0 * end)
        if last >= best - 1e-9:  # the norm approaches its largest value from below
            time, best = np.inf, last
        bound = np.inf
    with np.errstate(over="ignore"):
        return TransientGrowth(float(np.exp(best)), time, float(np.exp(max(bound, best))))


def _search(
    level: Callable[[float], float], end: float, up: float, down: float, evaluations: int
) -> tuple[Array, Array, float]:
    """Evaluate the level between 0 and `end` until no interval can have a level more than `GAP` above the best.

    Parameters
    ----------
    level : callable
        Logarithm of the norm at a time.
    end : float
        Last time, in s.
    up, down : float
        Largest rates at which the level rises and falls, in 1/s.
    evaluations : int
        Largest number of evaluations.

    Returns
    -------
    times, levels : array
        The times that were evaluated, ascending, and their levels.
    bound : float
        Upper bound on the level on [0, end].
    """
    first = min(FIRST_STEP / up, end)
    number = 2 + int(np.log(end / first) / np.log(SPACING))
    times = [0.0, *np.geomspace(first, end, number)]
    known = {time: level(time) if time else 0.0 for time in times}

    def room(left: float, right: float) -> float:
        rise = up * down * (right - left)
        return (down * known[left] + up * known[right] + rise) / (up + down)

    best, bound = max(known.values()), 0.0
    # Search the earliest interval first: after a level of zero or below, no level exceeds the earlier maximum.
    waiting = list(itertools.pairwise(times))
    heapq.heapify(waiting)
    while waiting and len(known) < evaluations:
        left, right = heapq.heappop(waiting)
        if left > 0.0 and known[left] <= 0.0:
            waiting.clear()
        elif room(left, right) <= best + GAP:
            bound = max(bound, room(left, right))
        else:
            middle = 0.5 * (left + right)
            known[middle] = level(middle)
            best = max(best, known[middle])
            heapq.heappush(waiting, (left, middle))
            heapq.heappush(waiting, (middle, right))
    bound = max([bound, *(room(left, right) for left, right in waiting)])
    order = np.array(sorted(known))
    return order, np.array([known[time] for time in order]), bound


def _refine(level: Callable[[float], float], times: Array, levels: Array) -> tuple[float, float]:
    """Return the time and the level of the highest maximum, refined from the evaluated times."""
    best_time, best = float(times[np.argmax(levels)]), float(np.max(levels))
    inner = np.flatnonzero((levels[1:-1] >= levels[:-2]) & (levels[1:-1] >= levels[2:])) + 1
    tops = [i for i in inner if levels[i] >= best - 2.0 * GAP]
    for i in sorted(tops, key=lambda i: -levels[i])[:BEST_MAXIMA]:
        found = scipy.optimize.minimize_scalar(
            lambda time: -level(time),
            bounds=(times[i - 1], times[i + 1]),
            method="bounded",
            options={"xatol": 1e-9 * times[i + 1]},
        )
        if -found.fun > best:
            best_time, best = float(found.x), float(-found.fun)
    return best_time, best


def _growth_rate(part: JacobianMatrix) -> float:
    """Return the largest eigenvalue of the symmetric part of a matrix, or of all matrices in a stack."""
    if sp.issparse(part) and part.shape[0] > DENSE_NORM:
        symmetric = sp.csr_array((part + part.T) / 2.0)
        return float(sla.eigsh(symmetric, k=1, which="LA", return_eigenvectors=False)[0])
    dense = _dense(part)
    symmetric = (dense + np.swapaxes(dense, -1, -2)) / 2.0
    if symmetric.ndim == 3:
        return float(np.max(np.linalg.eigvalsh(symmetric)))
    last = len(dense) - 1
    return float(scipy.linalg.eigvalsh(symmetric, subset_by_index=(last, last))[0])


def _largest_singular_value(matrix: Array) -> float:
    if len(matrix) <= DENSE_NORM or not np.any(matrix):
        return float(np.linalg.norm(matrix, 2))
    return float(sla.svds(matrix, k=1, return_singular_vectors=False, tol=1e-11, rng=0)[0])


def _weak_components(matrix: JacobianMatrix) -> Integers:
    """Return the index of the part to which each state belongs, shape (n,); no two parts are coupled."""
    graph = matrix if sp.issparse(matrix) else sp.csr_array(matrix != 0)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _scale_matrix(jacobian: JacobianMatrix, scale: ArrayLike | None) -> JacobianMatrix:
    """Return D^-1 J D with D = diag(scale); raises ParameterError if a scale is not positive."""
    matrix = sp.csr_array(jacobian) if sp.issparse(jacobian) else np.asarray(jacobian, dtype=float)
    if scale is None:
        return matrix
    sizes = np.asarray(scale, dtype=float)
    if not np.all(np.isfinite(sizes) & (sizes > 0.0)):
        raise ParameterError("scale must be positive")
    if sp.issparse(matrix):
        return sp.csr_array(sp.diags_array(1.0 / sizes) @ matrix @ sp.diags_array(sizes))
    return matrix * sizes / sizes[:, None]


def _dense(matrix: JacobianMatrix) -> Array:
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
