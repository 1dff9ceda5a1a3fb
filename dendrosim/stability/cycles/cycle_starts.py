"""Where a branch of periodic orbits begins: at an orbit, at a Hopf point or at a period doubling."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.cycles.collocation import Orbit
from dendrosim.stability.cycles.condensed import Condition, Direction, phase_integral
from dendrosim.stability.cycles.cycle_branch import CycleEvent
from dendrosim.stability.cycles.cycle_curve import CycleCurve, CyclePoint
from dendrosim.stability.cycles.cycle_events import DOUBLING
from dendrosim.stability.cycles.periodic_orbit import PeriodicOrbit
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

INTERVALS, FEW_INTERVALS, LARGE = 40, 15, 50
"""Number of intervals of the first mesh, up to `LARGE` states and above."""


@dataclass(frozen=True)
class Start:
    """The first point of a curve.

    Attributes
    ----------
    curve : CycleCurve
    point : CyclePoint
        The orbit, or a Hopf point or period doubling with the direction of the new orbits as tangent.
    is_orbit : bool
        Whether the point is an orbit of the branch.
    doubled : bool
        Whether the branch begins at a period doubling.
    first_step : float
        Longest first step.
    """

    curve: CycleCurve
    point: CyclePoint
    is_orbit: bool
    doubled: bool
    first_step: float


def start_of(
    orbit: PeriodicOrbit | Bifurcation | CycleEvent, parameter: str, start: float, stop: float
) -> Start:
    """Return the curve of periodic orbits and where it begins."""
    if isinstance(orbit, PeriodicOrbit):
        return _from_orbit(orbit, parameter, start, stop)
    wanted = "hopf" if isinstance(orbit, Bifurcation) else DOUBLING
    if orbit.kind != wanted:
        raise ParameterError(
            f"orbit is a {orbit.kind}; branches of periodic orbits begin at Hopf points and period doublings"
        )
    if orbit.parameter != parameter:
        raise ParameterError(
            f"the {orbit.kind} point is one in {orbit.parameter!r}, not in {parameter!r}; follow its branch in "
            f"{parameter!r} first"
        )
    if not min(start, stop) <= orbit.value <= max(start, stop):
        raise ParameterError(
            f"the {orbit.kind} point at {parameter} = {orbit.value:.9g} is not between {start:g} and {stop:g}"
        )
    if isinstance(orbit, Bifurcation):
        return _from_hopf(orbit, start, stop)
    return _from_doubling(orbit, start, stop)


def _scale(flow_units: object, states: Array, size: int) -> Array:
    found = scales_by_unit(flow_units, np.max(np.abs(states), axis=0))  # type: ignore[arg-type]
    return np.asarray(found * np.sqrt(size))


def _intervals(size: int) -> int:
    return INTERVALS if size <= LARGE else FEW_INTERVALS


def _from_orbit(orbit: PeriodicOrbit, parameter: str, start: float, stop: float) -> Start:
    flow = orbit.flow
    curve = CycleCurve(flow, parameter, start, stop, _scale(flow.units, orbit.states, flow.size))
    found = Orbit(orbit.orbit.mesh, orbit.states / curve.scale, orbit.period)
    upward = Condition(np.zeros((len(found.mesh) - 1, 5, flow.size)), 0.0, 1.0)
    phase = phase_integral(found.mesh, found.states)
    point = curve.correct(found, 0.0, upward, phase)
    coarse = curve.on_mesh(point, min(len(found.mesh) - 1, _intervals(flow.size)))
    upward = Condition(np.zeros((len(coarse.orbit.mesh) - 1, 5, flow.size)), 0.0, 1.0)
    phase = phase_integral(coarse.orbit.mesh, coarse.orbit.states)
    point = curve.correct(coarse.orbit, 0.0, upward, phase)
    return Start(curve, point, True, False, np.inf)


def _from_hopf(hopf: Bifurcation, start: float, stop: float) -> Start:
    flow, x = hopf.flow, hopf.state
    sizes = np.maximum(np.abs(x), np.abs(np.asarray(flow.start, float)))
    curve = CycleCurve(
        flow, hopf.parameter, start, stop, _scale(flow.units, sizes[None], flow.size)
    )
    intervals = _intervals(flow.size)
    mesh = np.linspace(0.0, 1.0, intervals + 1)
    orbit = Orbit(
        mesh,
        np.tile(x / curve.scale, (4 * intervals + 1, 1)),
        2.0 * np.pi / abs(hopf.eigenvalue.imag),
    )
    turns = np.exp(2j * np.pi * orbit.times)[:, None]
    along = Direction(np.real(turns * (hopf.eigenvector / curve.scale)), 0.0, 0.0)
    return _in_direction(curve, orbit, curve.position(hopf.value), along, False)


def _from_doubling(event: CycleEvent, start: float, stop: float) -> Start:
    given = event.orbit
    curve = CycleCurve(given.flow, event.parameter, start, stop, given.scale)
    position = curve.position(event.value)
    system = curve.linearise(given.orbit, position)
    matrix = np.eye(system.size)
    for transfer in system.transfer:
        matrix = transfer @ matrix
    values, vectors = np.linalg.eig(matrix)
    vector = np.real(vectors[:, int(np.argmin(np.abs(values + 1.0)))])
    change = system.along(vector)
    mesh, states = given.orbit.mesh, given.orbit.states
    twice = Orbit(
        np.concatenate([0.5 * mesh, 0.5 + 0.5 * mesh[1:]]),
        np.vstack([states, states[1:]]),
        2.0 * given.period,
    )
    along = Direction(np.vstack([change, -change[1:]]), 0.0, 0.0)
    return _in_direction(curve, twice, position, along, True)


def _in_direction(
    curve: CycleCurve, orbit: Orbit, position: float, along: Direction, doubled: bool
) -> Start:
    """Return a start from which a curve leaves in a direction."""
    tangent = along.times(1.0 / curve.length(along, orbit))
    empty = np.empty((0, curve.field.size, curve.field.size))
    point = CyclePoint(orbit, position, tangent, 0, empty)
    return Start(curve, point, False, doubled, 0.005)
