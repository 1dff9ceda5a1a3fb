"""Poles of a branch: fixed points that go to infinity and return from the other side, as in linear circuits.

If an eigenvalue of J crosses zero at p = c, the fixed point -J⁻¹b of the linear flow Jx + b is a/(p - c) plus a
regular term: the branch has a pole at c. Continuation leaves the branch on one side of the pole and resumes it on
the other side.
"""

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from dendrosim.arrays import Array
from dendrosim.stability.continuation.arclength import (
    SETTLED,
    CorrectorStuck,
    Curve,
    CurvePoint,
    OutsideDomain,
)
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.continuation.crossings import Bracket, Step, StepPoint, classify

FAR = 30.0
"""A pole is searched for if the states exceed their size at the start by this factor: the regular term is then at
most a few percent of the term a/(p - c)."""

UNBOUNDED = 1e8
"""Ratio of the states to their size at the start above which a branch ends, because rounding errors are too
large."""

ALIKE = 0.2
"""Largest relative deviation of states near a pole from the multiple that `cross_pole` predicts."""

ITERATIONS = 8
"""Largest number of Newton steps from a multiple of a known fixed point: linear flows need one step."""


def cross_pole(
    step: Step, tolerance: float, reach: float
) -> tuple[CurvePoint, list[Bifurcation]] | None:
    """Return the first point beyond a pole near the end of a step, and the bifurcations at the pole.

    The result is None if there is no pole.

    At half the distance from a pole the states are twice as large, and beyond it they have the opposite sign.

    Parameters
    ----------
    step : Step
        The last step before the pole.
    tolerance : float
        Accuracy of the pole's location, as a fraction of the range of the parameter.
    reach : float
        Largest distance of the pole from the end of the step, as a fraction of the range.
    """
    curve, left, right = step.curve, step.left, step.last.point
    pole = _extrapolate_pole(left, right)
    gap = pole - right.position
    onward = np.sign(right.tangent[-1])
    if not 0.0 < gap * onward <= reach or not 0.0 < pole + gap < 1.0:
        return None
    try:
        beyond = _solve_at_parameter(curve, _scale_states(right, -1.0, pole + gap), right)
        # Test three predictions: the opposite sign beyond a pole, twice the size at half the distance, and both.
        for factor in (-1.0, 2.0, -2.0):
            there = _solve_at_parameter(
                curve, _scale_states(right, factor, pole - gap / factor), right
            )
            if not _is_multiple(right.u[:-1], there.u[:-1], factor):
                return None
        near, far = right, beyond
        while near.unstable != far.unstable and abs(far.position - near.position) > tolerance:
            middle = 0.5 * (near.position + far.position)
            share = (right.position - pole) / (middle - pole) if middle != pole else 1e12
            point = _solve_at_parameter(curve, _scale_states(right, share, middle), right)
            if point.unstable == right.unstable:
                near = point
            else:
                far = point
    except (CorrectorStuck, OutsideDomain):
        return None
    if near.unstable == far.unstable:
        return beyond, []
    return beyond, classify(
        step, Bracket(StepPoint(0.0, near), StepPoint(1.0, far), near, turned=False)
    )


def _extrapolate_pole(left: CurvePoint, right: CurvePoint) -> float:
    """Return the position at which 1/|x|, which is linear near a pole, becomes zero; inf if it does not fall."""
    along = right.u[:-1] / linalg.norm(right.u[:-1])
    inverse = [1.0 / float(along @ point.u[:-1]) for point in (left, right)]
    if not 0.0 < inverse[1] < inverse[0]:
        return np.inf
    share = inverse[0] / (inverse[0] - inverse[1])
    return left.position + share * (right.position - left.position)


def _scale_states(point: CurvePoint, factor: float, position: float) -> Array:
    """Return a multiple of the states of a point, at another position of the parameter."""
    return np.append(factor * point.u[:-1], position)


def _solve_at_parameter(curve: Curve, guess: Array, from_: CurvePoint) -> CurvePoint:
    """Return the fixed point at the parameter of a guess; its tangent points along the tangent at `from_`."""
    u = guess.copy()
    for _ in range(ITERATIONS):
        jacobian, right = curve.jacobian(u), -curve.residual(u)
        try:
            if sparse.issparse(jacobian):
                step = splu(jacobian.tocsc()).solve(right)
            else:
                step = np.linalg.solve(jacobian, right)
        except (RuntimeError, np.linalg.LinAlgError) as error:
            raise CorrectorStuck("the Jacobian is singular") from error
        u[:-1] += step
        if linalg.norm(step) <= SETTLED * linalg.norm(u):
            return CurvePoint(curve, u, from_.tangent)
    raise CorrectorStuck("Newton's method does not converge far out")


def _is_multiple(here: Array, there: Array, factor: float) -> bool:
    """Return whether the states `there` are approximately `factor` times the states `here`."""
    return bool(linalg.norm(there - factor * here) < ALIKE * linalg.norm(factor * here))
