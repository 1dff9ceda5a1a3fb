"""Equilibria followed through a parameter: pseudo-arclength with steps that adapt.

Source: H. B. Keller, "Numerical solution of bifurcation and nonlinear eigenvalue problems" (1977).
"""

from collections.abc import Iterable
from dataclasses import dataclass
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
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.spectrum.spectrum import sort_eigenvalues
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_number, read_numbers

STRAIGHT = 0.9
"""Cosine between tangents below which a step is taken again with half its length."""

CORNER = 1e-5
"""Steps shorter than this may turn by any angle: there lies a corner of the equations, not a curve."""

EDGE = 1e-12
"""How near to an end of the range the parameter counts as being there."""


@dataclass(frozen=True)
class Settings:
    """How a curve is followed; lengths are in units of the range of the parameter."""

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
    """Follow an equilibrium from `start` to `stop` of a parameter, round folds, and find its bifurcations.

    Bifurcations are found by the number of eigenvalues with a positive real part and located by bisection.
    Two crossings within one step that leave this number as it was are looked for wherever the real parts,
    extrapolated from either end of the step, cross zero within it; a spectrum that moves to and fro faster than
    that needs a smaller `max_step`. Steps are halved where the curve bends or Newton is slow. Directions of
    symmetry of the flow are left out of the tangent, of Newton's steps and of the critical eigenvalues.

    Parameters
    ----------
    field : Flow
        What is analysed.
    parameter : str
        One of `field.parameters`.
    start, stop : float
        Ends of its range, in SI units; `start` may be the larger.
    point : array of shape (n,), or FixedPoint, optional
        Near the equilibrium at `start`; by default it is looked for from `field.start`.
    direction : array of shape (n,), optional
        Of the states, for the first step; by default the parameter moves towards `stop`.
    step, max_step, min_step : float, optional
        First, longest and shortest step along the curve. Lengths are in scaled units, in which the range is 1
        and a state its largest size among those of its unit. Default 0.01, 0.05, 1e-6.
    max_points : int
        The branch ends after so many points.
    tolerance : float
        Width of the interval of a bifurcation, as a fraction of the range.
    events : iterable of str
        Kinds of bifurcation to report, of `hopf`, `fold`, `branch point`, `kink`.

    Returns
    -------
    Branch
        Its `message` says why it ends: `stop` is reached, the parameter turned back and left the range, the
        step fell below `min_step`, the curve left the domain of the equations, or `max_points`.

    Raises
    ------
    UnknownNameError
        For a parameter that is not in the equations, or an unknown kind of event.
    ParameterError, ShapeError
        For a range, step or point that cannot be used.
    NotConvergedError, NonFiniteError
        Where no equilibrium is found at `start`, or the equations have no value there.
    """
    check_flow(field)
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
    longest = max(0.05, step or 0.0) if max_step is None else max_step
    length = min(0.01, longest) if step is None else step
    if not 0 < min_step <= length <= longest:
        raise ParameterError(
            f"steps must obey 0 < min_step <= step <= max_step, not {min_step:g}, {length:g}, {longest:g}"
        )
    if max_points < 2:
        raise ParameterError(f"max_points must be at least 2, not {max_points}")
    if not 1e-13 <= tolerance <= 1e-2:
        raise ParameterError(f"tolerance must lie between 1e-13 and 0.01, not {tolerance:g}")
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
    """Return the curve and its point at `start`."""
    flow = field.at(parameter, start)
    guess = read_numbers("point", field.start if point is None else getattr(point, "x", point))
    if guess.shape != (flow.size,):
        raise ShapeError(f"point must be {flow.size} numbers, not of shape {guess.shape}")
    onward = np.append(np.zeros(flow.size), 1.0)
    try:
        found = _equilibrium(Curve(flow, parameter, start, stop, guess), flow, guess)
        curve = Curve(flow, parameter, start, stop, found)
        if direction is not None:
            along = np.asarray(direction, float)
            if along.shape != (flow.size,) or not np.any(along):
                raise ShapeError(f"direction must be {flow.size} numbers, not all zero: {along}")
            onward = np.append(along / curve.scale, 0.0)
        return curve, CurvePoint(curve, curve.scaled(found, start), onward / np.linalg.norm(onward))
    except NotConvergedError as error:
        where = f"{parameter} cannot be followed from {start:g}"
        raise NotConvergedError(
            f"{where}: {error}", point=error.point, where=error.where
        ) from error
    except OutsideDomain as error:
        raise NonFiniteError(f"{parameter} cannot be followed from {start:g}: {error}") from error


