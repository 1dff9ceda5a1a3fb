"""Continuation of fixed points in a parameter: pseudo-arclength with adaptive steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import (
    NonFiniteError,
    NotConvergedError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)
from dendrosim.stability.continuation.arclength import (
    CorrectorStuck,
    Curve,
    CurvePoint,
    OutsideDomain,
    Plane,
)
from dendrosim.stability.continuation.branch import BIFURCATION_KINDS, Bifurcation, Branch
from dendrosim.stability.continuation.branch_switching import find_other_branches
from dendrosim.stability.continuation.corners import round_corner
from dendrosim.stability.continuation.crossings import Step, find_crossings
from dendrosim.stability.continuation.poles import FAR, UNBOUNDED, cross_pole
from dendrosim.stability.fixed_points.nearby import find_nearby
from dendrosim.stability.spectrum.spectrum import sort_eigenvalues
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_number, read_numbers

STRAIGHT = 0.9
"""Cosine of the angle between the tangents at both ends of a step (26 degrees): if it is smaller, the step is
repeated with half its length."""

CORNER = 1e-5
"""In a step of at most this length the curve may turn by any angle: a turn within this length is a corner of the
equations."""

EDGE = 1e-12
"""The parameter counts as at an end of its range if its distance from that end is at most this fraction of the
range, which is a hundred times the accuracy of a point."""

DEVIATION = 0.5
"""Distance of a corrected point from its prediction, relative to the step, above which the corrector has probably
found another branch."""

DEPARTURE = 1e-3
"""Distance from a branch point, in scaled units, at which another branch is started: much larger than the error of
the branch point, 1e-8, and much smaller than a step."""


@dataclass(frozen=True)
class Settings:
    """Lengths of steps, limits and tolerances, as `continuation` takes them."""

    step: float
    max_step: float
    min_step: float
    max_points: int
    tolerance: float
    events: frozenset[str]


def continuation(
    field: Flow,
    parameter: str,
    start: float,
    stop: float,
    *,
    point: Any = None,
    direction: ArrayLike | None = None,
    step: float | None = None,
    max_step: float | None = None,
    min_step: float = 1e-6,
    max_points: int = 500,
    tolerance: float = 1e-8,
    events: Iterable[str] = BIFURCATION_KINDS,
) -> Branch:
    """Follow a fixed point through a parameter, around folds, and find its bifurcations.

    Parameters
    ----------
    field : Flow
        A vector field, as `vector_field` returns it.
    parameter : str
        Name of the parameter, one of `field.parameters`.
    start, stop : float
        Ends of the range of the parameter, in SI units; `start` may be larger than `stop`.
    point : array, shape (n,), or FixedPoint, optional
        A state near the fixed point at `start`, in SI units. Default: `field.start`.
    direction : array, shape (n,), optional
        Direction of the states in the first step, in SI units. Default: the parameter moves towards `stop`.
    step, max_step, min_step : float, optional
        First, longest and shortest step along the curve, in scaled units. In these units the range of the
        parameter has length 1, and a state vector has length 1 if each state is as large as the largest start
        value among the states of its unit. Default: 0.01, 0.05 and 1e-6.
    max_points : int, optional
        Largest number of points. Default: 500.
    tolerance : float, optional
        Largest width of a bifurcation's interval, as a fraction of the range. Default: 1e-8.
    events : iterable of str, optional
        Kinds of bifurcations to report: `hopf`, `fold`, `branch point`, `kink`. Default: all.

    Returns
    -------
    Branch
        Its `message` says why it ends: `stop` is reached, the parameter turned back and left its range, the step
        fell below `min_step`, the curve left the domain of the equations or went to infinity, or `max_points` is
        reached.

    Raises
    ------
    UnknownNameError
        If the rates do not depend on a parameter of that name, or a kind of event is unknown.
    ParameterError
        If the range is empty, or a step, a limit or the tolerance is out of range.
    ShapeError
        If the point or the direction does not have the shape of the state.
    NotConvergedError
        If no fixed point is found at `start`.
    NonFiniteError
        If the equations have no finite value at `start`.

    Notes
    -----
    Bifurcations are detected by the number of eigenvalues with a positive real part, and located by bisection. Two
    crossings within one step may leave this number unchanged. A step is searched for such crossings if a real
    part, extrapolated from either end of the step, crosses zero within the step; a spectrum that changes faster
    needs a smaller `max_step`.
    Steps are halved if the curve bends or Newton's method fails. Directions of symmetry are left out of the
    tangent, of Newton's steps and of the critical eigenvalues.

    References
    ----------
    Keller (1977), Numerical solution of bifurcation and nonlinear eigenvalue problems, in Rabinowitz (ed.),
    Applications of Bifurcation Theory, Academic Press, 359-384.

    Examples
    --------
    >>> branch = ds.continuation(field, "mu", start=0.02, stop=0.5)
    >>> print([(b.kind, b.value) for b in branch.bifurcations], branch.message)
    """
    check_flow(field)
    field.check_spectrum()
    if parameter not in field.parameters:
        raise UnknownNameError("parameter of the equations", parameter, field.parameters)
    start, stop = read_number("start", start), read_number("stop", stop)
    if start == stop:
        raise ParameterError(
            f"{parameter} cannot be followed from {start:g} to {stop:g}; give two different values"
        )
    settings = _read_settings(step, max_step, min_step, max_points, tolerance, events)
    curve, first = _find_start(field, parameter, start, stop, point, direction)
    return _trace(curve, first, settings)


def _read_settings(
    step: float | None,
    max_step: float | None,
    min_step: float,
    max_points: int,
    tolerance: float,
    events: Iterable[str],
) -> Settings:
    # By default twenty steps cross the range, and the first is a fifth of the longest.
    longest = max(0.05, step or 0.0) if max_step is None else max_step
    length = min(0.01, longest) if step is None else step
    if not 0 < min_step <= length <= longest:
        raise ParameterError(
            f"steps must obey 0 < min_step <= step <= max_step, not {min_step:g}, {length:g}, {longest:g}"
        )
    if max_points < 2:
        raise ParameterError(f"max_points must be at least 2, not {max_points}")
    # Points are exact to 1e-14; an interval wider than 0.01 would be as long as a step.
    if not 1e-13 <= tolerance <= 1e-2:
        raise ParameterError(f"tolerance must be between 1e-13 and 0.01, not {tolerance:g}")
    kinds = frozenset([events] if isinstance(events, str) else events)
    for kind in sorted(kinds - set(BIFURCATION_KINDS)):
        raise UnknownNameError("kind of bifurcation", kind, BIFURCATION_KINDS)
    return Settings(length, longest, min_step, max_points, tolerance, kinds)


def _find_start(
    field: Flow,
    parameter: str,
    start: float,
    stop: float,
    point: Any,
    direction: ArrayLike | None,
) -> tuple[Curve, CurvePoint]:
    """Return the curve, and its point at `start` with a tangent in the direction of the first step."""
    flow = field.at(parameter, start)
    guess = read_numbers("point", field.start if point is None else getattr(point, "x", point))
    if guess.shape != (flow.size,):
        raise ShapeError(f"point must be {flow.size} numbers, not of shape {guess.shape}")
    onward = np.append(np.zeros(flow.size), 1.0)
    try:
        found = _solve_near(Curve(flow, parameter, start, stop, guess), flow, guess)
        curve = Curve(flow, parameter, start, stop, found)
        if direction is not None:
            along = np.asarray(direction, float)
            if along.shape != (flow.size,) or not np.any(along):
                raise ShapeError(f"direction must be {flow.size} numbers, not all zero: {along}")
            onward = np.append(along / curve.scale, 0.0)
        return curve, CurvePoint(
            curve, curve.coordinates(found, start), onward / np.linalg.norm(onward)
        )
    except NotConvergedError as error:
        where = f"{parameter} cannot be followed from {start:g}"
        raise NotConvergedError(
            f"{where}: {error}", point=error.point, where=error.where
        ) from error
    except OutsideDomain as error:
        raise NonFiniteError(f"{parameter} cannot be followed from {start:g}: {error}") from error


def _solve_near(curve: Curve, flow: Flow, guess: Array) -> Array:
    """Return the fixed point near a guess, by the general search or else by the corrector of the curve."""
    try:
        return find_nearby(flow, guess).x
    except NotConvergedError:
        u = curve.coordinates(guess, curve.start)
        normal = np.append(np.zeros(flow.size), 1.0)
        try:
            found, _ = curve.correct(u, Plane(normal, u, 0.0, curve.symmetries(u)))
        except (CorrectorStuck, OutsideDomain):
            found = u
        if found is u:
            raise
        return curve.state(found)


def _trace(curve: Curve, first: CurvePoint, settings: Settings) -> Branch:
    """Return the branch that begins at a point of the curve."""
    points, bifurcations, message = _follow(curve, first, settings)
    modes = [
        sort_eigenvalues(np.append(p.eigenvalues, np.zeros(p.symmetries.shape[1]))) for p in points
    ]
    eigenvalues = np.full((len(points), max(map(len, modes))), np.nan, dtype=complex)
    for row, found in zip(eigenvalues, modes, strict=True):
        row[: len(found)] = found
    return Branch(
        parameter=curve.parameter,
        values=np.array([curve.value(p.u) for p in points]),
        states=np.array([curve.state(p.u) for p in points]),
        labels=tuple(curve.field.labels),
        units=tuple(curve.field.units),
        stable=np.array([bool(np.all(p.eigenvalues.real < -p.rounding)) for p in points]),
        unstable=np.array([p.unstable for p in points]),
        eigenvalues=eigenvalues,
        bifurcations=tuple(b for b in bifurcations if b.kind in settings.events),
        message=message,
        switching=partial(_switch, curve, settings),
    )


def _switch(curve: Curve, settings: Settings, bifurcation: Bifurcation) -> tuple[Branch, ...]:
    starts = find_other_branches(curve, bifurcation, max(DEPARTURE, settings.min_step))
    return tuple(_trace(curve, point, settings) for point in starts)


def _follow(
    curve: Curve, first: CurvePoint, settings: Settings
) -> tuple[list[CurvePoint], list[Bifurcation], str]:
    """Follow the curve from its first point; return its points, its bifurcations, and why it ends."""
    points, bifurcations = [first], list[Bifurcation]()
    length = settings.step
    name = curve.parameter
    while len(points) < settings.max_points:
        left = points[-1]
        here = f"{name} = {curve.value(left.u):.9g}"
        length = min(length, _longest_step(left, settings.max_step))
        try:
            step = _take_step(curve, left, length)
            new, refined = find_crossings(step, settings.tolerance)
        except (CorrectorStuck, OutsideDomain) as error:
            length *= 0.5
            if length >= settings.min_step:
                continue
            corner = round_corner(curve, left, settings.min_step)
            if corner is not None:
                bifurcations += corner[0]
                points.append(corner[1])
                length = settings.step
                continue
            why = "left the domain" if isinstance(error, OutsideDomain) else "step below min_step"
            return points, bifurcations, f"{why} at {here}: {error}"
        bifurcations += new
        points += [*refined, step.last.point]
        right = step.last.point
        if np.linalg.norm(right.u[:-1]) > FAR:
            if np.linalg.norm(right.u[:-1]) > UNBOUNDED:
                end = f"{name} = {curve.value(right.u):.9g}"
                return points, bifurcations, f"the equilibrium runs to infinity at {end}"
            if (leap := cross_pole(step, settings.tolerance, settings.max_step)) is not None:
                point, crossed = leap
                points.append(point)
                bifurcations += crossed
                continue
        if (where := step.last.point.position) >= 1.0 - EDGE:
            return points, bifurcations, f"reached {name} = {curve.stop:g}"
        if where <= EDGE:
            how = "turned back and left" if first.position <= EDGE else "left"
            return points, bifurcations, f"{name} {how} its range at {name} = {curve.start:g}"
        length = max(length, step.last.offset) if len(refined) else length
        length *= _step_growth(step)
    return (
        points,
        bifurcations,
        f"max_points = {settings.max_points} reached at {name} = {curve.value(points[-1].u):.9g}",
    )


def _take_step(curve: Curve, left: CurvePoint, length: float) -> Step:
    """Return one step of a given length, cut at the end of the range; raises CorrectorStuck if it is too long."""
    plane = Plane(left.tangent, left.u, length, left.symmetries)
    guess = left.u + length * left.tangent
    right = curve.point(guess, plane)
    if length > CORNER:
        if _cosine(left, right) < STRAIGHT:
            raise CorrectorStuck("the curve bends too sharply")
        size = _growth_of_states(left)
        away, along = _balanced(right.u - guess, size), _balanced(right.u - left.u, size)
        if np.linalg.norm(away) > DEVIATION * np.linalg.norm(along):
            raise CorrectorStuck("Newton's method leads to another branch")
    step = Step(curve, left, right, length)
    for edge, sign in ((0.0, -1.0), (1.0, 1.0)):
        if sign * (right.position - edge) > EDGE:
            if sign * (left.position - edge) >= -EDGE:
                if sign * left.tangent[-1] < 0.0 and length > CORNER:
                    raise CorrectorStuck("the curve turns back within the step")
                return step
            return step.cut(edge)
    return step


def _growth_of_states(point: CurvePoint) -> float:
    """Return the size of the states relative to their size at the start, but at least 1."""
    return max(1.0, float(np.linalg.norm(point.u[:-1])))


def _balanced(u: Array, size: float) -> Array:
    """Return a direction with states in units of their present size, so that they do not outweigh the
    parameter."""
    return np.append(u[:-1] / size, u[-1])


def _cosine(left: CurvePoint, right: CurvePoint) -> float:
    """Return the cosine of the angle between the tangents at two points."""
    one, two = (_balanced(point.tangent, _growth_of_states(left)) for point in (left, right))
    return float(one @ two / (np.linalg.norm(one) * np.linalg.norm(two)))


def _longest_step(point: CurvePoint, max_step: float) -> float:
    """Return the longest step from a point that changes neither the parameter nor the states by too much."""
    # The relative change of states may be twice that of the parameter, because some branches run to infinity.
    local = _balanced(point.tangent, 2.0 * _growth_of_states(point))
    return max_step / max(abs(local[-1]), float(np.linalg.norm(local[:-1])))


def _step_growth(step: Step) -> float:
    """Return the ratio of the next step to this one: below 1 if Newton's method was slow or the curve bends."""
    # After five Newton steps, or a turn by 11 to 18 degrees (cosines 0.98 and 0.95), the next step has the same
    # length: a longer step would often have to be repeated.
    bend = _cosine(step.left, step.last.point)
    if step.last.point.iterations > 5 or bend < 0.95:
        return 0.7
    return 1.5 if step.last.point.iterations <= 4 and bend > 0.98 else 1.0
