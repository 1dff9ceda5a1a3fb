"""First guesses of a periodic orbit: from a Hopf point, from a trajectory that repeats itself, or from numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_time
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.cycles.collocation import DEGREE, Orbit
from dendrosim.stability.fixed_points.nearby import find_nearby
from dendrosim.stability.trajectories.trajectory import Trajectory, trajectory
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.number_arguments import read_numbers
from dendrosim.units import TIME, Quantity

RETURNED = 0.1
"""A trajectory has returned if its distance from its end is at most this fraction of its extent..."""

LEFT = 0.3
"""... after it was farther away than this fraction."""

PERIODS = 100.0
"""Time in units of the fastest time constant at the start for which the flow is first integrated."""

PIECES = 20
"""Number of times that the flow is integrated, each time for twice as long."""

MOST_EVALUATIONS = 20_000
"""Number of evaluations of the flow in one piece after which it counts as not repeating itself."""

NUDGE = 1e-3
"""Distance, in units of the scale, by which the start is moved: at a fixed point the flow would stay for ever."""

QUIET = 1e-4
"""Extent of a trajectory, in units of the scale, below which it counts as at rest."""


@dataclass(frozen=True)
class Guess:
    """States at times over one period, in units of the scale.

    Attributes
    ----------
    times : array, shape (m,)
        Ascending, from 0 to 1, in units of the period.
    states : array, shape (m, n)
    period : float
        In s.
    """

    times: Array
    states: Array
    period: float

    def orbit(self, intervals: int) -> Orbit:
        """Return the orbit through the states; a gap between both ends is spread over the period."""
        times = self.times
        closed = self.states - np.outer(times, self.states[-1] - self.states[0])
        # Half of the mesh is spread over time and half over the length of the path, so that jumps are resolved.
        lengths = np.linalg.norm(np.diff(closed, axis=0), axis=1)
        path = np.concatenate([[0.0], np.cumsum(lengths)])
        spread = times + path / max(float(path[-1]), 1e-300)
        mesh = np.interp(np.linspace(0.0, spread[-1], intervals + 1), spread, times)
        mesh[0], mesh[-1] = 0.0, 1.0
        empty = Orbit(mesh, np.zeros((DEGREE * intervals + 1, closed.shape[1])), self.period)
        rows = np.array([np.interp(empty.times, times, column) for column in closed.T]).T
        rows[-1] = rows[0]
        return Orbit(mesh, rows, self.period)


def guess_orbit(flow: Flow, start: Any, scale: Array) -> Guess:
    """Return the first guess of an orbit, in units of the scale.

    Parameters
    ----------
    flow : Flow
    start : Bifurcation, Trajectory, (states, period), or None
    scale : array, shape (n,)
        Unit of each state.

    Raises
    ------
    NotConvergedError
        If a trajectory does not repeat itself.
    ParameterError, ShapeError
        If the start cannot be read, or a Hopf point has no orbit at the flow's parameters.
    """
    if start is None:
        return _from_flow(flow, scale)
    if isinstance(start, Bifurcation):
        return _from_hopf(flow, start, scale)
    if isinstance(start, Trajectory):
        found = _find_period(start, scale)
        if found is None:
            raise NotConvergedError(
                f"the trajectory of {start.times[-1]:.4g} s does not come back to its last state, so it shows no "
                "period; integrate for longer, or give (states, period)"
            )
        return _one_period(flow, start.final, scale, found)
    try:
        states, period = start
    except (TypeError, ValueError):
        raise ParameterError(
            f"start is {start!r}; give a Hopf point, a trajectory, (states, period), or nothing"
        ) from None
    length = float(as_time("period", period).value)
    rows = read_numbers("states", states)
    if rows.shape == (flow.size,):
        return _one_period(flow, rows, scale, length)
    if rows.ndim != 2 or rows.shape[1] != flow.size or len(rows) < 4:
        raise ShapeError(
            f"states must be {flow.size} numbers, or at least four rows of {flow.size} over one period, not of "
            f"shape {rows.shape}"
        )
    return Guess(np.linspace(0.0, 1.0, len(rows) + 1), np.vstack([rows, rows[:1]]) / scale, length)


def _from_hopf(flow: Flow, hopf: Bifurcation, scale: Array) -> Guess:
    """Return the orbit that the normal form of a Hopf point predicts at the flow's value of the parameter.

    In the plane of the oscillation w' = (alpha + i omega) w + omega l1 w |w|², and the state moves by 2 Re(q w).
    """
    if hopf.kind != "hopf":
        raise ParameterError(f"start is a {hopf.kind}; periodic orbits begin at Hopf points")
    value = flow.parameters.get(hopf.parameter)
    if value is None or value == hopf.value:
        raise ParameterError(
            f"the field has {hopf.parameter} = {value}, where the orbit of the Hopf point has no amplitude yet; "
            f"give a value beside it, as in field.at({hopf.parameter!r}, value)"
        )
    point = find_nearby(flow, hopf.state)
    modes = point.undelayed_spectrum.eigenvalues
    mode = modes[int(np.argmin(np.abs(modes - hopf.eigenvalue)))]
    coefficient, omega = hopf.lyapunov_coefficient, hopf.eigenvalue.imag
    square = (
        -mode.real / (omega * coefficient) if np.isfinite(coefficient) and coefficient else np.nan
    )
    if np.isfinite(square) and square < 0.0:
        raise ParameterError(
            f"at {hopf.parameter} = {value:.9g} no orbit of the {hopf.criticality} Hopf point at {hopf.value:.9g} "
            "is expected: close to the point it exists on the other side"
        )
    size = np.sqrt(square) if np.isfinite(square) else 0.01 * float(np.max(np.abs(point.scale)))
    period = 2.0 * np.pi / abs(mode.imag)
    angles = 2.0 * np.pi * np.linspace(0.0, 1.0, 65)
    turned = 2.0 * size * np.real(hopf.eigenvector * np.exp(1j * angles)[:, None])
    return Guess(angles / (2.0 * np.pi), (point.x + turned) / scale, period)


def _from_flow(flow: Flow, scale: Array) -> Guess:
    """Return the orbit to which the flow relaxes from its start."""
    matrix = flow.jacobian(flow.start)
    matrix = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    speed = float(np.max(np.abs(matrix * scale / scale[:, None]).sum(axis=1), initial=0.0))
    x, duration = flow.start + NUDGE * scale, PERIODS / max(speed, 1e-300)
    for _ in range(PIECES):
        course = trajectory(flow, Quantity(duration, TIME), start=x, scale=scale, tolerance=1e-7)
        if not course.completed:
            raise NotConvergedError(f"no periodic orbit found: {course.message}")
        x = course.final
        if (period := _find_period(course, scale)) is not None:
            return _one_period(flow, x, scale, period)
        if course.evaluations > MOST_EVALUATIONS:
            break
        duration *= 2.0
    raise NotConvergedError(
        f"no periodic orbit found: from its start the flow does not repeat itself within {duration:.3g} s; this "
        "does not show that there is none: give a Hopf point, a trajectory or (states, period)"
    )


def _find_period(course: Trajectory, scale: Array) -> float | None:
    """Return the time since a trajectory was last at its last state, or None if it was not there before."""
    states, times = course.states / scale, course.times
    extents = np.ptp(states[len(states) // 2 :], axis=0)
    if float(np.max(extents, initial=0.0)) < QUIET:
        return None
    dense = np.linspace(times[0], times[-1], max(4 * len(times), 2000))
    rows = np.array([np.interp(dense, times, column) for column in states.T]).T
    # Each state counts in units of its own extent, but hardly any state that hardly moves.
    away = np.max(np.abs(rows - rows[-1]) / np.maximum(extents, 1e-3 * extents.max()), axis=1)
    outside = np.flatnonzero(away > LEFT)
    if not len(outside):
        return None
    before = away[: outside[-1] + 1]
    near = np.flatnonzero(before < RETURNED)
    if not len(near):
        return None
    # The last visit before the end: the closest state of the run of states that are near.
    last = first = int(near[-1])
    while first > 0 and before[first - 1] < RETURNED:
        first -= 1
    begin = first + int(np.argmin(before[first : last + 1]))
    return float(dense[-1] - dense[begin])


def _one_period(flow: Flow, start: Array, scale: Array, period: float) -> Guess:
    """Return the orbit through a state, by integration over one period."""
    course = trajectory(flow, Quantity(period, TIME), start=start, scale=scale)
    if not course.completed:
        raise NotConvergedError(f"no periodic orbit found: {course.message}")
    return Guess(course.times / period, course.states / scale, period)