def _equilibrium(curve: Curve, flow: Flow, guess: Array) -> Array:
    """Return the equilibrium near a guess; where the search in SI units fails, by Newton in scaled ones."""
    try:
        return fixed_point(flow, guess).x
    except NotConvergedError:
        u = curve.scaled(guess, curve.start)
        normal = np.append(np.zeros(flow.size), 1.0)
        try:
            found, _ = curve.correct(u, Plane(normal, u, 0.0, curve.symmetries(u)))
        except (CorrectorStuck, OutsideDomain):
            found = u
        if found is u:
            raise
        return curve.state(found)


def _trace(curve: Curve, first: CurvePoint, settings: Settings) -> Branch:
    points, bifurcations, message = _follow(curve, first, settings)

    def switching(bifurcation: Bifurcation) -> tuple[Branch, ...]:
        starts = find_other_branches(curve, bifurcation, max(1e-3, settings.min_step))
        return tuple(_trace(curve, point, settings) for point in starts)

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
        switching=switching,
    )


def _follow(
    curve: Curve, first: CurvePoint, settings: Settings
) -> tuple[list[CurvePoint], list[Bifurcation], str]:
    """Follow the curve from its first point until there is a reason to stop."""
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
    """Return one step of a given length, cut where it leaves the range;
    raises CorrectorStuck where it is too long."""
    plane = Plane(left.tangent, left.u, length, left.symmetries)
    guess = left.u + length * left.tangent
    right = curve.point(guess, plane)
    if length > CORNER:
        if _cosine(left, right) < STRAIGHT:
            raise CorrectorStuck("the curve bends too sharply")
        size = _growth_of_states(left)
        away, along = _balanced(right.u - guess, size), _balanced(right.u - left.u, size)
        if np.linalg.norm(away) > 0.5 * np.linalg.norm(along):
            raise CorrectorStuck("Newton leads to another branch")
    step = Step(curve, left, right, length)
    for edge, sign in ((0.0, -1.0), (1.0, 1.0)):
        if sign * (right.position - edge) > EDGE:
            if sign * (left.position - edge) >= -EDGE:
                if sign * left.tangent[-1] < 0.0 and length > CORNER:
                    raise CorrectorStuck("the curve turns round within the step")
                return step
            return step.cut(edge)
    return step


def _growth_of_states(point: CurvePoint) -> float:
    """How far the states have grown beyond their size at the start, at least 1."""
    return max(1.0, float(np.linalg.norm(point.u[:-1])))


def _balanced(u: Array, size: float) -> Array:
    """Return a direction in units of what the states have grown to, so that they do not outweigh the parameter."""
    return np.append(u[:-1] / size, u[-1])


def _cosine(left: CurvePoint, right: CurvePoint) -> float:
    """Cosine between the tangents at two points."""
    one, two = (_balanced(point.tangent, _growth_of_states(left)) for point in (left, right))
    return float(one @ two / (np.linalg.norm(one) * np.linalg.norm(two)))


def _longest_step(point: CurvePoint, max_step: float) -> float:
    """Return the longest step from a point: in the parameter, and in the states as a share of their size."""
    local = _balanced(point.tangent, 2.0 * _growth_of_states(point))
    return max_step / max(abs(local[-1]), float(np.linalg.norm(local[:-1])))


def _step_growth(step: Step) -> float:
    """How much longer the next step may be: less where Newton was slow or the curve bends."""
    bend = _cosine(step.left, step.last.point)
    if step.last.point.iterations > 5 or bend < 0.95:
        return 0.7
    return 1.5 if step.last.point.iterations <= 4 and bend > 0.98 else 1.0
