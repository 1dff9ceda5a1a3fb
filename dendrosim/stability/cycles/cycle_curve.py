"""The curve of periodic orbits of a flow in one parameter: its points, tangents and multipliers.

A point is an orbit, its period and the parameter as a fraction of its range. Distances are measured by the mean
square of the states over time, the relative change of the period and the change of the parameter.
"""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array, Complex
from dendrosim.errors import NonFiniteError, SpecError
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.cycles.collocation import Orbit, adapt_mesh, floquet_multipliers
from dendrosim.stability.cycles.condensed import (
    Condensed,
    Condition,
    Direction,
    integral,
    phase_integral,
)
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.vector_field.flow import Flow

ITERATIONS = 9
"""Number of Newton steps after which the corrector gives up."""

SETTLED = 1e-8
"""Length of a Newton step after which the corrector stops: the length of the next would be about its square."""

DIVERGED = 2.0
"""Length of a Newton step above which the corrector gives up: an orbit has a length of about 1."""

OPEN = 1e-6
"""Residual above which an orbit with symmetries does not close."""

PERIOD_WEIGHT = 0.2
"""Weight of a relative change of the period, so that one step of 0.05 changes the period by at most a fourth."""


class OutsideDomain(Exception):
    """Raised where the equations have no finite value, or refuse the parameter; the text says what."""


class Stuck(Exception):
    """Raised if the corrector does not converge; the text has the last step, the mesh and the worst interval."""


@dataclass(frozen=True, eq=False)
class CyclePoint:
    """A point of the curve.

    Attributes
    ----------
    orbit : Orbit
        In units of the scale.
    position : float
        The parameter as a fraction of its range.
    tangent : Direction
        Unit tangent.
    iterations : int
        Number of Newton steps that led to the point.
    transfer : array, shape (N, n, n)
        Transfer matrices of the intervals.
    """

    orbit: Orbit
    position: float
    tangent: Direction
    iterations: int
    transfer: Array

    @cached_property
    def multipliers(self) -> Complex:
        """Floquet multipliers, shape (n,), by descending size."""
        return floquet_multipliers(self.transfer)

    @property
    def transverse(self) -> Complex:
        """The multipliers without the one closest to 1, which belongs to movement along the orbit."""
        values = self.multipliers
        return np.asarray(np.delete(values, int(np.argmin(np.abs(values - 1.0)))))

    @property
    def error(self) -> float:
        """Distance of the trivial multiplier from 1."""
        return float(np.min(np.abs(self.multipliers - 1.0)))

    @property
    def oscillation(self) -> Array:
        """The states at the nodes without their mean over the period."""
        mesh, states = self.orbit.mesh, self.orbit.states
        ones = integral(mesh, np.ones_like(states))
        nodes = states[4 * np.arange(len(mesh) - 1)[:, None] + np.arange(5)]
        return np.asarray(states - np.sum(ones * nodes, axis=(0, 1)))


