"""Events on a branch of periodic orbits: folds, period doublings, tori and branch points.

They are found by the multipliers at both ends of a step and located by the zeros of test functions on the
length of the step.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from dendrosim.arrays import Complex
from dendrosim.stability.cycles.cycle_curve import CycleCurve, CyclePoint, OutsideDomain, Stuck

FOLD, DOUBLING, TORUS, BRANCH = "fold", "period doubling", "torus", "branch point"

KINDS = (FOLD, DOUBLING, TORUS, BRANCH)
"""The kinds of events on a branch of periodic orbits; see `CycleEvent`."""

MOST_STEPS = 30
"""Largest number of points that are computed to locate an event."""

EXACT = 1e-9
"""Error of the place of an event, as a fraction of the step."""

INACCURATE = 0.01
"""Distance of the trivial multiplier from 1 above which the other multipliers are not trusted."""

FAST = 2.0
"""Change of the logarithm of a large multiplier above which a step is repeated with half of its length."""

DEAD = 1e-8
"""Multipliers below this size are rounding errors beside a trivial multiplier of 1, and do not count."""


def find_events(
    curve: CycleCurve, left: CyclePoint, right: CyclePoint, length: float
) -> list[tuple[str, CyclePoint]]:
    """Return kind and point of each event in a step of a given length, in the order of the branch."""
    found: list[tuple[float, str, CyclePoint]] = []
    for kind in _kinds_between(left, right):
        place = _locate(curve, left, right, length, _TESTS[kind])
        if place is not None:
            found.append((place[0], kind, place[1]))
    return [(kind, point) for _, kind, point in sorted(found, key=lambda e: e[0])]


def _kinds_between(left: CyclePoint, right: CyclePoint) -> list[str]:
    """Return the kinds of events in a step, from the turn of the parameter and the numbers of multipliers."""
    before, after = left.transverse, right.transverse
    found: list[str] = []
    turned = left.tangent.position * right.tangent.position < 0.0
    if turned:
        found.append(FOLD)
    if max(left.error, right.error) > INACCURATE:
        return found
    change = _outside(after) - _outside(before)
    crossed = _real_beyond(after, 1.0) - _real_beyond(before, 1.0)
    if crossed % 2 and not turned:
        found.append(BRANCH)
    flipped = _real_beyond(after, -1.0) - _real_beyond(before, -1.0)
    if flipped % 2:
        found.append(DOUBLING)
    rest = change - (crossed if crossed % 2 else 0) - (flipped if flipped % 2 else 0)
    if abs(rest) >= 2 and _has_pair(before) and _has_pair(after):
        found.append(TORUS)
    return found


def _outside(values: Complex) -> int:
    return int(np.sum(np.abs(values) > 1.0))


def _real(values: Complex) -> Complex:
    return np.asarray(values[np.abs(values.imag) <= 1e-9 * np.abs(values)])


def _real_beyond(values: Complex, limit: float) -> int:
    """Return the number of real multipliers above 1, or below -1."""
    real = _real(values).real
    return int(np.sum(real > limit if limit > 0 else real < limit))


def _pairs(values: Complex) -> Complex:
    return np.asarray(values[(values.imag > 1e-9 * np.abs(values)) & (np.abs(values) > DEAD)])


def _has_pair(values: Complex) -> bool:
    return bool(len(_pairs(values)))


def _test_fold(point: CyclePoint) -> float:
    return point.tangent.position


def _test_doubling(point: CyclePoint) -> float:
    values = point.transverse
    return float(np.prod((values + 1.0) / (1.0 + np.abs(values))).real)


def _test_torus(point: CyclePoint) -> float:
    sizes = np.log(np.abs(_pairs(point.transverse)))
    return float(sizes[np.argmin(np.abs(sizes))]) if len(sizes) else np.nan


def _test_branch(point: CyclePoint) -> float:
    values = point.transverse
    return float(np.prod((values - 1.0) / (1.0 + np.abs(values))).real)


_TESTS: dict[str, Callable[[CyclePoint], float]] = {
    FOLD: _test_fold,
    DOUBLING: _test_doubling,
    TORUS: _test_torus,
    BRANCH: _test_branch,
}


def is_coarse(left: CyclePoint, right: CyclePoint) -> bool:
    """Return whether multipliers change so much in a step that events may be missed."""
    sizes = [np.log(np.maximum(np.abs(p.multipliers[:2]), 1e-2)) for p in (left, right)]
    jump = float(np.max(np.abs(sizes[1] - sizes[0])))
    return jump > FAST or (
        abs(_outside(left.transverse) - _outside(right.transverse)) > 1
        and not (_has_pair(left.transverse) and _has_pair(right.transverse))
    )


def nearest_multiplier(kind: str, point: CyclePoint) -> complex:
    """Return the critical multiplier at an event."""
    values = point.transverse
    if kind == TORUS:
        pairs = _pairs(values)
        return complex(pairs[np.argmin(np.abs(np.abs(pairs) - 1.0))])
    target = -1.0 if kind == DOUBLING else 1.0
    return complex(values[np.argmin(np.abs(values - target))])


def _locate(
    curve: CycleCurve,
    left: CyclePoint,
    right: CyclePoint,
    length: float,
    test: Callable[[CyclePoint], float],
) -> tuple[float, CyclePoint] | None:
    """Return offset and point of the zero of a test function in a step; None if it has no sign change."""
    ends = test(left), test(right)
    if not np.all(np.isfinite(ends)) or ends[0] * ends[1] > 0.0:
        return None
    points = {0.0: left, length: right}

    def value(offset: float) -> float:
        if offset not in points:
            points[offset] = curve.step(left, offset)
        found = test(points[offset])
        if not np.isfinite(found):
            raise Stuck("the test function has no value within the step")
        return found

    try:
        place = brentq(value, 0.0, length, xtol=EXACT * length, maxiter=MOST_STEPS, disp=False)
        value(place)
    except (Stuck, OutsideDomain):
        return None
    return float(place), points[place]
