"""Corners of the equations, where a curve of fixed points turns so sharply that it misses every plane ahead.

Equations with switches (leaky ReLU, clip) are smooth on either side of a corner. If the curve turns back at a
corner, no plane orthogonal to the old tangent contains the next point. The tangent on the other side of the corner
leads to this point.
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
"""Distance from a corner, in scaled units, up to which the curve is followed on the near side."""

BEHIND = 1e-7
"""Distance behind a corner, in scaled units, at which the curve is resumed: larger than `CLOSE`, so that the point
is on the other side, and too small to matter to users."""

JUMP = 1e-6
"""Relative change of the Jacobian above which there is a corner: over the shortest step, a smooth Jacobian changes
by about the length of the step."""


def round_corner(
    curve: Curve, left: CurvePoint, length: float
) -> tuple[list[Bifurcation], CurvePoint] | None:
    """Return the bifurcations at a corner, and a point beyond it; None if there is no corner ahead.

    `length` is the largest distance of the corner from `left`, in scaled units.
    """
    near = _approach_corner(curve, left, length)
    beyond = near.u + 2.0 * length * near.tangent
    try:
        before, after = _dense_jacobian(curve, near.u), _dense_jacobian(curve, beyond)
        jump = float(np.linalg.norm(after - before))
        if jump <= JUMP * float(np.linalg.norm(before)):
            return None
        tangent = curve.tangent(beyond, near.symmetries, near.tangent)
        # One of the two directions along the new tangent leads back to the near side.
        for onward in (tangent, -tangent):
            there = _dense_jacobian(curve, near.u + BEHIND * onward)
            if float(np.linalg.norm(there - after)) < 0.5 * jump:  # `there` is on the far side
                plane = Plane(onward, near.u, BEHIND, near.symmetries)
                behind = curve.point(near.u + BEHIND * onward, plane)
                return _bifurcations_at_corner(curve, near, behind), behind
    except (CorrectorStuck, OutsideDomain):
        return None
    return None


def _approach_corner(curve: Curve, left: CurvePoint, length: float) -> CurvePoint:
    """Return a point less than `CLOSE` before the corner."""
    while length > CLOSE:
        plane = Plane(left.tangent, left.u, length, left.symmetries)
        try:
            point = curve.point(left.u + length * left.tangent, plane)
        except (CorrectorStuck, OutsideDomain):
            length *= 0.5
            continue
        if point.tangent @ left.tangent < 0.9:  # turned by more than 26 degrees: beyond the corner
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
    # A corner at which the parameter turns back without a change of stability is not a branch point.
    return [b for b in found if b.kind != "branch point" or near.unstable != behind.unstable]
