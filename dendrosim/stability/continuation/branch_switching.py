"""The other branches through a branch point, from the null space of the linearised equations at this point.

The tangent of a second branch solves the algebraic bifurcation equation; see Keller 1977 (`arclength`) and
Govaerts, "Numerical Methods for Bifurcations of Dynamical Equilibria", SIAM 2000, for branch points.
"""

import numpy as np
from scipy import linalg

from dendrosim.arrays import Array
from dendrosim.stability.continuation.arclength import (
    CorrectorStuck,
    Curve,
    CurvePoint,
    OutsideDomain,
    Plane,
)
from dendrosim.stability.continuation.branch import Bifurcation

NULL = 1e-5
"""Singular value below which a direction counts as in the null space, if all rows of the matrix have length 1: a
branch point is located to about 1e-8, and the singular value grows in proportion to the distance from it."""

WIDTH = 1e-5
"""Step of central differences of the Jacobian, in scaled units: the cube root of eps, where rounding and
truncation errors are about equal."""

SAME_BRANCH = 0.05
"""Largest angle between directions, in rad, and largest relative distance between points, at which two branches
count as one."""


def find_other_branches(curve: Curve, bifurcation: Bifurcation, length: float) -> list[CurvePoint]:
    """Return one point on each other branch that leaves a branch point; the tangents point away from it.

    `length` is the distance of the points from the branch point, in scaled units.
    """
    u = curve.coordinates(bifurcation.state, bifurcation.value)
    symmetries = curve.symmetries(u)
    found: list[CurvePoint] = []
    for direction in _directions(curve, u, symmetries, bifurcation.tangent):
        for sign in (1.0, -1.0):
            point = _point_along(curve, u, symmetries, sign * direction, length)
            if point is not None and not _is_known(
                point, u, [bifurcation.tangent, -bifurcation.tangent], found
            ):
                found.append(point)
    return found


def _directions(curve: Curve, u: Array, symmetries: Array, tangent: Array) -> list[Array]:
    """Return the directions in which branches other than the one along `tangent` may leave `u`."""
    system = curve.linearise(u)
    left, sizes, right = linalg.svd(system.dense(np.zeros((0, len(u))), symmetries))
    rank = int(np.sum(sizes > NULL))
    null = right[rank:].T
    others = null - np.outer(tangent, tangent @ null)
    # The tangent is only as accurate as the branch point, so a small component along it may be left.
    basis = linalg.orth(others, rcond=1e-3)
    if basis.shape[1] != 1:
        return list(basis.T)
    # With one other branch, its tangent a t + b v solves 2 a <t, v> + b <v, v> = 0, where <., .> is the second
    # derivative along the left null vector: the known tangent t is the other root of the quadratic equation.
    across = basis[:, 0]
    residual = left[: len(system.divisors), rank]
    mixed = residual @ _second_derivative(curve, u, system.divisors, tangent, across)
    own = residual @ _second_derivative(curve, u, system.divisors, across, across)
    mixture = -own * tangent + 2.0 * mixed * across
    size = float(linalg.norm(mixture))
    # If `mixed` is nearly zero, the other root hardly differs from the known tangent; `across` is a better start.
    if abs(mixed) <= 1e-3 * abs(own) or size == 0.0:
        return [across]
    return [mixture / size]


def _second_derivative(curve: Curve, u: Array, lengths: Array, along: Array, other: Array) -> Array:
    """Return the second derivative of the equations along two directions, by central differences."""
    ends = []
    for sign in (1.0, -1.0):
        moved = u + sign * WIDTH * along
        ends.append(
            curve.jacobian(moved) @ other[:-1] + curve.parameter_derivative(moved) * other[-1]
        )
    return np.asarray((ends[0] - ends[1]) / (2.0 * WIDTH) / lengths)


def _point_along(
    curve: Curve, u: Array, symmetries: Array, direction: Array, length: float
) -> CurvePoint | None:
    """Return the point of the curve in the plane orthogonal to `direction` at the distance `length`, or None."""
    guess = u + length * direction
    try:
        point = curve.point(guess, Plane(direction, u, length, symmetries))
    except (CorrectorStuck, OutsideDomain):
        return None
    # A point further away is on the known branch, or on a branch through another branch point.
    return point if linalg.norm(point.u - guess) < 0.5 * length else None


def _is_known(point: CurvePoint, u: Array, tangents: list[Array], found: list[CurvePoint]) -> bool:
    """Return whether a point is on the known branch, which has these `tangents`, or on a branch in `found`."""
    distance = linalg.norm(point.u - u)
    out = (point.u - u) / distance
    near = [linalg.norm(out - tangent) < SAME_BRANCH for tangent in tangents]
    near += [linalg.norm(point.u - other.u) < SAME_BRANCH * distance for other in found]
    return any(near)