class CycleCurve:
    """The curve of periodic orbits of one flow and one parameter.

    Parameters
    ----------
    field : Flow
        In SI units.
    parameter : str
    start, stop : float
        Ends of the range of the parameter, in SI units.
    scale : array, shape (n,)
        Unit of each state; it includes a factor sqrt(n), so that a state of typical size has length 1.
    """

    def __init__(
        self, field: Flow, parameter: str, start: float, stop: float, scale: Array
    ) -> None:
        self.field, self.parameter, self.start, self.stop = field, parameter, start, stop
        self.scale = scale

    def value(self, position: float) -> float:
        """Return the value of the parameter at a position, in SI units."""
        return float(self.start + position * (self.stop - self.start))

    def position(self, value: float) -> float:
        """Return the position of a value of the parameter."""
        return float((value - self.start) / (self.stop - self.start))

    def flow(self, position: float) -> Flow:
        """Return the flow, in SI units; raises OutsideDomain if it refuses the parameter."""
        try:
            return self.field.at(self.parameter, self.value(position))
        except SpecError as error:
            raise OutsideDomain(str(error)) from error

    def linearise(self, orbit: Orbit, position: float) -> Condensed:
        """Return the linearised equations; raises OutsideDomain if they are not finite."""
        scaled = ScaledFlow(self.flow(position), self.scale)
        try:
            with np.errstate(all="ignore"):
                found = Condensed(scaled, orbit, self.parameter, self.stop - self.start)
        except (NonFiniteError, FloatingPointError) as error:
            raise OutsideDomain(str(error)) from error
        if not found.finite:
            raise OutsideDomain(
                f"the equations are not finite on the orbit at {self.parameter} = {self.value(position):.9g}"
            )
        return found

    def gaps(self, orbit: Orbit, position: float) -> Array:
        """Return the directions of symmetry at the begin of the orbit that are not along the orbit, (n, k)."""
        flow = ScaledFlow(self.flow(position), self.scale)
        x = orbit.states[0]
        basis = np.asarray(flow.symmetries(x), float)
        if not basis.shape[1]:
            return basis
        along = np.asarray(flow.f(x), float)
        along = along / max(float(np.linalg.norm(along)), 1e-300)
        left, sizes, _ = np.linalg.svd(basis - np.outer(along, along @ basis), full_matrices=False)
        return np.asarray(left[:, sizes > 1e-6])

    def correct(
        self,
        guess: Orbit,
        position: float,
        plane: Condition,
        phase: Array,
    ) -> CyclePoint:
        """Return the point of the curve near a guess, in the plane through the guess, by Newton's method.

        Parameters
        ----------
        guess : Orbit
        position : float
        plane : Condition
            Left side of the equation of the plane; the guess is in the plane.
        phase : array, shape (N, 5, n)
            Factors of the states in the phase condition; the guess obeys it.
        """
        orbit, size = guess, np.inf
        gaps = self.gaps(guess, position)
        still = [Condition(phase, 0.0, 0.0), *(_at_begin(g, len(phase)) for g in gaps.T)]
        zeros = np.zeros(1 + len(still))
        first, last = guess, position
        for iteration in range(ITERATIONS):
            system = self.linearise(orbit, last)
            worst = int(np.argmax(system.residual))
            moved = Direction(
                orbit.states - first.states, orbit.period - first.period, last - position
            )
            off = [plane.of(moved), *(c.of(moved) for c in still)]
            try:
                system.factor([plane, *still], gaps)
            except RuntimeError:
                break
            step = system.solve(-np.array(off) + zeros, newton=True)
            orbit = Orbit(orbit.mesh, orbit.states + step.states, orbit.period + step.period)
            last += step.position
            size = _length(step, max(orbit.period, 1e-300))
            if not np.isfinite(size) or size > DIVERGED or orbit.period <= 0.0:
                break
            if size <= SETTLED:
                return self.finish(orbit, last, [plane, *still], gaps, iteration + 1)
        mesh = guess.mesh
        raise Stuck(
            f"collocation on {len(mesh) - 1} intervals did not converge (last step {size:.2g}, largest residual "
            f"{system.residual[worst]:.2g} from {mesh[worst]:.3g} to {mesh[worst + 1]:.3g} of the period)"
        )

    def finish(
        self,
        orbit: Orbit,
        position: float,
        conditions: list[Condition],
        gaps: Array,
        iterations: int,
    ) -> CyclePoint:
        """Return a converged orbit as a point, with the tangent on which the first condition is positive."""
        system = self.linearise(orbit, position)
        if gaps.shape[1] and float(np.max(system.residual)) > OPEN:
            raise Stuck(
                "the orbit closes only after a movement along a symmetry: a relative periodic orbit"
            )
        right = np.zeros(len(conditions))
        right[0] = 1.0
        try:
            system.factor(conditions, gaps)
            tangent = system.solve(right, newton=False)
        except RuntimeError:
            raise Stuck("the curve has no unique tangent") from None
        tangent = tangent.times(1.0 / self.length(tangent, orbit))
        return CyclePoint(orbit, position, tangent, iterations, system.transfer)

    def length(self, direction: Direction, orbit: Orbit) -> float:
        """Return the length of a change of an orbit."""
        return float(np.sqrt(max(self.plane(direction, orbit).of(direction), 1e-300)))

    def plane(self, normal: Direction, orbit: Orbit) -> Condition:
        """Return the scalar product with a direction as a condition."""
        return Condition(
            integral(orbit.mesh, normal.states),
            PERIOD_WEIGHT**2 * normal.period / orbit.period**2,
            normal.position,
        )

    def step(self, point: CyclePoint, length: float) -> CyclePoint:
        """Return the point of the curve in the plane at a distance along the tangent of a point."""
        orbit, tangent = point.orbit, point.tangent
        guess = Orbit(
            orbit.mesh,
            orbit.states + length * tangent.states,
            orbit.period + length * tangent.period,
        )
        if guess.period <= 0.0:
            raise Stuck("the predicted period is negative")
        phase = phase_integral(orbit.mesh, orbit.states)
        # Very small orbits are nearly points: the tangent has their shape.
        if float(np.max(np.ptp(orbit.states, axis=0))) < 1e-6:
            phase = phase_integral(orbit.mesh, tangent.states)
        return self.correct(
            guess, point.position + length * tangent.position, self.plane(tangent, orbit), phase
        )

    def at_position(self, point: CyclePoint, position: float) -> CyclePoint:
        """Return the orbit near a point at a given position of the parameter."""
        orbit = point.orbit
        condition = Condition(np.zeros((len(orbit.mesh) - 1, 5, self.field.size)), 0.0, 1.0)
        share = position - point.position
        if abs(point.tangent.position) > 1e-12:
            along = point.tangent.times(share / point.tangent.position)
            orbit = Orbit(orbit.mesh, orbit.states + along.states, orbit.period + along.period)
        phase = phase_integral(orbit.mesh, point.orbit.states)
        return self.correct(orbit, position, condition, phase)

    def on_mesh(self, point: CyclePoint, intervals: int) -> CyclePoint:
        """Return a point interpolated on a mesh that is adapted to its orbit."""
        mesh = adapt_mesh(point.orbit, intervals)
        orbit, tangent = point.orbit.on(mesh), point.tangent
        states = Orbit(point.orbit.mesh, tangent.states, 1.0).on(mesh).states
        moved = Direction(states, tangent.period, tangent.position)
        return CyclePoint(orbit, point.position, moved, point.iterations, point.transfer)


def _length(step: Direction, period: float) -> float:
    states = float(np.sqrt(np.max(np.sum(step.states**2, axis=1))))
    return max(states, abs(step.period) / period, abs(step.position))


def _at_begin(direction: Array, intervals: int) -> Condition:
    """Return the component of the begin of the orbit along a direction as a condition."""
    states = np.zeros((intervals, 5, len(direction)))
    states[0, 0] = direction
    return Condition(states, 0.0, 0.0)
