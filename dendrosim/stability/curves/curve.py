"""Curves of folds and Hopf points in two parameters, followed by arclength."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import (
    DendrosimError,
    NotConvergedError,
    ParameterError,
    UnknownNameError,
)
from dendrosim.stability.continuation.arclength import CorrectorStuck, OutsideDomain
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.curves.determining import Determining, Point
from dendrosim.stability.curves.parameter_curve import ParameterCurve, SpecialPoint
from dendrosim.stability.curves.special_points import bautin, find_special
from dendrosim.stability.cycles.cycle_branch import parameter_text
from dendrosim.stability.vector_field.number_arguments import read_number

STRAIGHT = 0.9
"""Cosine of the angle between the tangents at both ends of a step below which the step is halved."""

STRAY = 1.5
"""Distance of two neighbours, relative to the length of the step, above which the step is halved."""


@dataclass(frozen=True)
class Settings:
    """Lengths of steps and the largest number of points, as `curve` takes them."""

    step: float
    max_step: float
    min_step: float
    max_points: int


@dataclass
class Trace:
    """Points and special points in one direction, and why it ends."""

    points: list[Array]
    special: list[tuple[str, Array]]
    message: str = ""
    closed: bool = False


def curve(
    bifurcation: Bifurcation,
    name: str,
    start: float,
    stop: float,
    *,
    step: float = 0.01,
    max_step: float = 0.1,
    min_step: float = 1e-6,
    max_points: int = 500,
) -> ParameterCurve:
    """Follow a fold or Hopf point in two parameters, in both directions, with its special points.

    Parameters
    ----------
    bifurcation : Bifurcation
        A fold or Hopf point of a branch (`ds.continuation(...).bifurcations`). The parameter of the branch is the
        first of both and has no bounds.
    name : str
        The second parameter, one of `field.parameters`.
    start, stop : float
        Ends of its range, in SI units. Its value on the branch is between them.
    step, max_step, min_step : float, optional
        First, longest and shortest step along the curve, in scaled units: the range of the second parameter, the
        first parameter at the bifurcation and a state of typical size have length 1. Default: 0.01, 0.1, 1e-6.
    max_points : int, optional
        Largest number of points in each direction. Default: 500.

    Returns
    -------
    ParameterCurve
        From the end on the side of `start`. Its `message` says why it ends on both sides: an end of the range is
        reached, a Hopf curve meets a fold curve (Bogdanov-Takens), the curve is closed, the step fell below
        `min_step`, the equations left their domain, or `max_points` is reached.

    Raises
    ------
    UnknownNameError
        If the rates do not depend on a parameter of that name.
    ParameterError
        If the point is neither a fold nor a Hopf point, several eigenvalues or pairs cross together, both
        parameters are the same, the value on the branch is outside of the range, a step or limit is out of range,
        or the flow has continuous symmetries at the point.
    NotConvergedError
        If Newton's method finds no point of the curve near the bifurcation.

    Notes
    -----
    Bordered determining equations with dense matrices, so that the cost of a point grows with the third power of
    the number of states. A special point at which the curve only touches its condition is not found.

    References
    ----------
    Govaerts, "Numerical Methods for Bifurcations of Dynamical Equilibria", SIAM 2000.

    Examples
    --------
    >>> branch = ds.continuation(field, "current", 0.0, 2.0)
    >>> hopf = next(b for b in branch.bifurcations if b.kind == "hopf")
    >>> boundary = ds.curve(hopf, "b", 0.5, 1.0)
    >>> print(boundary.message, [(s.kind, s.values) for s in boundary.special])
    """
    start, stop = _check(bifurcation, name, start, stop)
    if not 0 < min_step <= step <= max_step or max_points < 2:
        raise ParameterError(
            "steps must obey 0 < min_step <= step <= max_step, and max_points must be at least 2, not "
            f"{min_step:g}, {step:g}, {max_step:g} and {max_points}"
        )
    settings = Settings(step, max_step, min_step, max_points)
    try:
        system = Determining(bifurcation, name, start, stop)
        normal = np.eye(len(system.guess))[system.size + 1]
        first = _first(system)
    except (CorrectorStuck, OutsideDomain) as error:
        raise NotConvergedError(
            f"no point of the curve found at {bifurcation.parameter} = {bifurcation.value:.7g}: {error}"
        ) from error
    if first.tangent @ normal < 0.0:
        first = Point(first.z, -first.tangent, first.borders, 0)
    onward = _follow(system, first, settings)
    if onward.closed:
        return _result(system, Trace([], []), onward)
    back = _follow(system, Point(first.z, -first.tangent, first.borders, 0), settings)
    return _result(system, back, onward)


def _check(bifurcation: Bifurcation, name: str, start: float, stop: float) -> tuple[float, float]:
    """Return the ends of the range as numbers, or raise the error that says what cannot be followed."""
    if not isinstance(bifurcation, Bifurcation) or bifurcation.kind not in ("fold", "hopf"):
        what = getattr(bifurcation, "kind", type(bifurcation).__name__)
        raise ParameterError(
            f"bifurcation is a {what}; give a fold or a Hopf point of a branch (ds.continuation)"
        )
    flow, first = bifurcation.flow, bifurcation.parameter
    if name == first:
        raise ParameterError(f"the curve needs two parameters, but both are {name!r}; give another")
    if name not in flow.parameters:
        raise UnknownNameError("parameter of the equations", name, flow.parameters)
    start, stop = read_number("start", start), read_number("stop", stop)
    value = flow.parameters[name]
    if start == stop or not min(start, stop) <= value <= max(start, stop):
        raise ParameterError(
            f"{name} must go from one value to another with its value {value:g} on the branch between them, "
            f"not from {start:g} to {stop:g}"
        )
    if bifurcation.count != (2 if bifurcation.kind == "hopf" else 1):
        raise ParameterError(
            f"{bifurcation.count} eigenvalues cross together at this {bifurcation.kind} point; a curve follows "
            "one real eigenvalue or one pair; change another parameter first so that they cross one by one"
        )
    if flow.symmetries(bifurcation.state).shape[1]:
        raise ParameterError(
            "the equations have continuous symmetries at this point, and curves are not available for them; "
            "freeze the states that the symmetries move"
        )
    return start, stop


def _first(system: Determining) -> Point:
    """Return the point of the curve at the bifurcation, where the second parameter has its value."""
    normal = np.eye(len(system.guess))[system.size + 1]
    try:
        z = system.correct(system.guess, normal, float(system.guess @ normal), system.borders)[0]
    except CorrectorStuck:
        # The second parameter turns back near this point: hold the first one instead.
        normal = np.eye(len(system.guess))[system.size]
        z = system.correct(system.guess, normal, 0.0, system.borders)[0]
    return system.point(z, normal, system.borders)


def _follow(system: Determining, first: Point, settings: Settings) -> Trace:
    """Follow the curve in the direction of the tangent at its first point."""
    trace, left, length = Trace([first.z], []), first, settings.step
    while len(trace.points) < settings.max_points:
        edge = _edge_behind(system, left)
        if edge:
            trace.message = edge
            return trace
        try:
            z, iterations = _cut(system, left, *system.along(left, length))
            system.flow(z).check(system.state(z))
            right = system.point(z, left.tangent, left.borders, iterations)
            if np.linalg.norm(z - left.z) > STRAY * length:
                raise CorrectorStuck("Newton's method jumped to another part of the curve")
            if right.tangent @ left.tangent < STRAIGHT:
                raise CorrectorStuck("the curve bends too sharply")
        except (CorrectorStuck, DendrosimError, OutsideDomain) as error:
            length *= 0.5
            if length >= settings.min_step:
                continue
            stuck = isinstance(error, CorrectorStuck)
            why = "step below min_step" if stuck else "left the domain"
            trace.message = f"{why} at {_where(system, left.z)}: {error}"
            return trace
        distance = float(left.tangent @ (z - left.z))
        found = find_special(system, left, z, distance)
        if system.hopf and z[-1] <= 0.0 and "bogdanov-takens" not in dict(found):
            trace.message = f"the frequency vanishes after {_where(system, left.z)}"
            return trace
        for kind, special in found:
            trace.special.append((kind, special))
            if system.hopf and kind == "bogdanov-takens":
                trace.points.append(special)
                trace.message = (
                    f"meets a curve of folds (Bogdanov-Takens) at {_where(system, special)}"
                )
                return trace
        trace.points.append(z)
        if len(trace.points) > 4 and _passes(first.z, left.z, z):
            trace.message, trace.closed = f"closed at {_where(system, first.z)}", True
            return trace
        if iterations <= 5:
            length = min(1.5 * length, settings.max_step)
        left = right
    trace.message = (
        f"max_points = {settings.max_points} reached at {_where(system, trace.points[-1])}"
    )
    return trace


def _passes(first: Array, left: Array, right: Array) -> bool:
    """Return whether the first point of a curve is between two neighbours."""
    detour = np.linalg.norm(first - left) + np.linalg.norm(first - right)
    return bool(detour < 1.02 * np.linalg.norm(right - left))


def _edge_behind(system: Determining, point: Point) -> str:
    """Return a message if the curve leaves the range of the second parameter at a point, or empty text."""
    position, slope = point.z[system.size + 1], point.tangent[system.size + 1]
    for edge, sign in ((0.0, -1.0), (1.0, 1.0)):
        if abs(position - edge) <= 1e-12 and sign * slope > 0.0:
            return f"reached {_where(system, point.z)}"
    return ""


def _cut(system: Determining, left: Point, z: Array, iterations: int) -> tuple[Array, int]:
    """Return the end of a step, or the point at the end of the range if the step leaves the range."""
    index = system.size + 1
    for edge, sign in ((0.0, -1.0), (1.0, 1.0)):
        if sign * (z[index] - edge) > 1e-12:
            share = (edge - left.z[index]) / (z[index] - left.z[index])
            guess = left.z + share * (z - left.z)
            return system.correct(guess, np.eye(len(z))[index], edge, left.borders)
    return z, iterations


def _where(system: Determining, z: Array) -> str:
    names = (system.first, system.second)
    parts = zip(names, system.parameters(z), strict=True)
    return ", ".join(
        f"{name} = {parameter_text(value, system.field.parameter_unit(name))}"
        for name, value in parts
    )


def _result(system: Determining, back: Trace, onward: Trace) -> ParameterCurve:
    """Return both directions as one curve, from the end of `back` to the end of `onward`."""
    points = back.points[:0:-1] + onward.points
    field = system.field
    coefficients = [
        bautin(system, z, system.borders) if system.hopf else float("nan") for z in points
    ]
    return ParameterCurve(
        kind="hopf" if system.hopf else "fold",
        parameters=(system.first, system.second),
        parameter_units=(field.parameter_unit(system.first), field.parameter_unit(system.second)),
        values=np.array([system.parameters(z) for z in points]),
        states=np.array([system.state(z) for z in points]),
        labels=tuple(field.labels),
        units=tuple(field.units),
        frequency=np.array([system.omega(z) / (2.0 * np.pi) for z in points]),
        lyapunov_coefficient=np.array(coefficients),
        special=tuple(
            SpecialPoint(kind, system.parameters(z), system.state(z))
            for kind, z in back.special[::-1] + onward.special
        ),
        message="; ".join(t.message for t in (back, onward) if t.message),
    )
