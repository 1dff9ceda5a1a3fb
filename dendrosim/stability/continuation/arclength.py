"""The curve f(x; p) = 0 in states and parameter: its tangent, its points and the spectrum at each of them.

Everything here is in scaled coordinates u = (x/s, (p - start)/(stop - start)): the parameter runs from 0 to 1,
and the states of one unit share one scale s, so that volts, rates and weights weigh alike. Directions of
symmetry, along which the Jacobian is singular at every point, are held by extra rows: the equations are then
more than the unknowns, but consistent, and are solved by least squares.

Source: H. B. Keller, "Numerical solution of bifurcation and nonlinear eigenvalue problems" (1977).
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from dendrosim.arrays import Array, Complex
from dendrosim.errors import SpecError
from dendrosim.stability.continuation.bordered_system import BorderedSystem
from dendrosim.stability.spectrum.spectrum import spectrum
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

ITERATIONS = 12
"""Newton steps before a corrector gives up."""

SETTLED = 1e-9
"""A Newton step this small, in scaled units, is the last: the next would be its square."""

EXACT = 1e-14
"""A distance from the curve, in scaled units, that no Newton step improves."""

NEGLIGIBLE = 1e-9
"""Fraction of the typical size below which the states at the start are rounding errors of zero, not a scale."""

NUDGE = 1e-6
"""Step along the tangent, in scaled units, over which eigenvalues are compared for their speed."""


class OutsideDomain(Exception):
    """A point at which the equations have no finite value."""


class CorrectorStuck(Exception):
    """A corrector that did not converge; the text says with which residual and where."""


class Plane(NamedTuple):
    """Where a point of the curve is looked for: `normal` · (u - `anchor`) = `offset`.

    `symmetries`, shape (n, k), holds the directions of symmetry in which the states do not move from `anchor`.
    """

    normal: Array
    anchor: Array
    offset: float
    symmetries: Array

    def error(self, u: Array) -> Array:
        """Distance of u from the plane, then from `anchor` along each direction of symmetry."""
        moved = u - self.anchor
        return np.append(self.normal @ moved - self.offset, self.symmetries.T @ moved[:-1])


class CurvePoint:
    """A point of the curve: `u` (n + 1,), its unit tangent, and the spectrum there, computed when asked for.

    `iterations` is the number of Newton steps that led to it.
    """

    def __init__(self, curve: "Curve", u: Array, onward: Array, iterations: int = 0) -> None:
        self.curve, self.u, self.iterations = curve, u, iterations
        self.symmetries = curve.symmetries(u)
        self.tangent = curve.tangent(u, self.symmetries, onward)

    @property
    def position(self) -> float:
        """Where the parameter stands between start (0) and stop (1)."""
        return float(self.u[-1])

    @cached_property
    def eigenvalues(self) -> Complex:
        """Eigenvalues in 1/s by descending real part, zero modes of symmetries left out."""
        return self.curve.eigenvalues(self.u, self.symmetries)

    @cached_property
    def eigenvalue_speeds(self) -> Array:
        """How fast each sorted real part changes along the curve, in 1/s per unit of arclength."""
        u = self.u + NUDGE * self.tangent
        try:
            moved = self.curve.eigenvalues(u, self.curve.symmetries(u))
        except OutsideDomain:
            return np.zeros(len(self.eigenvalues))
        if len(moved) != len(self.eigenvalues):
            return np.zeros(len(self.eigenvalues))
        return np.asarray((moved.real - self.eigenvalues.real) / NUDGE)

    @cached_property
    def rounding(self) -> float:
        """Real parts below this, in 1/s, are rounding errors."""
        size = np.max(np.abs(self.eigenvalues), initial=0.0)
        return float(10.0 * np.finfo(float).eps * len(self.u) * size)

    @property
    def unstable(self) -> int:
        """Number of eigenvalues with a positive real part."""
        return int(np.sum(self.eigenvalues.real > self.rounding))


class Curve:
    """f(x; p) = 0 of one flow and one of its parameters, between two values of it.

    `rates`, shape (n,), holds the length that the row of each equation has at the first point (see
    `BorderedSystem`).
    """

    def __init__(self, field: Flow, parameter: str, start: float, stop: float, x: Array) -> None:
        self.field, self.parameter, self.start, self.stop = field, parameter, start, stop
        sizes = np.maximum(np.abs(x), np.abs(np.asarray(field.start, float)))
        self.scale = scales_by_unit(field.units, sizes, NEGLIGIBLE) * np.sqrt(field.size)
        self.rates = np.zeros(field.size)

    def scaled(self, x: Array, value: float) -> Array:
        """Return u for states x and a value of the parameter."""
        return np.append(x / self.scale, (value - self.start) / (self.stop - self.start))

    def state(self, u: Array) -> Array:
        """Return the states at u, in SI units."""
        return np.asarray(u[:-1] * self.scale)

    def value(self, u: Array) -> float:
        """Return the parameter at u."""
        return float(self.start + u[-1] * (self.stop - self.start))

    def flow(self, u: Array) -> Flow:
        """Return the flow with the parameter at u; raises OutsideDomain where it refuses that value."""
        try:
            return self.field.at(self.parameter, self.value(u))
        except SpecError as error:
            raise OutsideDomain(str(error)) from error

    def residual(self, u: Array) -> Array:
        """Return f at u in scaled units per second, shape (n,); raises OutsideDomain where it is not finite."""
        with np.errstate(all="ignore"):
            found = np.asarray(self.flow(u).f(self.state(u)), float) / self.scale
        if not np.all(np.isfinite(found)):
            where = self.field.labels[int(np.argmin(np.isfinite(found)))]
            raise OutsideDomain(
                f"d/dt of {where!r} is not finite at {self.parameter} = {self.value(u):.9g}"
            )
        return found

    def jacobian(self, u: Array) -> Any:
        """Return df/dx at u in 1/s and scaled coordinates, shape (n, n), dense or sparse."""
        with np.errstate(all="ignore"):
            found = self.flow(u).jacobian(self.state(u))
        if sparse.issparse(found):
            found = sparse.diags_array(1 / self.scale) @ found @ sparse.diags_array(self.scale)
            values = found.data
        else:
            found = values = np.asarray(found, float) * self.scale / self.scale[:, None]
        if not np.all(np.isfinite(values)):
            raise OutsideDomain(
                f"the Jacobian is not finite at {self.parameter} = {self.value(u):.9g}"
            )
        return found

    def drive(self, u: Array) -> Array:
        """Return df/dp at u in scaled coordinates, shape (n,)."""
        with np.errstate(all="ignore"):
            found = self.flow(u).parameter_derivative(self.state(u), self.parameter)
        if not np.all(np.isfinite(found)):
            raise OutsideDomain(
                f"the derivative by {self.parameter} is not finite at {self.value(u):.9g}"
            )
        return np.asarray(found, float) / self.scale * (self.stop - self.start)

    def linearise(self, u: Array) -> BorderedSystem:
        """Return the linearised equations at u."""
        return BorderedSystem(self.jacobian(u), self.drive(u), self.rates)

    def symmetries(self, u: Array) -> Array:
        """Return an orthonormal basis, shape (n, k), of the symmetries at u in scaled coordinates."""
        found = np.asarray(self.flow(u).symmetries(self.state(u)), float)
        if found.shape[1] == 0:
            return found
        return np.asarray(linalg.orth(found / self.scale[:, None], rcond=1e-9))

    def tangent(self, u: Array, symmetries: Array, onward: Array) -> Array:
        """Return the unit tangent at u that points along `onward`; at a branch point the one nearest to it."""
        system = self.linearise(u)
        if not np.any(self.rates):
            self.rates = system.lengths
        right = np.zeros(len(system.divisors) + 1 + symmetries.shape[1])
        right[len(system.divisors)] = 1.0
        found = system.solve(onward, symmetries, right)
        length = linalg.norm(found)
        return np.asarray(found / length) if length > 0 and np.isfinite(length) else onward

    def correct(self, guess: Array, plane: Plane) -> tuple[Array, int]:
        """Return the point of the curve in a plane, by Newton from `guess`, and the number of steps it took.

        Raises CorrectorStuck where that does not converge and OutsideDomain where the equations have no value.
        """
        u, best = guess, np.inf
        for iteration in range(ITERATIONS):
            system = self.linearise(u)
            off = self.residual(u) / system.divisors
            error = np.append(off, plane.error(u))
            best = min(best, float(linalg.norm(error)))
            if linalg.norm(error) <= EXACT * (1.0 + linalg.norm(u)):
                return u, iteration
            step = system.solve(plane.normal, plane.symmetries, -error)
            u = u + step
            size = linalg.norm(step) / (1.0 + linalg.norm(u))
            if not np.isfinite(size) or size > 1e3:
                break
            if size <= SETTLED:
                # Least squares stand still too where no solution is near.
                off = self.residual(u) / system.divisors
                best = float(linalg.norm(np.append(off, plane.error(u))))
                if best <= SETTLED * (1.0 + linalg.norm(guess)):
                    return u, iteration + 1
                break
        raise CorrectorStuck(f"Newton got no nearer to the curve than {best:.2g} in scaled units")

    def point(self, guess: Array, plane: Plane) -> CurvePoint:
        """Return the point of the curve in a plane, with its tangent along the plane's normal."""
        u, iterations = self.correct(guess, plane)
        return CurvePoint(self, u, plane.normal, iterations)

    def eigenvalues(self, u: Array, symmetries: Array) -> Complex:
        """Return the eigenvalues at u by descending real part, without the k zero modes of symmetries."""
        return spectrum(self.jacobian(u), symmetries).without_symmetries
