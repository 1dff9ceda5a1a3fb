"""Continuation of periodic orbits in a parameter: pseudo-arclength with adaptive steps and meshes."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dendrosim.errors import (
    DendrosimError,
    NotConvergedError,
    ParameterError,
    UnknownNameError,
)
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.cycles.collocation import mesh_error
from dendrosim.stability.cycles.cycle_branch import CycleBranch, CycleEvent, parameter_text
from dendrosim.stability.cycles.cycle_curve import CycleCurve, CyclePoint, OutsideDomain, Stuck
from dendrosim.stability.cycles.cycle_ends import ends_at_fixed_point, ends_at_half, long_period
from dendrosim.stability.cycles.cycle_events import find_events, is_coarse, nearest_multiplier
from dendrosim.stability.cycles.cycle_starts import Start, start_of
from dendrosim.stability.cycles.periodic_orbit import NEUTRAL, PeriodicOrbit
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.number_arguments import read_number

EDGE = 1e-9
"""The parameter counts as at an end of its range within this fraction of the range."""

STRAIGHT = 0.9
"""Cosine of the angle between the tangents at both ends of a step below which the step is repeated."""

COARSE = 2e-3
"""Length of a step down to which steps are halved where multipliers change fast."""

REMESH = 3
"""Number of steps after which the mesh is adapted to the orbit."""

MESH_ERROR = 1e-6
"""Estimated error of the orbit inside of an interval above which the mesh gets more intervals; at the ends of the
intervals, and so in period and multipliers, the error is far smaller."""

MOST_INTERVALS = 400
"""Largest number of intervals."""


@dataclass(frozen=True)
class Settings:
    """Lengths of steps and limits, as `cycles` takes them."""

    step: float
    max_step: float
    min_step: float
    max_points: int
    max_period: float


def cycles(
    orbit: PeriodicOrbit | Bifurcation | CycleEvent,
    parameter: str,
    start: float,
    stop: float,
    *,
    step: float = 0.01,
    max_step: float = 0.1,
    min_step: float = 1e-6,
    max_points: int = 300,
    max_period: float = 1000.0,
) -> CycleBranch:
    """Follow a periodic orbit through a parameter, around folds, with its Floquet multipliers.

    Parameters
    ----------
    orbit : PeriodicOrbit, Bifurcation or CycleEvent
        A periodic orbit, which is first followed from `start` towards `stop`; a Hopf point of a branch, from which
        its orbits are followed; or a period doubling on a branch of orbits, from which those of twice the period
        are followed.
    parameter : str
        Name of the parameter, one of `field.parameters`.
    start, stop : float
        Ends of the range of the parameter, in SI units. A Hopf point or period doubling is between them.
    step, max_step, min_step : float, optional
        First, longest and shortest step along the curve, in scaled units: the range of the parameter and a state
        of typical size have length 1, a fivefold relative change of the period too. Default: 0.01, 0.1, 1e-6.
    max_points : int, optional
        Largest number of orbits. Default: 300.
    max_period : float, optional
        Period, relative to the shortest one of the branch, at which the branch ends. Default: 1000.

    Returns
    -------
    CycleBranch
        Its `message` says why it ends: an end of the range is reached, the orbit shrinks to a fixed point, the
        period grows without bound (a homoclinic orbit, or a saddle node on the orbit), the branch is closed, the
        step fell below `min_step`, the orbit left the domain of the equations, or `max_points` is reached.

    Raises
    ------
    UnknownNameError
        If the rates do not depend on a parameter of that name.
    ParameterError
        If the range is empty, a step or a limit is out of range, or the start is no orbit.
    NotConvergedError
        If no orbit is found at the start.
    DifferentiationError
        If projections have delays, or a cell would spike on the first orbit.

    Notes
    -----
    Orthogonal collocation with polynomials of degree 4. Every third step the mesh is adapted, so that the
    estimated error is the same in all intervals, and gets more intervals if the error is too large. Inner nodes
    are eliminated interval by interval; each interval costs the third power of the number of states. Multipliers
    are eigenvalues of the product of the intervals' transfer matrices; the distance of the trivial one from 1
    (`errors`) measures their accuracy.

    References
    ----------
    Doedel, Keller & Kernevez (1991), Numerical analysis and control of bifurcation problems (II), International
    Journal of Bifurcation and Chaos 1:745.

    Examples
    --------
    >>> branch = ds.continuation(field, "current", 0.0, 200.0)
    >>> hopf = next(b for b in branch.bifurcations if b.kind == "hopf")
    >>> oscillations = ds.cycles(hopf, "current", 0.0, 200.0)
    >>> print(oscillations.message, [(e.kind, e.value) for e in oscillations.events])
    """
    if not isinstance(orbit, PeriodicOrbit | Bifurcation | CycleEvent):
        raise ParameterError(
            f"orbit is a {type(orbit).__name__}; give a periodic orbit (ds.periodic_orbit), a Hopf point of "
            "a branch or a period doubling of a branch of orbits"
        )
    field = orbit.flow if not isinstance(orbit, CycleEvent) else orbit.orbit.flow
    field.check_spectrum()
    if parameter not in field.parameters:
        raise UnknownNameError("parameter of the equations", parameter, field.parameters)
    start, stop = read_number("start", start), read_number("stop", stop)
    if start == stop:
        raise ParameterError(
            f"{parameter} cannot be followed from {start:g} to {stop:g}; give two different values"
        )
    if not 0 < min_step <= step <= max_step:
        raise ParameterError(
            f"steps must obey 0 < min_step <= step <= max_step, not {min_step:g}, {step:g}, {max_step:g}"
        )
    if max_points < 2 or not max_period > 1.0:
        raise ParameterError(
            f"max_points must be at least 2 and max_period above 1, not {max_points} and {max_period:g}"
        )
    settings = Settings(step, max_step, min_step, max_points, max_period)
    try:
        begin = start_of(orbit, parameter, start, stop)
    except (Stuck, OutsideDomain) as error:
        raise NotConvergedError(
            f"{parameter} cannot be followed from {start:g}: {error}{_corners(field, orbit)}"
        ) from error
    return _trace(begin, settings)


def _corners(field: Flow, orbit: Any) -> str:
    """Return a part of a message that names variables at whose corners an orbit passes, or an empty text."""
    found = orbit if isinstance(orbit, PeriodicOrbit) else getattr(orbit, "orbit", None)
    names = field.corners(found.states) if found is not None else []
    return f"; equations have corners on the orbit: {', '.join(names[:3])}" if names else ""


def _trace(begin: Start, settings: Settings) -> CycleBranch:
    """Return the branch that begins at a point of the curve."""
    curve = begin.curve
    points, events, message = _follow(begin, settings)
    orbits = [_as_orbit(curve, p) for p in points]
    transverse = [p.transverse for p in points]
    if names := curve.field.corners(orbits[-1].states):
        message += f"; equations have corners on the orbits ({', '.join(names[:3])}), where errors are larger"
    return CycleBranch(
        parameter=curve.parameter,
        unit=curve.field.parameter_unit(curve.parameter),
        values=np.array([curve.value(p.position) for p in points]),
        periods=np.array([p.orbit.period for p in points]),
        minimum=np.array([o.minimum for o in orbits]),
        maximum=np.array([o.maximum for o in orbits]),
        labels=tuple(curve.field.labels),
        units=tuple(curve.field.units),
        multipliers=np.array([p.multipliers for p in points]),
        stable=np.array([bool(np.all(np.abs(t) < 1.0 - NEUTRAL)) for t in transverse]),
        errors=np.array([float(np.min(np.abs(p.multipliers - 1.0))) for p in points]),
        intervals=np.array([len(p.orbit.mesh) - 1 for p in points]),
        events=tuple(events),
        message=message,
        orbit=partial(_orbit_at, orbits),
    )


def _orbit_at(orbits: list[PeriodicOrbit], index: int) -> PeriodicOrbit:
    return orbits[index]


def _as_orbit(curve: CycleCurve, point: CyclePoint) -> PeriodicOrbit:
    """Return a point as a periodic orbit in SI units."""
    orbit = point.orbit
    return PeriodicOrbit(
        curve.flow(point.position),
        orbit.period,
        orbit.times * orbit.period,
        orbit.states * curve.scale,
        float(np.min(np.abs(point.multipliers - 1.0))),
        orbit,
        curve.scale,
    )


def _as_event(curve: CycleCurve, kind: str, point: CyclePoint) -> CycleEvent:
    return CycleEvent(
        kind,
        curve.parameter,
        curve.value(point.position),
        point.orbit.period,
        nearest_multiplier(kind, point),
        _as_orbit(curve, point),
    )


def _follow(begin: Start, settings: Settings) -> tuple[list[CyclePoint], list[CycleEvent], str]:
    """Follow the curve from its start; return its points, its events, and why it ends."""
    curve, left = begin.curve, begin.point
    points, events = list[CyclePoint](), list[CycleEvent]()
    if begin.is_orbit:
        points.append(left)
    length, since = min(settings.step, begin.first_step), 0
    while True:
        here = _at(curve, left.position)
        if len(points) >= settings.max_points:
            return points, events, f"max_points = {settings.max_points} reached at {here}"
        try:
            right, length = _take_step(curve, left, length)
            _check(curve, right)
            if points and length > COARSE and is_coarse(left, right):
                raise Stuck("multipliers change too fast")
        except (Stuck, OutsideDomain) as error:
            length *= 0.5
            if length >= settings.min_step:
                continue
            if not points:
                raise NotConvergedError(f"no periodic orbit found at {here}: {error}") from error
            why = "left the domain" if isinstance(error, OutsideDomain) else "step below min_step"
            return points, events, f"{why} at {here}: {error}"
        if points and (end := ends_at_fixed_point(curve, left, right)) is not None:
            return points, events, end
        if points and begin.doubled and (end := ends_at_half(curve, left, right)) is not None:
            return points, events, end
        if points:
            events += [_as_event(curve, *e) for e in find_events(curve, left, right, length)]
        points.append(right)
        if (end := _end(begin, points, settings)) is not None:
            return points, events, end
        length = _next_length(left, right, curve, length, settings)
        left, since = right, since + 1
        if since >= REMESH:
            left, since = curve.on_mesh(right, _intervals(right)), 0


def _at(curve: CycleCurve, position: float) -> str:
    unit = curve.field.parameter_unit(curve.parameter)
    return f"{curve.parameter} = {parameter_text(curve.value(position), unit)}"


def _intervals(point: CyclePoint) -> int:
    """Return the number of intervals of the next mesh: more if the error of the orbit is too large."""
    count = len(point.orbit.mesh) - 1
    if mesh_error(point.orbit) > MESH_ERROR:
        return min(MOST_INTERVALS, int(1.3 * count) + 1)
    return count


def _check(curve: CycleCurve, point: CyclePoint) -> None:
    """Raise OutsideDomain if the flow does not describe the circuit on an orbit, such as above a threshold."""
    flow = curve.flow(point.position)
    try:
        for x in point.orbit.states[:-1:2]:
            flow.check(x * curve.scale)
    except DendrosimError as error:
        raise OutsideDomain(str(error)) from error


def _take_step(curve: CycleCurve, left: CyclePoint, length: float) -> tuple[CyclePoint, float]:
    """Return the next point and the length of the step, which is cut at the ends of the range."""
    right = curve.step(left, length)
    cosine = curve.plane(left.tangent, left.orbit).of(right.tangent)
    if cosine < STRAIGHT and length > 1e-5:
        raise Stuck("the curve bends too sharply")
    for edge, sign in ((0.0, -1.0), (1.0, 1.0)):
        if sign * (right.position - edge) > EDGE:
            if sign * (left.position - edge) >= -EDGE and sign * left.tangent.position < 0.0:
                raise Stuck("the curve turns back within the step")
            if sign * (left.position - edge) < -EDGE:
                cut = curve.at_position(left, edge)
                plane = curve.plane(left.tangent, left.orbit)
                if plane.of(cut.tangent) < 0.0:
                    cut = CyclePoint(
                        cut.orbit,
                        cut.position,
                        cut.tangent.times(-1.0),
                        cut.iterations,
                        cut.transfer,
                    )
                share = (edge - left.position) / (right.position - left.position)
                return cut, share * length
    return right, length


def _end(begin: Start, points: list[CyclePoint], settings: Settings) -> str | None:
    """Return why the branch ends at its last point, or None."""
    curve, last = begin.curve, points[-1]
    for edge in (0.0, 1.0):
        if abs(last.position - edge) <= EDGE or (last.position - edge) * (2 * edge - 1) > EDGE:
            first = points[0].position
            turned = abs(first - edge) <= EDGE and begin.is_orbit
            how = "turned back and left its range at" if turned else "reached"
            if turned and len(points) < 2:
                return None
            where = _at(curve, edge)
            return f"{curve.parameter} {how} {where}" if turned else f"reached {where}"
    shortest = min(p.orbit.period for p in points)
    if (end := long_period(curve, last, shortest, settings.max_period)) is not None:
        return end
    if len(points) > 10 and _is_same(points[0], last) and begin.is_orbit:
        return f"the branch is closed: it is back at its first orbit, {_at(curve, last.position)}"
    return None


def _is_same(one: CyclePoint, other: CyclePoint) -> bool:
    return (
        abs(one.position - other.position) < 1e-3
        and abs(one.orbit.period / other.orbit.period - 1.0) < 1e-3
        and one.tangent.position * other.tangent.position > 0.0
        and bool(
            np.allclose(
                np.ptp(one.orbit.states, axis=0), np.ptp(other.orbit.states, axis=0), rtol=1e-2
            )
        )
    )


def _next_length(
    left: CyclePoint, right: CyclePoint, curve: CycleCurve, length: float, settings: Settings
) -> float:
    """Return the length of the next step: shorter if Newton's method was slow or the curve bends."""
    cosine = curve.plane(left.tangent, left.orbit).of(right.tangent)
    factor = 1.0
    if right.iterations > 5 or cosine < 0.95:
        factor = 0.7
    elif right.iterations <= 4 and cosine > 0.98:
        factor = 1.5
    return min(max(length * factor, settings.min_step), settings.max_step)
