"""Bifurcations within one step of a continuation: detected by the number of unstable eigenvalues, then bisected.

The sign of a determinant would miss bifurcations: spectra of layered circuits have multiple eigenvalues, and an
even number of them may cross together. Two crossings that cancel within one step do not change the number of
unstable eigenvalues. A step is searched for such crossings if a sorted real part, extrapolated from either end of
the step by its rate of change there, crosses zero within the step. Crossings that follow each other faster can be
missed; they need a smaller `max_step`.
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
"""Number of times that a step is halved in search of crossings that cancel, down to 1/64 of the step."""

CLOSE = 1e-6
"""Two crossings at one value of the parameter count as one if they are at most this far apart along the curve:
where branches meet tangentially, rounding errors of size eps change the order of crossings within about
sqrt(eps)."""

REAL = 1e-8
"""An eigenvalue counts as real if its imaginary part is at most this fraction of the largest eigenvalue: rounding
splits a double real eigenvalue by about sqrt(eps)."""

JUMP = 1e-3
"""Critical eigenvalues have jumped across the imaginary axis if their distance from it exceeds this fraction of
the largest eigenvalue: after bisection, eigenvalues that cross without a jump are about 1e-8 from the axis."""

SAME_FREQUENCY = 1e-6
"""Difference of imaginary parts, as a fraction of the largest eigenvalue, up to which pairs count as crossing
together."""

SAFETY = 100.0
"""The sign of a real part counts as certain if the real part exceeds the rounding errors by this factor."""

DENSE = 2000
"""Number of states above which the eigenvector of a sparse Jacobian is computed by inverse iteration."""

BISECTIONS = 60
"""Largest number of iterations in the search for an end of the range: each shortens the interval by at least 2 %,
and most shorten it by far more."""


class StepPoint(NamedTuple):
    """A point of the curve, and its distance along the tangent at the start of the step."""

    offset: float
    point: CurvePoint

    @property
    def signature(self) -> tuple[int, bool]:
        """The number of unstable eigenvalues, and whether the parameter rises; they change at bifurcations."""
        return self.point.unstable, bool(self.point.tangent[-1] > 0.0)


class Bracket(NamedTuple):
    """Two points close together between which the signature changes, and a point between them.

    `turned` says whether the parameter turns back between them.
    """

    low: StepPoint
    high: StepPoint
    middle: CurvePoint
    turned: bool


class Step:
    """The piece of the curve from `left` to `right`, parametrised by the distance along the tangent at `left`.

    `length` is this distance at `right`, in scaled units.
    """

    def __init__(self, curve: Curve, left: CurvePoint, right: CurvePoint, length: float) -> None:
        self.curve, self.left = curve, left
        self.first, self.last = StepPoint(0.0, left), StepPoint(length, right)

    def at(self, offset: float, low: StepPoint, high: StepPoint) -> StepPoint:
        """Return the point at the distance `offset`, between two known points."""
        share = (offset - low.offset) / (high.offset - low.offset)
        guess = (1.0 - share) * low.point.u + share * high.point.u
        plane = Plane(self.left.tangent, self.left.u, offset, self.left.symmetries)
        return StepPoint(offset, self.curve.point(guess, plane))

    def middle(self, low: StepPoint, high: StepPoint) -> StepPoint:
        """Return the point half-way between two known points."""
        return self.at(0.5 * (low.offset + high.offset), low, high)

    def cut(self, position: float) -> "Step":
        """Return the step up to the point where the parameter passes `position`, a number from 0 to 1."""
        low, high = self.first, self.last
        above = high.point.position > position
        for _ in range(BISECTIONS):
            gap = high.point.position - low.point.position
            share = (position - low.point.position) / gap
            # Regula falsi; in long intervals it is kept away from the ends, as it may converge from one side only.
            share = min(max(share, 0.02), 0.98) if high.offset - low.offset > 1e-3 else share
            offset = low.offset + share * (high.offset - low.offset)
            found = self.at(offset, low, high)
            miss = found.point.position - position
            if abs(miss) <= 1e-13 or not low.offset < offset < high.offset:  # rounding errors
                break
            low, high = (low, found) if (miss > 0) == above else (found, high)
        return Step(self.curve, self.left, found.point, found.offset)


def find_crossings(step: Step, tolerance: float) -> tuple[list[Bifurcation], list[CurvePoint]]:
    """Return the bifurcations within a step in order, and further points at which the step was refined.

    `tolerance` is the largest width of a bifurcation's interval, as a fraction of the range of the parameter.
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
            continue  # two brackets were merged, and the signature is the same before and after them
        turned = low.signature[1] != high.signature[1]
        bifurcations += classify(step, Bracket(low, high, step.middle(low, high).point, turned))
    return bifurcations, sorted(refined, key=lambda point: float(step.left.tangent @ point.u))


def _are_one_crossing(
    one: tuple[StepPoint, StepPoint], two: tuple[StepPoint, StepPoint], tolerance: float
) -> bool:
    """Return whether two brackets belong to one crossing that rounding errors have separated."""
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
    """Yield pairs of close points between which the signature changes; append further points to `refined`."""
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
    """Return whether a sorted real part with the same sign at both ends may change its sign in between."""
    left, right = low.point, high.point
    if len(left.eigenvalues) != len(right.eigenvalues):
        return False
    rounding = SAFETY * max(left.rounding, right.rounding)
    ahead, behind = left.eigenvalues.real, right.eigenvalues.real
    alike = (ahead * behind > 0) & (np.minimum(np.abs(ahead), np.abs(behind)) > rounding)
    if not np.any(alike):
        return False
    length = high.offset - low.offset
    onward = (ahead + length * left.eigenvalue_speeds) * ahead < 0
    back = (behind - length * right.eigenvalue_speeds) * behind < 0
    return bool(np.any(alike & (onward | back)))


