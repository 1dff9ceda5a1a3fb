"""The other branches through a branch point, from the null space of the linearised equations there."""

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
"""Singular values below this, of rows whose length is 1, belong to the null space."""


def find_other_branches(curve: Curve, bifurcation: Bifurcation, length: float) -> list[CurvePoint]:
    """Return one point on each branch that leaves a branch point, `length` away, with its tangent outwards."""
    u = curve.scaled(bifurcation.state, bifurcation.value)
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
    """Return the directions in which branches other than the known one may leave u."""
    system = curve.linearise(u)
    left, sizes, right = linalg.svd(system.dense(np.zeros((0, len(u))), symmetries))
    rank = int(np.sum(sizes > NULL))
    null = right[rank:].T
    others = null - np.outer(tangent, tangent @ null)
    basis = linalg.orth(others, rcond=1e-3)
    if basis.shape[1] != 1:
        return list(basis.T)
    # One other branch: a t + b v solves 2 a <t, v> + b <v, v> = 0, since the known tangent t is the other root.
    across = basis[:, 0]
    residual = left[: len(system.divisors), rank]
    mixed = residual @ _second_derivative(curve, u, system.divisors, tangent, across)
    own = residual @ _second_derivative(curve, u, system.divisors, across, across)
    mixture = -own * tangent + 2.0 * mixed * across
    size = float(linalg.norm(mixture))
    if abs(mixed) <= 1e-3 * abs(own) or size == 0.0:
        return [across]
    return [mixture / size]


def _second_derivative(curve: Curve, u: Array, lengths: Array, along: Array, other: Array) -> Array:
    """Return the second derivative of the equations along two directions, by central differences."""
    width = 1e-5
    ends = []
    for sign in (1.0, -1.0):
        moved = u + sign * width * along
        ends.append(curve.jacobian(moved) @ other[:-1] + curve.drive(moved) * other[-1])
    return np.asarray((ends[0] - ends[1]) / (2.0 * width) / lengths)


def _point_along(
    curve: Curve, u: Array, symmetries: Array, direction: Array, length: float
) -> CurvePoint | None:
    """Return the point of the curve in the plane across `direction`, or None where there is none."""
    guess = u + length * direction
    try:
        point = curve.point(guess, Plane(direction, u, length, symmetries))
    except (CorrectorStuck, OutsideDomain):
        return None
    return point if linalg.norm(point.u - guess) < 0.5 * length else None


def _is_known(point: CurvePoint, u: Array, tangents: list[Array], found: list[CurvePoint]) -> bool:
    """Whether a point lies on the branch we came along, or is among those that are found."""
    out = (point.u - u) / linalg.norm(point.u - u)
    near = [linalg.norm(out - tangent) < 0.05 for tangent in tangents]
    near += [linalg.norm(point.u - other.u) < 0.05 * linalg.norm(point.u - u) for other in found]
    return any(near)
