"""Round a corner of the equations, where a curve of equilibria turns so sharply that no plane ahead meets it.

Equations with switches (leaky ReLU, clip) are smooth on either side of a corner. Where the curve ends up behind
itself, the next point lies in no plane across the old tangent; the tangent of the other side leads to it.
"""

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array
from dendrosim.stability.continuation.arclength import Curve, Outside, Plane, Point, Stuck
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.continuation.crossings import Bracket, Spot, Step, classified

CLOSE = 1e-8
"""How near to the corner, along the curve and in scaled units, its near side is followed."""

BEHIND = 1e-7
"""How far behind the corner the curve is taken up again."""


def round_corner(
    curve: Curve, left: Point, length: float
) -> tuple[list[Bifurcation], Point] | None:
    """Return what happens at a corner at most `length` ahead, and a point behind it; None where there is none."""
    near = _nearest(curve, left, length)
    beyond = near.u + 2.0 * length * near.tangent
    try:
        before, after = _matrix(curve, near.u), _matrix(curve, beyond)
        jump = float(np.linalg.norm(after - before))
        if jump <= 1e-6 * float(np.linalg.norm(before)):
            return None
        tangent = curve.tangent(beyond, near.fixed, near.tangent)
        for onward in (tangent, -tangent):
            there = _matrix(curve, near.u + BEHIND * onward)
            if float(np.linalg.norm(there - after)) < 0.5 * jump:
                plane = Plane(onward, near.u, BEHIND, near.fixed)
                behind = curve.point(near.u + BEHIND * onward, plane)
                return _marks(curve, near, behind), behind
    except (Stuck, Outside):
        return None
    return None


def _nearest(curve: Curve, left: Point, length: float) -> Point:
    """Return the last point before the corner."""
    while length > CLOSE:
        plane = Plane(left.tangent, left.u, length, left.fixed)
        try:
            point = curve.point(left.u + length * left.tangent, plane)
        except (Stuck, Outside):
            length *= 0.5
            continue
        if point.tangent @ left.tangent < 0.9:
            length *= 0.5
        else:
            left = point
    return left


def _matrix(curve: Curve, u: Array) -> Array:
    found = curve.jacobian(u)
    return np.asarray(found.toarray() if sparse.issparse(found) else found)


def _marks(curve: Curve, near: Point, behind: Point) -> list[Bifurcation]:
    low, high = Spot(0.0, near), Spot(0.0, behind)
    if low.signature == high.signature:
        return []
    turned = low.signature[1] != high.signature[1]
    step = Step(curve, near, behind, BEHIND)
    found = classified(step, Bracket(low, high, near, turned))
    # Without a change of stability a corner at which the parameter turns is still no branch point.
    return [
        mark for mark in found if mark.kind != "branch point" or near.unstable != behind.unstable
    ]