def classify(step: Step, bracket: Bracket) -> list[Bifurcation]:
    """Return the bifurcations in a bracket: a single one, or one for each frequency of critical eigenvalues."""
    low, high, middle = bracket.low.point, bracket.high.point, bracket.middle
    few, many = sorted((low.unstable, high.unstable))
    modes = middle.eigenvalues
    # The largest size at three points is used, since all eigenvalues may be zero at the bifurcation itself.
    size = max(
        float(np.max(np.abs(point.eigenvalues))) for point in (middle, step.left, step.last.point)
    )
    critical = modes[few:many] if many > few else modes[[int(np.argmin(np.abs(modes)))]]
    oscillating = np.abs(critical.imag) > np.maximum(REAL * size, SAFETY * np.abs(critical.real))
    jumped = False
    if many > few and len(low.eigenvalues) == len(high.eigenvalues):
        gap = np.minimum(np.abs(low.eigenvalues.real), np.abs(high.eigenvalues.real))[few:many]
        jumped = bool(np.max(gap) > JUMP * size)
    bifurcations = []
    for group in _split_by_frequency(critical[oscillating], SAME_FREQUENCY * size):
        bifurcations.append(_make_bifurcation("kink" if jumped else "hopf", step, bracket, group))
    if not np.all(oscillating):
        kind = "branch point"
        if bracket.turned and many > few:
            kind = "fold"
        elif jumped:
            kind = "kink"
        bifurcations.append(_make_bifurcation(kind, step, bracket, critical[~oscillating]))
    return bifurcations


def _split_by_frequency(critical: Complex, width: float) -> list[Complex]:
    """Return groups of eigenvalues whose frequencies differ by at most `width`, in 1/s."""
    ordered = critical[np.argsort(np.abs(critical.imag))]
    breaks = np.flatnonzero(np.diff(np.abs(ordered.imag)) > width) + 1
    return [group for group in np.split(ordered, breaks) if len(group)]


def _make_bifurcation(kind: str, step: Step, bracket: Bracket, group: Complex) -> Bifurcation:
    """Return the bifurcation of the given kind in a bracket, at which the eigenvalues of `group` cross."""
    curve, middle = step.curve, bracket.middle
    # The eigenvalue nearest to the imaginary axis represents the group; of a pair, the one above the real axis.
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
        flow=curve.flow(middle.u),
    )


def _interval(step: Step, bracket: Bracket, value: float) -> tuple[float, float]:
    """Return lower and upper bound of the parameter in a bracket, in SI units.

    If the parameter turns back, its extreme value is beyond both ends, but not beyond the tangents at the ends.
    """
    curve, normal = step.curve, step.left.tangent
    ends = [bracket.low.point.u, bracket.high.point.u]
    if bracket.turned:
        length = bracket.high.offset - bracket.low.offset
        for end, sign in ((bracket.low, 1.0), (bracket.high, -1.0)):
            tangent = end.point.tangent
            ends.append(end.point.u + sign * length / (tangent @ normal) * tangent)
    values = [curve.value(u) for u in ends] + [value]
    # A point of the curve is known to a few times the accuracy of the corrector.
    slack = 8.0 * EXACT * abs(curve.stop - curve.start)
    return min(values) - slack, max(values) + slack


def _eigenvector(curve: Curve, point: CurvePoint, eigenvalue: complex) -> Complex:
    """Return the eigenvector of the eigenvalue nearest to a given one, shape (n,), of length 1."""
    jacobian, symmetries = curve.jacobian(point.u), point.symmetries
    if sparse.issparse(jacobian) and not symmetries.shape[1] and jacobian.shape[0] > DENSE:
        start = np.ones(jacobian.shape[0])  # ARPACK's own start is random
        found = eigs(jacobian.tocsc(), k=1, sigma=eigenvalue + JUMP * REAL, v0=start)[1][:, 0]
    else:
        full = jacobian.toarray() if sparse.issparse(jacobian) else jacobian
        # J maps the symmetries to zero. With Z a basis of the other directions, Z'JZ has the other eigenvalues.
        rest = (
            linalg.qr(symmetries)[0][:, symmetries.shape[1] :]
            if symmetries.shape[1]
            else np.eye(len(full))
        )
        values, vectors = linalg.eig(rest.T @ full @ rest)
        index = int(np.argmin(np.abs(values - eigenvalue)))
        found = rest @ vectors[:, index]
        # A component along the symmetries turns an eigenvector of Z'JZ into an eigenvector of J.
        if symmetries.shape[1] and abs(eigenvalue.imag) > 0.0:
            found = found + symmetries @ (symmetries.T @ full @ found) / values[index]
    found = found * curve.scale
    # The largest component is real and positive, so that the phase is the same in each run.
    largest = found[int(np.argmax(np.abs(found)))]
    found = found * (np.conj(largest) / abs(largest))
    return np.asarray(found / linalg.norm(found), complex)
