"""Equilibria that run to infinity and come back from the other side, as those of linear circuits do.

Where an eigenvalue of J crosses zero at p = c, the equilibrium -J⁻¹b of the linear flow Jx + b is a/(p - c) plus
something regular: the branch has a pole there. It is left on one side and met again on the other.
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
"""States this many times their size at the start may be on their way to infinity."""

UNBOUNDED = 1e8
"""States this many times their size at the start are not followed further."""


def cross_pole(
    step: Step, tolerance: float, reach: float
) -> tuple[CurvePoint, list[Bifurcation]] | None:
    """Return the first point beyond a pole near the end of a step, and what crosses there; None without a pole.

    At a pole the states double at half the distance, and have the other sign beyond. `tolerance` and `reach` are
    fractions of the range: how well the pole is located, and how far it may lie.
    """
    curve, left, right = step.curve, step.left, step.last.point
    pole = _extrapolate_pole(left, right)
    gap = pole - right.position
    onward = np.sign(right.tangent[-1])
    if not 0.0 < gap * onward <= reach or not 0.0 < pole + gap < 1.0:
        return None
    try:
        beyond = _equilibrium(curve, _scale_states(right, -1.0, pole + gap), right)
        for factor in (-1.0, 2.0, -2.0):
            there = _equilibrium(curve, _scale_states(right, factor, pole - gap / factor), right)
            if not _is_multiple(right.u[:-1], there.u[:-1], factor):
                return None
        near, far = right, beyond
        while near.unstable != far.unstable and abs(far.position - near.position) > tolerance:
            middle = 0.5 * (near.position + far.position)
            share = (right.position - pole) / (middle - pole) if middle != pole else 1e12
            point = _equilibrium(curve, _scale_states(right, share, middle), right)
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
    """Where 1/|x|, a straight line near a pole, reaches zero."""
    along = right.u[:-1] / linalg.norm(right.u[:-1])
    inverse = [1.0 / float(along @ point.u[:-1]) for point in (left, right)]
    if not 0.0 < inverse[1] < inverse[0]:
        return np.inf
    share = inverse[0] / (inverse[0] - inverse[1])
    return left.position + share * (right.position - left.position)


def _scale_states(point: CurvePoint, factor: float, position: float) -> Array:
    return np.append(factor * point.u[:-1], position)


def _equilibrium(curve: Curve, guess: Array, from_: CurvePoint) -> CurvePoint:
    """Return the equilibrium at the parameter of a guess, with the tangent along that of another point."""
    u = guess.copy()
    for _ in range(8):
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
    raise CorrectorStuck("Newton does not converge far out")


def _is_multiple(here: Array, there: Array, factor: float) -> bool:
    """Whether some states are nearly a multiple of others."""
    return bool(linalg.norm(there - factor * here) < 0.2 * linalg.norm(factor * here))
