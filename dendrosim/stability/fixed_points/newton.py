"""Damped Newton's method for fixed points of a flow, with a factorisation that is kept while steps contract.

References
----------
Deuflhard, "Newton Methods for Nonlinear Problems", Springer 2011, algorithms NLEQ-ERR and simplified Newton
(natural monotonicity: the next correction, with the same Jacobian, must be smaller than the present one).
Fan and Yuan, "On the quadratic convergence of the Levenberg-Marquardt method without nonsingularity assumption",
Computing 74, 2005 (damping by the residual, for families of fixed points, whose Jacobian is singular).
Farrell, Birkisson and Funke, "Deflation techniques for finding distinct solutions of nonlinear partial
differential equations", SIAM J. Sci. Comput. 37, 2015 (shifted deflation, power 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from dendrosim.arrays import Array
from dendrosim.stability.fixed_points.linear_solver import Factors, factorise, least_norm_step
from dendrosim.stability.vector_field.flow import Flow, JacobianMatrix

FAST = 0.25
"""A factorisation is kept if a correction is at most this fraction of the correction before it: four further steps
then gain two digits, and each step costs a fraction of a factorisation."""

SMALLEST_DAMPING = 1e-4
"""Damping below which Newton's method gives way to least-norm steps: steps this short mean that the Jacobian is
singular nearby, or that the residual has a minimum which is not zero."""

POLISHING_STEPS = 4
"""Largest number of corrections with the same factors after convergence; each must halve the one before."""

RESIDUAL_TOLERANCE = 1e-10
"""Relative residual that a converged point may have even if the tolerance is smaller: rounding errors reach it if
entries of the Jacobian differ by many orders of magnitude."""

LARGEST_DAMPED_RESIDUAL = 1e3
"""Largest damping of a least-norm step in a deflated search; it is reached only far from every fixed point."""

LARGEST_STEP = 3.0
"""Bound on a deflated step, in units of the scale: next to a known point the step could otherwise have any
length."""


@dataclass(frozen=True)
class Attempt:
    """The end of one search for a fixed point.

    Attributes
    ----------
    x : array, shape (n,)
        The last state.
    converged : bool
    iterations : int
        Number of Newton steps.
    residual : float
        Largest |f|, in units of the flow's states per second.
    relative : float
        Largest |f_i| relative to the terms that cancel in it; nan where f is not finite.
    worst : int
        Index of the state with the largest relative residual.
    reason : str
        Why the search failed; empty if it converged.
    """

    x: Array
    converged: bool
    iterations: int
    residual: float
    relative: float
    worst: int
    reason: str


@dataclass(frozen=True)
class ConvergenceRules:
    """The sizes of states by which corrections are measured, and the limits of a search.

    Attributes
    ----------
    scale : array, shape (n,)
        Typical size of each state.
    tolerance : float
        Largest relative correction and relative residual of a converged point.
    max_iterations : int
        Largest number of Newton steps.
    """

    scale: Array
    tolerance: float
    max_iterations: int

    def length(self, step: Array, x: Array) -> float:
        """Return the largest component of a step relative to |x_i| + scale_i."""
        return float(np.max(np.abs(step) / (np.abs(x) + self.scale), initial=0.0))


def newton(flow: Flow, start: Array, rules: ConvergenceRules) -> Attempt:
    """Search for a fixed point from `start` by damped Newton steps, or least-norm steps at a singular Jacobian."""
    x, rates = start, _rates(flow, start)
    if not np.all(np.isfinite(rates)):
        return _finish(flow, rules, x, 0, False, "dx/dt is not finite at the start")
    factors: Factors | None = None
    damping, step = 1.0, np.zeros_like(x)
    for iteration in range(1, rules.max_iterations + 1):
        if factors is None:
            matrix = flow.jacobian(x)
            if not _is_finite(matrix):
                return _finish(flow, rules, x, iteration, False, "the Jacobian is not finite")
            factors = None if flow.symmetries(x).shape[1] else factorise(matrix)
            if factors is None or factors.singular:
                return least_norm_newton(flow, x, rules, iteration)
            step = -factors.solve(rates)
        length = rules.length(step, x)
        while damping >= SMALLEST_DAMPING:
            trial = x + damping * step
            trial_rates = _rates(flow, trial)
            if np.all(np.isfinite(trial_rates)):
                correction = -factors.solve(trial_rates)
                following = rules.length(correction, trial)
                # Natural monotonicity with Deuflhard's factor; rounding may break it below the tolerance.
                if following <= max((1.0 - damping / 4.0) * length, rules.tolerance):
                    break
            damping /= 2.0
        else:
            return least_norm_newton(flow, x, rules, iteration)
        x, rates = trial, trial_rates
        if damping == 1.0 and following <= rules.tolerance:
            return _polish(flow, rules, x, correction, factors, matrix, iteration)
        if damping == 1.0 and following <= FAST * length:
            step = correction
        else:
            factors, damping = None, min(1.0, 4.0 * damping)
    return _finish(flow, rules, x, rules.max_iterations, False, "the iterations ran out")


def least_norm_newton(flow: Flow, start: Array, rules: ConvergenceRules, used: int = 0) -> Attempt:
    """Search for a fixed point by Levenberg-Marquardt steps, orthogonal to the zero modes of symmetries.

    In a family of fixed points, the search ends at one near the start. `used` is the number of earlier steps.
    """
    x, rates = start, _rates(flow, start)
    extra = 1.0
    for iteration in range(used + 1, rules.max_iterations + 1):
        matrix = flow.jacobian(x)
        if not _is_finite(matrix):
            return _finish(flow, rules, x, iteration, False, "the Jacobian is not finite")
        basis = flow.symmetries(x)
        # Steps stay orthogonal to symmetries only if all states have the same unit.
        weight = float(np.max(rules.scale)) + np.zeros_like(x) if basis.shape[1] else rules.scale
        relative, _ = _relative_residual(matrix, x, rates, rules)
        while True:
            step = least_norm_step(matrix, rates, extra * relative, weight, basis)
            trial = x + step
            trial_rates = _rates(flow, trial)
            finite = bool(np.all(np.isfinite(trial_rates)))
            if finite and np.linalg.norm(trial_rates / weight) < np.linalg.norm(rates / weight):
                break
            length = rules.length(step, x)
            if not length > rules.tolerance:
                done = relative <= rules.tolerance
                reason = "" if done else "the residual has a minimum there that is not zero"
                return _finish(flow, rules, x, iteration, done, reason)
            # Damp more; the bound keeps the damping from staying at zero if the residual is nearly zero.
            extra = max(4.0 * extra, 1e-12 / max(relative, 1e-300))
        x, rates = trial, trial_rates
        # Damp less after a success, down to a thousandth of the residual; this keeps convergence fast.
        extra = max(extra / 8.0, 1e-3)
        if rules.length(step, x) <= rules.tolerance:
            relative, _ = _relative_residual(matrix, x, rates, rules)
            if relative <= rules.tolerance:
                return _finish(flow, rules, x, iteration, True, "")
    return _finish(flow, rules, x, rules.max_iterations, False, "the iterations ran out")


def deflated_newton(
    flow: Flow, start: Array, rules: ConvergenceRules, known: Sequence[Array]
) -> Attempt:
    """Search from `start` for a fixed point other than the known ones.

    The Newton step for M(x) f(x), with M(x) = prod (1/|x - x_i|^2 + 1) over the known points x_i, is the Newton
    step for f times a number.
    """
    x = start
    for iteration in range(1, rules.max_iterations + 1):
        rates, matrix = _rates(flow, x), flow.jacobian(x)
        if not (np.all(np.isfinite(rates)) and _is_finite(matrix)):
            return _finish(flow, rules, x, iteration, False, "dx/dt is not finite")
        factors = factorise(matrix)
        if factors.singular:
            relative, _ = _relative_residual(matrix, x, rates, rules)
            damping = min(relative, LARGEST_DAMPED_RESIDUAL)
            step = least_norm_step(matrix, rates, damping, rules.scale)
        else:
            step = -factors.solve(rates)
        slope = 0.0
        for point in known:
            apart = (x - point) / rules.scale
            square = float(apart @ apart)
            slope -= 2.0 * float(apart @ (step / rules.scale)) / (square * (1.0 + square) + 1e-300)
        # Close to a point that is far from all known ones, plain Newton converges quadratically: a step of
        # 1e-3 is followed by one of about 1e-6. There, the known points would change the step by less than 1 %.
        if rules.length(step, x) <= 1e-3 and abs(slope) < 1e-2:
            return newton(flow, x, rules)
        step = step / (1.0 - slope) if slope != 1.0 else step
        x = x + step * min(1.0, LARGEST_STEP / max(rules.length(step, x), 1e-300))
    return _finish(flow, rules, x, rules.max_iterations, False, "the iterations ran out")


def _rates(flow: Flow, x: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(flow.f(x), dtype=float)


def _is_finite(matrix: JacobianMatrix) -> bool:
    return bool(np.all(np.isfinite(matrix.data if sp.issparse(matrix) else matrix)))


def _relative_residual(
    matrix: JacobianMatrix, x: Array, rates: Array, rules: ConvergenceRules
) -> tuple[float, int]:
    """Return the largest |f_i| relative to sum_j |J_ij| (|x_j| + scale_j), and its index.

    Each sum counts as at least a millionth of the largest sum (in units of the scale): otherwise a rate that
    hardly depends on the state could never count as zero.
    """
    if not len(rates):
        return 0.0, 0
    terms = (np.abs(matrix) @ (np.abs(x) + rules.scale)) / rules.scale
    floor = max(1e-6 * float(np.max(terms)), 1e-300)  # the second number only avoids 0/0
    ratios = np.abs(rates) / rules.scale / np.maximum(terms, floor)
    worst = int(np.argmax(ratios))
    return float(ratios[worst]), worst


def _polish(
    flow: Flow,
    rules: ConvergenceRules,
    x: Array,
    step: Array,
    factors: Factors,
    matrix: JacobianMatrix,
    iteration: int,
) -> Attempt:
    """Take further steps with the same factorisation while each halves the correction; return the last point."""
    for _ in range(POLISHING_STEPS):
        trial = x + step
        rates = _rates(flow, trial)
        if not np.all(np.isfinite(rates)):
            break
        following = -factors.solve(rates)
        if rules.length(following, trial) > 0.5 * rules.length(step, x):
            break
        x, step = trial, following
    ended = _finish(flow, rules, x, iteration, True, "", matrix)
    if ended.relative <= max(rules.tolerance, RESIDUAL_TOLERANCE):
        return ended
    return _finish(
        flow, rules, x, iteration, False, "the corrections vanish but the residual does not"
    )


def _finish(
    flow: Flow,
    rules: ConvergenceRules,
    x: Array,
    iterations: int,
    converged: bool,
    reason: str,
    matrix: JacobianMatrix | None = None,
) -> Attempt:
    """Return the Attempt that ended at `x`; `matrix` may be the Jacobian at a state close to it."""
    rates = _rates(flow, x)
    residual = float(np.max(np.abs(rates), initial=0.0))
    relative, worst = np.nan, 0
    if np.all(np.isfinite(rates)):
        matrix = flow.jacobian(x) if matrix is None else matrix
        relative, worst = _relative_residual(matrix, x, rates, rules)
    else:
        worst = int(np.argmax(~np.isfinite(rates)))
    return Attempt(x, converged, iterations, residual, relative, worst, reason)
