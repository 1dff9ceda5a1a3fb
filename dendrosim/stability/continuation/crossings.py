"""Bifurcations within one step of a continuation: found by counting unstable eigenvalues, located by bisection.

A determinant's sign would miss them: spectra of layered circuits have multiplicities, and an even number of
eigenvalues may cross together. Two crossings that cancel within one step leave the count as it was; they are
looked for wherever the sorted real parts, extrapolated from either end of the step by their speed there, cross
zero within it. What rises and falls again faster than that shows can still be missed: take a smaller `max_step`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import eigs

from dendrosim.arrays import Complex
from dendrosim.stability.continuation.arclength import EXACT, Curve, CurvePoint, Plane
from dendrosim.stability.continuation.branch import Bifurcation

DEPTH = 6
"""How often a step is halved in search of crossings that cancel."""

CLOSE = 1e-6
"""Distance along the curve up to which two crossings at one value of the parameter are one: where branches
meet tangentially, rounding blurs their order over the square root of its size."""

REAL = 1e-8
"""An imaginary part below this fraction of the largest eigenvalue is a rounding error of a real one."""

JUMP = 1e-3
"""A critical eigenvalue that is further from zero than this fraction of the largest has jumped, not crossed."""

DENSE = 2000
"""States from which the eigenvector of a sparse Jacobian comes from shifted inverses."""


class StepPoint(NamedTuple):
    """A point of the curve and how far it lies along the tangent at the start of the step."""

    offset: float
    point: CurvePoint

    @property
    def signature(self) -> tuple[int, bool]:
        """What changes at a bifurcation: the unstable count, and whether the parameter rises."""
        return self.point.unstable, bool(self.point.tangent[-1] > 0.0)


class Bracket(NamedTuple):
    """Two spots close together between which something changes, and a point between them.

    `turned` says whether the parameter turns back there.
    """

    low: StepPoint
    high: StepPoint
    middle: CurvePoint
    turned: bool


class Step:
    """The piece of the curve from `left` to `right`, by distance along the tangent at `left`."""

    def __init__(self, curve: Curve, left: CurvePoint, right: CurvePoint, length: float) -> None:
        self.curve, self.left = curve, left
        self.first, self.last = StepPoint(0.0, left), StepPoint(length, right)

    def at(self, offset: float, low: StepPoint, high: StepPoint) -> StepPoint:
        """Return the point at `offset`, between two that are known."""
        share = (offset - low.offset) / (high.offset - low.offset)
        guess = (1.0 - share) * low.point.u + share * high.point.u
        plane = Plane(self.left.tangent, self.left.u, offset, self.left.symmetries)
        return StepPoint(offset, self.curve.point(guess, plane))

    def middle(self, low: StepPoint, high: StepPoint) -> StepPoint:
        """Return the point half way between two."""
        return self.at(0.5 * (low.offset + high.offset), low, high)

    def cut(self, position: float) -> "Step":
        """Return the step up to where the parameter stands at `position` (0 start, 1 stop), which it passes."""
        low, high = self.first, self.last
        above = high.point.position > position
        for _ in range(60):
            gap = high.point.position - low.point.position
            share = (position - low.point.position) / gap
            share = min(max(share, 0.02), 0.98) if high.offset - low.offset > 1e-3 else share
            offset = low.offset + share * (high.offset - low.offset)
            found = self.at(offset, low, high)
            miss = found.point.position - position
            if abs(miss) <= 1e-13 or not low.offset < offset < high.offset:
                break
            low, high = (low, found) if (miss > 0) == above else (found, high)
        return Step(self.curve, self.left, found.point, found.offset)


def find_crossings(step: Step, tolerance: float) -> tuple[list[Bifurcation], list[CurvePoint]]:
    """Return the bifurcations within a step, in order, and the points at which it was refined.

    `tolerance` is the width of the interval that is wanted, as a fraction of the range of the parameter.
    """
    found: list[tuple[StepPoint, StepPoint]] = []
    refined: list[CurvePoint] = []
    for low, high in _search(step, step.first, step.last, tolerance, 0, refined):
        if found and _are_one_crossing(found[-1], (low, high), tolerance):
            low = found.pop()[0]
        found.append((low, high))
    bifurcations: list[Bifurcation] = []
    for low, high in found:
        if low.signature == high.signature:
            continue  # nothing but rounding
        turned = low.signature[1] != high.signature[1]
        bifurcations += classify(step, Bracket(low, high, step.middle(low, high).point, turned))
    return bifurcations, sorted(refined, key=lambda point: float(step.left.tangent @ point.u))


def _are_one_crossing(
    one: tuple[StepPoint, StepPoint], two: tuple[StepPoint, StepPoint], tolerance: float
) -> bool:
    """Whether two brackets are one crossing that rounding has pulled apart."""
    gap = two[0].offset - one[1].offset
    apart = two[0].point.position - one[1].point.position
    return gap == 0.0 or (gap <= CLOSE and abs(apart) <= tolerance)


def _search(
    step: Step,
    low: StepPoint,
    high: StepPoint,
    tolerance: float,
    depth: int,
    refined: list[CurvePoint],
) -> Iterator[tuple[StepPoint, StepPoint]]:
    """Yield brackets in which the signature changes."""
    changed = low.signature != high.signature
    if changed and high.offset - low.offset <= tolerance:
        yield low, high
    elif changed or (depth < DEPTH and _may_cross_between(low, high)):
        middle = step.middle(low, high)
        if not low.offset < middle.offset < high.offset:
            yield low, high
            return
        if not changed:
            refined.append(middle.point)
        yield from _search(step, low, middle, tolerance, depth + 1, refined)
        yield from _search(step, middle, high, tolerance, depth + 1, refined)


def _may_cross_between(low: StepPoint, high: StepPoint) -> bool:
    """Whether a sorted real part with one sign at both ends may have the other in between."""
    left, right = low.point, high.point
    if len(left.eigenvalues) != len(right.eigenvalues):
        return False
    rounding = 100.0 * max(left.rounding, right.rounding)
    ahead, behind = left.eigenvalues.real, right.eigenvalues.real
    alike = (ahead * behind > 0) & (np.minimum(np.abs(ahead), np.abs(behind)) > rounding)
    if not np.any(alike):
        return False
    length = high.offset - low.offset
    onward = (ahead + length * left.eigenvalue_speeds) * ahead < 0
    back = (behind - length * right.eigenvalue_speeds) * behind < 0
    return bool(np.any(alike & (onward | back)))


def classify(step: Step, bracket: Bracket) -> list[Bifurcation]:
    """Return what happens in a bracket: one bifurcation, or one for each frequency that crosses in it."""
    low, high, middle = bracket.low.point, bracket.high.point, bracket.middle
    few, many = sorted((low.unstable, high.unstable))
    modes = middle.eigenvalues
    # Not of this point alone, where all eigenvalues may vanish.
    size = max(
        float(np.max(np.abs(point.eigenvalues))) for point in (middle, step.left, step.last.point)
    )
    critical = modes[few:many] if many > few else modes[[int(np.argmin(np.abs(modes)))]]
    turning = np.abs(critical.imag) > np.maximum(REAL * size, 100.0 * np.abs(critical.real))
    jumped = False
    if many > few and len(low.eigenvalues) == len(high.eigenvalues):
        gap = np.minimum(np.abs(low.eigenvalues.real), np.abs(high.eigenvalues.real))[few:many]
        jumped = bool(np.max(gap) > JUMP * size)
    bifurcations = []
    for group in _split_by_frequency(critical[turning], 1e-6 * size):
        bifurcations.append(_make_bifurcation("kink" if jumped else "hopf", step, bracket, group))
    if not np.all(turning):
        kind = "branch point"
        if bracket.turned and many > few:
            kind = "fold"
        elif jumped:
            kind = "kink"
        bifurcations.append(_make_bifurcation(kind, step, bracket, critical[~turning]))
    return bifurcations


def _split_by_frequency(critical: Complex, width: float) -> list[Complex]:
    """Split complex eigenvalues by frequency."""
    ordered = critical[np.argsort(np.abs(critical.imag))]
    breaks = np.flatnonzero(np.diff(np.abs(ordered.imag)) > width) + 1
    return [group for group in np.split(ordered, breaks) if len(group)]


def _make_bifurcation(kind: str, step: Step, bracket: Bracket, group: Complex) -> Bifurcation:
    curve, middle = step.curve, bracket.middle
    # The eigenvalue that stands for the group: nearest to the axis, of a pair the upper one.
    nearest = min(group, key=lambda mode: (abs(mode.real), -mode.imag))
    oscillates = kind == "hopf" or (kind == "kink" and len(group) > 1)
    eigenvalue = complex(nearest.real, abs(nearest.imag) if oscillates else 0.0)
    value = curve.value(middle.u)
    return Bifurcation(
        kind=kind,
        parameter=curve.parameter,
        value=value,
        interval=_interval(step, bracket, value),
        frequency=eigenvalue.imag / (2.0 * np.pi),
        eigenvalue=eigenvalue,
        eigenvector=_eigenvector(curve, middle, eigenvalue),
        count=len(group),
        state=curve.state(middle.u),
        tangent=middle.tangent,
    )


def _interval(step: Step, bracket: Bracket, value: float) -> tuple[float, float]:
    """Bounds of the parameter in a bracket.

    Where it turns, its extreme lies beyond both ends, but not beyond their tangents.
    """
    curve, normal = step.curve, step.left.tangent
    ends = [bracket.low.point.u, bracket.high.point.u]
    if bracket.turned:
        length = bracket.high.offset - bracket.low.offset
        for end, sign in ((bracket.low, 1.0), (bracket.high, -1.0)):
            tangent = end.point.tangent
            ends.append(end.point.u + sign * length / (tangent @ normal) * tangent)
    values = [curve.value(u) for u in ends] + [value]
    # How well a point of the curve is known.
    slack = 8.0 * EXACT * abs(curve.stop - curve.start)
    return min(values) - slack, max(values) + slack


def _eigenvector(curve: Curve, point: CurvePoint, eigenvalue: complex) -> Complex:
    """Return the eigenvector of the eigenvalue nearest to a given one, shape (n,), of length 1."""
    jacobian, symmetries = curve.jacobian(point.u), point.symmetries
    if sparse.issparse(jacobian) and not symmetries.shape[1] and jacobian.shape[0] > DENSE:
        start = np.ones(jacobian.shape[0])  # the default would be random
        found = eigs(jacobian.tocsc(), k=1, sigma=eigenvalue + JUMP * REAL, v0=start)[1][:, 0]
    else:
        full = jacobian.toarray() if sparse.issparse(jacobian) else jacobian
        # J is zero along the symmetries: on the rest Z, which completes their basis, it is Z'JZ.
        rest = (
            linalg.qr(symmetries)[0][:, symmetries.shape[1] :]
            if symmetries.shape[1]
            else np.eye(len(full))
        )
        values, vectors = linalg.eig(rest.T @ full @ rest)
        index = int(np.argmin(np.abs(values - eigenvalue)))
        found = rest @ vectors[:, index]
        if symmetries.shape[1] and abs(eigenvalue.imag) > 0.0:
            found = found + symmetries @ (symmetries.T @ full @ found) / values[index]
    found = found * curve.scale
    largest = found[int(np.argmax(np.abs(found)))]
    found = found * (np.conj(largest) / abs(largest))
    return np.asarray(found / linalg.norm(found), complex)
