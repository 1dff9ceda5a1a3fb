"""Round a corner of the equations, where a curve of equilibria turns so sharply that no plane ahead meets it.

Equations with switches (leaky ReLU, clip) are smooth on either side of a corner. Where the curve ends up behind
itself, the next point lies in no plane across the old tangent; the tangent of the other side leads to it.
"""

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array
from dendrosim.stability.continuation.arclength import (
    CorrectorStuck,
    Curve,
    CurvePoint,
    OutsideDomain,
    Plane,
)
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.continuation.crossings import Bracket, Step, StepPoint, classify

CLOSE = 1e-8
"""How near to the corner, along the curve and in scaled units, its near side is followed."""

BEHIND = 1e-7
"""How far behind the corner the curve is taken up again."""


def round_corner(
    curve: Curve, left: CurvePoint, length: float
) -> tuple[list[Bifurcation], CurvePoint] | None:
    """Return what happens at a corner at most `length` ahead, and a point behind it; None where there is none."""
    near = _approach_corner(curve, left, length)
    beyond = near.u + 2.0 * length * near.tangent
    try:
        before, after = _dense_jacobian(curve, near.u), _dense_jacobian(curve, beyond)
        jump = float(np.linalg.norm(after - before))
        if jump <= 1e-6 * float(np.linalg.norm(before)):
            return None
        tangent = curve.tangent(beyond, near.symmetries, near.tangent)
        for onward in (tangent, -tangent):
            there = _dense_jacobian(curve, near.u + BEHIND * onward)
            if float(np.linalg.norm(there - after)) < 0.5 * jump:
                plane = Plane(onward, near.u, BEHIND, near.symmetries)
                behind = curve.point(near.u + BEHIND * onward, plane)
                return _bifurcations_at_corner(curve, near, behind), behind
    except (CorrectorStuck, OutsideDomain):
        return None
    return None


def _approach_corner(curve: Curve, left: CurvePoint, length: float) -> CurvePoint:
    """Return the last point before the corner."""
    while length > CLOSE:
        plane = Plane(left.tangent, left.u, length, left.symmetries)
        try:
            point = curve.point(left.u + length * left.tangent, plane)
        except (CorrectorStuck, OutsideDomain):
            length *= 0.5
            continue
        if point.tangent @ left.tangent < 0.9:
            length *= 0.5
        else:
            left = point
    return left


def _dense_jacobian(curve: Curve, u: Array) -> Array:
    found = curve.jacobian(u)
    return np.asarray(found.toarray() if sparse.issparse(found) else found)


def _bifurcations_at_corner(
    curve: Curve, near: CurvePoint, behind: CurvePoint
) -> list[Bifurcation]:
    low, high = StepPoint(0.0, near), StepPoint(0.0, behind)
    if low.signature == high.signature:
        return []
    turned = low.signature[1] != high.signature[1]
    step = Step(curve, near, behind, BEHIND)
    found = classify(step, Bracket(low, high, near, turned))
    # Without a change of stability a corner at which the parameter turns is still no branch point.
    return [b for b in found if b.kind != "branch point" or near.unstable != behind.unstable]
