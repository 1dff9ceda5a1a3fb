"""The curve f(x; p) = 0 of fixed points in the space of the states x and a parameter p: points, tangents, spectra.

All computations are in scaled coordinates u = (x/s, (p - start)/(stop - start)). The scaled parameter runs from 0
to 1, and the states of one unit share one scale s, so that volts, rates and weights have equal weight. Along
directions of symmetry the Jacobian is singular at every point; extra equations hold the state in these directions.
There are then more equations than unknowns, but they are consistent, and are solved by least squares.

References
----------
H. B. Keller, "Numerical solution of bifurcation and nonlinear eigenvalue problems", in P. Rabinowitz (ed.),
"Applications of Bifurcation Theory", Academic Press 1977, 359-384 (pseudo-arclength continuation).
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from dendrosim.arrays import Array, Complex
from dendrosim.errors import SpecError
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.continuation.bordered_system import BorderedSystem
from dendrosim.stability.spectrum.spectrum import spectrum
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

ITERATIONS = 12
"""Number of Newton steps after which the corrector, the search for a point of the curve, gives up: the test flows
need at most four."""

SETTLED = 1e-9
"""Length of a Newton step, in scaled units, after which the corrector stops: the length of the next step would be
about its square."""

DIVERGED = 1e3
"""Relative length of a Newton step above which the corrector gives up."""

EXACT = 1e-14
"""A point counts as exact if its distance from the curve, in scaled units, is at most this: rounding errors are
about as large."""

NEGLIGIBLE = 1e-9
"""Fraction of the typical size below which the states at the start count as zero and do not set the scale."""

NUDGE = 1e-6
"""Step along the tangent, in scaled units, over which the speed of eigenvalues is measured: far above the
rounding error of eigenvalues (1e-14), and so short that their curvature does not matter."""


class OutsideDomain(Exception):
    """Raised for a point at which the equations have no finite value; the text says what is not finite."""


class CorrectorStuck(Exception):
    """Raised if the corrector does not converge; the text says how far from the curve it stopped."""


class Plane(NamedTuple):
    """The plane in which a point of the curve is searched for: `normal` · (u - `anchor`) = `offset`.

    Attributes
    ----------
    normal, anchor : array, shape (n + 1,)
        Unit normal, and a point of the curve, in scaled coordinates.
    offset : float
        Distance of the plane from `anchor`, in scaled units.
    symmetries : array, shape (n, k)
        Directions of symmetry in which the states do not move away from `anchor`.
    """

    normal: Array
    anchor: Array
    offset: float
    symmetries: Array

    def error(self, u: Array) -> Array:
        """Return the distance of `u` from the plane, followed by its distances from `anchor` along symmetries."""
        moved = u - self.anchor
        return np.append(self.normal @ moved - self.offset, self.symmetries.T @ moved[:-1])


class CurvePoint:
    """A point of the curve with its tangent; the spectrum is computed at first use.

    Parameters
    ----------
    curve : Curve
    u : array, shape (n + 1,)
        The point, in scaled coordinates.
    onward : array, shape (n + 1,)
        Direction whose scalar product with the tangent is positive.
    iterations : int
        Number of Newton steps that led to the point.

    Attributes
    ----------
    symmetries : array, shape (n, k)
        Orthonormal basis of the directions of symmetry.
    tangent : array, shape (n + 1,)
        Unit tangent of the curve.
    """

    def __init__(self, curve: "Curve", u: Array, onward: Array, iterations: int = 0) -> None:
        self.curve, self.u, self.iterations = curve, u, iterations
        self.symmetries = curve.symmetries(u)
        self.tangent = curve.tangent(u, self.symmetries, onward)

    @property
    def position(self) -> float:
        """The parameter as a fraction of its range: 0 at its start, 1 at its stop."""
        return float(self.u[-1])

    @cached_property
    def eigenvalues(self) -> Complex:
        """Eigenvalues in 1/s by descending real part, without the zero modes of symmetries."""
        return self.curve.eigenvalues(self.u, self.symmetries)

    @cached_property
    def eigenvalue_speeds(self) -> Array:
        """Rate of change of each sorted real part along the curve, in 1/s per unit of arclength; 0 if unknown."""
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
        """Size in 1/s up to which a real part may be a rounding error."""
        size = np.max(np.abs(self.eigenvalues), initial=0.0)
        # Rounding errors of eigenvalues are n eps times the norm, with a factor for safety.
        return float(10.0 * np.finfo(float).eps * len(self.u) * size)

    @property
    def unstable(self) -> int:
        """Number of eigenvalues with a positive real part."""
        return int(np.sum(self.eigenvalues.real > self.rounding))


class Curve:
    """The curve f(x; p) = 0 of one flow and one of its parameters, between two values of the parameter.

    Parameters
    ----------
    field : Flow
    parameter : str
        Name of the parameter.
    start, stop : float
        Ends of its range, in SI units.
    x : array, shape (n,)
        A state near the curve at `start`, which gives the scale of the states.

    Attributes
    ----------
    scale : array, shape (n,)
        Unit of each state, in SI units, including a factor sqrt(n): a state vector of typical size has length 1.
    row_lengths : array, shape (n,)
        Length of the row of each equation at the first point; see `BorderedSystem`. It is zero until the first
        tangent is computed.
    """

    def __init__(self, field: Flow, parameter: str, start: float, stop: float, x: Array) -> None:
        self.field, self.parameter, self.start, self.stop = field, parameter, start, stop
        sizes = np.maximum(np.abs(x), np.abs(np.asarray(field.start, float)))
        self.scale = scales_by_unit(field.units, sizes, NEGLIGIBLE) * np.sqrt(field.size)
        self.row_lengths = np.zeros(field.size)

    def coordinates(self, x: Array, value: float) -> Array:
        """Return u, shape (n + 1,), from states in SI units and a value of the parameter."""
        return np.append(x / self.scale, (value - self.start) / (self.stop - self.start))

    def state(self, u: Array) -> Array:
        """Return the states at `u`, shape (n,), in SI units."""
        return np.asarray(u[:-1] * self.scale)

    def value(self, u: Array) -> float:
        """Return the value of the parameter at `u`, in SI units."""
        return float(self.start + u[-1] * (self.stop - self.start))

    def flow(self, u: Array) -> Flow:
        """Return the flow with the parameter at `u`; raises OutsideDomain if the flow refuses this parameter."""
        try:
            return self.field.at(self.parameter, self.value(u))
        except SpecError as error:
            raise OutsideDomain(str(error)) from error

    def residual(self, u: Array) -> Array:
        """Return f at `u` in scaled units per second, shape (n,); raises OutsideDomain if it is not finite."""
        with np.errstate(all="ignore"):
            found = np.asarray(self.flow(u).f(self.state(u)), float) / self.scale
        if not np.all(np.isfinite(found)):
            where = self.field.labels[int(np.argmin(np.isfinite(found)))]
            raise OutsideDomain(
                f"d/dt of {where!r} is not finite at {self.parameter} = {self.value(u):.9g}"
            )
        return found

    def jacobian(self, u: Array) -> Any:
        """Return df/dx at `u` in scaled coordinates, in 1/s, shape (n, n), dense or sparse."""
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

    def parameter_derivative(self, u: Array) -> Array:
        """Return df/dp at `u` in scaled coordinates, in 1/s, shape (n,)."""
        with np.errstate(all="ignore"):
            found = self.flow(u).parameter_derivative(self.state(u), self.parameter)
        if not np.all(np.isfinite(found)):
            raise OutsideDomain(
                f"the derivative with respect to {self.parameter} is not finite at {self.value(u):.9g}"
            )
        return np.asarray(found, float) / self.scale * (self.stop - self.start)

    def linearise(self, u: Array) -> BorderedSystem:
        """Return the linearised equations at `u`."""
        return BorderedSystem(self.jacobian(u), self.parameter_derivative(u), self.row_lengths)

    def symmetries(self, u: Array) -> Array:
        """Return an orthonormal basis, shape (n, k), of the directions of symmetry at `u`, in scaled
        coordinates."""
        found = np.asarray(self.flow(u).symmetries(self.state(u)), float)
        if found.shape[1] == 0:
            return found
        # Directions that coincide at this point, such as rotations of silent units, count once.
        return np.asarray(linalg.orth(found / self.scale[:, None], rcond=1e-9))

    def tangent(self, u: Array, symmetries: Array, onward: Array) -> Array:
        """Return the unit tangent at `u` on the side of `onward`; at a branch point, the tangent closest to it."""
        system = self.linearise(u)
        if not np.any(self.row_lengths):
            self.row_lengths = system.lengths
        right = np.zeros(len(system.divisors) + 1 + symmetries.shape[1])
        right[len(system.divisors)] = 1.0
        found = system.solve(onward, symmetries, right)
        length = linalg.norm(found)
        return np.asarray(found / length) if length > 0 and np.isfinite(length) else onward

    def correct(self, guess: Array, plane: Plane) -> tuple[Array, int]:
        """Return the point of the curve in a plane, by Newton's method from `guess`, and the number of steps.

        Raises CorrectorStuck if Newton's method does not converge, and OutsideDomain if it leaves the domain of
        the equations.
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
            if not np.isfinite(size) or size > DIVERGED:
                break
            if size <= SETTLED:
                # Steps of least squares also vanish where the residual has a minimum that is not zero.
                off = self.residual(u) / system.divisors
                best = float(linalg.norm(np.append(off, plane.error(u))))
                if best <= SETTLED * (1.0 + linalg.norm(guess)):
                    return u, iteration + 1
                break
        raise CorrectorStuck(
            f"Newton's method came no closer to the curve than {best:.2g} in scaled units"
        )

    def point(self, guess: Array, plane: Plane) -> CurvePoint:
        """Return the point of the curve in a plane as a CurvePoint, with its tangent along the plane's normal."""
        u, iterations = self.correct(guess, plane)
        return CurvePoint(self, u, plane.normal, iterations)

    def eigenvalues(self, u: Array, symmetries: Array) -> Complex:
        """Return the eigenvalues at `u` by descending real part, without the k zero modes of symmetries."""
        return spectrum(self.jacobian(u), symmetries).without_symmetries
