"""The equations of a curve of folds or Hopf points in two parameters, and Newton's method for its points.

Unknowns z are the states and both parameters in scaled coordinates and, for Hopf points, k = omega². A is J at a
fold and J² + k at a Hopf point. It loses rank by m (1 or 2) where the m x m matrix G of the bordered system
[[A, B], [C', 0]] [V; G] = [0; 1] vanishes. With [W; .] the solution for the transposed matrix, dG = -W' dA V.
The equations f = 0 and G = 0 are consistent (four entries of G stand for two conditions) and are solved by least
squares.

References
----------
Govaerts, "Numerical Methods for Bifurcations of Dynamical Equilibria", SIAM 2000, chapters 4 and 5.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from dendrosim.arrays import Array, Complex
from dendrosim.errors import SpecError
from dendrosim.stability.continuation.arclength import CorrectorStuck, Curve, OutsideDomain
from dendrosim.stability.continuation.branch import Bifurcation
from dendrosim.stability.vector_field.flow import Flow, as_dense

ITERATIONS = 12
"""Number of Newton steps after which the search for a point gives up."""

SETTLED = 1e-11
"""Length of a Newton step, in scaled units, after which the search stops."""

ACCURACY = 1e-8
"""Largest residual, in scaled units, of an accepted point."""

DIFFERENCE = 1e-5
"""Step, in scaled units, of central differences of the Jacobian: their error is about 1e-10."""

SMALL = 1e-9
"""Size up to which the first parameter counts as zero and does not set its own scale."""


@dataclass(frozen=True)
class Borders:
    """Columns of the bordered system: `columns` B and `rows` C, both of shape (n, m)."""

    columns: Array
    rows: Array


@dataclass(frozen=True)
class Point:
    """A point of the curve: `z`, unit `tangent`, `borders` adapted to the point, and number of Newton steps."""

    z: Array
    tangent: Array
    borders: Borders
    iterations: int


class Determining:
    """The determining equations of one curve.

    Parameters
    ----------
    bifurcation : Bifurcation
        A fold or Hopf point.
    name : str
        The second parameter.
    start, stop : float
        Ends of its range, in SI units.
    """

    def __init__(self, bifurcation: Bifurcation, name: str, start: float, stop: float) -> None:
        self.field, self.first, self.second = bifurcation.flow, bifurcation.parameter, name
        self.hopf = bifurcation.kind == "hopf"
        self.start, self.stop, self.centre = start, stop, bifurcation.value
        self.size = self.field.size
        probe = Curve(self.field, self.first, self.centre, self.centre + 1.0, bifurcation.state)
        u = probe.coordinates(bifurcation.state, self.centre)
        jacobian = as_dense(probe.jacobian(u))
        self.scale = probe.scale
        self.rate = float(np.linalg.norm(jacobian, 2))
        lengths = np.linalg.norm(jacobian, axis=1)
        self.divisors = np.maximum(lengths, 1e-2 * self.rate)
        self.width = _width(self.centre, probe.parameter_derivative(u), self.rate)
        second = (self.field.parameters[name] - start) / (stop - start)
        self.guess = np.append(u[:-1], [0.0, second])
        if self.hopf:
            self.guess = np.append(self.guess, (bifurcation.eigenvalue.imag / self.rate) ** 2)
        count = 2 if self.hopf else 1
        left, _, right = np.linalg.svd(self._matrix(jacobian / self.rate, self.guess))
        self.borders = Borders(left[:, -count:], right[-count:].T)

    def parameters(self, z: Array) -> tuple[float, float]:
        """Return both parameters at `z`, in SI units."""
        first = self.centre + z[self.size] * self.width
        return float(first), float(self.start + z[self.size + 1] * (self.stop - self.start))

    def state(self, z: Array) -> Array:
        """Return the states at `z`, shape (n,), in SI units."""
        return np.asarray(z[: self.size] * self.scale)

    def omega(self, z: Array) -> float:
        """Return the frequency omega in 1/s; 0 at folds and beyond the end of a Hopf curve."""
        return self.rate * float(np.sqrt(max(z[-1], 0.0))) if self.hopf else 0.0

    def flow(self, z: Array) -> Flow:
        """Return the flow with both parameters at `z`."""
        first, second = self.parameters(z)
        try:
            return self.field.at(self.first, first).at(self.second, second)
        except SpecError as error:
            raise OutsideDomain(str(error)) from error

    def jacobian(self, z: Array) -> Array:
        """Return the Jacobian in scaled coordinates, divided by `rate`, shape (n, n)."""
        with np.errstate(all="ignore"):
            found = as_dense(self.flow(z).jacobian(self.state(z)))
        if not np.all(np.isfinite(found)):
            raise OutsideDomain("the Jacobian is not finite")
        return np.asarray(found * self.scale / self.scale[:, None] / self.rate)

    def eigenvalues(self, z: Array) -> Complex:
        """Return all eigenvalues in 1/s."""
        return np.asarray(np.linalg.eigvals(self.jacobian(z)) * self.rate)

    def _matrix(self, jacobian: Array, z: Array) -> Array:
        return jacobian @ jacobian + z[-1] * np.eye(self.size) if self.hopf else jacobian

    def null_vectors(self, z: Array, borders: Borders) -> tuple[Array, Array, Array]:
        """Return V and W, shape (n, m), and G, shape (m, m)."""
        count = borders.rows.shape[1]
        corner = np.zeros((count, count))
        matrix = self._matrix(self.jacobian(z), z)
        full = np.block([[matrix, borders.columns], [borders.rows.T, corner]])
        right = np.vstack([np.zeros((self.size, count)), np.eye(count)])
        try:
            found, adjoint = np.linalg.solve(full, right), np.linalg.solve(full.T, right)
        except np.linalg.LinAlgError as error:
            raise CorrectorStuck("the bordered matrix is singular") from error
        return found[: self.size], adjoint[: self.size], found[self.size :]

    def _rates(self, z: Array) -> Array:
        with np.errstate(all="ignore"):
            found = np.asarray(self.flow(z).f(self.state(z)), float) / self.scale / self.divisors
        if not np.all(np.isfinite(found)):
            raise OutsideDomain("the rates of change are not finite")
        return found

    def _change(self, z: Array, direction: Array) -> Array:
        """Return the derivative of the scaled Jacobian along a direction in z."""
        length = float(np.linalg.norm(direction)) or 1.0
        step = DIFFERENCE / length * direction
        return np.asarray(
            (self.jacobian(z + step) - self.jacobian(z - step)) * (length / (2.0 * DIFFERENCE))
        )

    def _conditions(self, z: Array, borders: Borders) -> tuple[Array, Array]:
        """Return the entries of G, shape (m²,), and their derivatives, shape (m², len(z))."""
        v, w, g = self.null_vectors(z, borders)
        count, n = len(g), self.size
        slopes = np.zeros((count, count, len(z)))
        jacobian = self.jacobian(z)
        # w' (dJ/dx_k) v = w' (dJ along v)[:, k], because second derivatives are symmetric.
        for j in range(count):
            along = self._change(z, self._embed(v[:, j]))
            if self.hopf:
                further = self._change(z, self._embed(jacobian @ v[:, j]))
                slopes[:, j, :n] = -(w.T @ further + w.T @ jacobian @ along)
            else:
                slopes[:, j, :n] = -(w.T @ along)
        for k in (n, n + 1):
            change = self._change(z, np.eye(len(z))[k])
            if self.hopf:
                change = change @ jacobian + jacobian @ change
            slopes[:, :, k] = -(w.T @ change @ v)
        if self.hopf:
            slopes[:, :, -1] = -(w.T @ v)
        return g.ravel(), slopes.reshape(count * count, -1)

    def _embed(self, states: Array) -> Array:
        return np.append(states, np.zeros(len(self.guess) - self.size))

    def linearise(self, z: Array, borders: Borders) -> tuple[Array, Array]:
        """Return the residual of all equations and its derivative with respect to z."""
        flow, state = self.flow(z), self.state(z)
        slopes = np.zeros((self.size, len(z)))
        slopes[:, : self.size] = self.jacobian(z) * self.rate
        widths = (self.width, self.stop - self.start)
        for k, (name, width) in enumerate(zip((self.first, self.second), widths, strict=True)):
            with np.errstate(all="ignore"):
                by = np.asarray(flow.parameter_derivative(state, name), float)
            slopes[:, self.size + k] = by * width / self.scale
        conditions, further = self._conditions(z, borders)
        error = np.append(self._rates(z), conditions)
        full = np.vstack([slopes / self.divisors[:, None], further])
        if not np.all(np.isfinite(full)):
            raise OutsideDomain("the derivatives are not finite")
        return error, full

    def correct(
        self, guess: Array, normal: Array, offset: float, borders: Borders
    ) -> tuple[Array, int]:
        """Return the point with normal · z = offset, and the number of Newton steps."""
        z = guess
        for iteration in range(1, ITERATIONS + 1):
            error, slopes = self.linearise(z, borders)
            error = np.append(error, normal @ z - offset)
            step = linalg.lstsq(np.vstack([slopes, normal]), -error)[0]
            z = z + step
            size = float(np.linalg.norm(step)) / (1.0 + float(np.linalg.norm(z)))
            if not np.isfinite(size) or size > 1e3:
                break
            if size <= SETTLED:
                left = float(np.linalg.norm(self._rates(z)))
                left += float(np.linalg.norm(self.null_vectors(z, borders)[2]))
                if left <= ACCURACY:
                    return z, iteration
                break
        raise CorrectorStuck("Newton's method does not converge to the curve")

    def point(self, z: Array, onward: Array, borders: Borders, iterations: int = 0) -> Point:
        """Return a solution as a Point; its tangent is on the side of `onward`."""
        _, slopes = self.linearise(z, borders)
        tangent = np.linalg.svd(slopes)[2][-1]
        tangent = tangent if tangent @ onward >= 0.0 else -tangent
        v, w, _ = self.null_vectors(z, borders)
        if self.hopf:
            adapted = Borders(linalg.orth(w), linalg.orth(v))
        else:
            adapted = Borders(w / np.linalg.norm(w), v / np.linalg.norm(v))
        return Point(z, tangent, adapted, iterations)

    def along(self, left: Point, length: float) -> tuple[Array, int]:
        """Return the point at a distance from `left` along its tangent."""
        normal = left.tangent
        guess = left.z + length * normal
        return self.correct(guess, normal, float(normal @ guess), left.borders)


def _width(value: float, slope: Array, rate: float) -> float:
    """Return the unit of the first parameter: its own size, or that which moves the states by their size."""
    if abs(value) > SMALL:
        return abs(value)
    size = float(np.linalg.norm(slope))
    return rate / size if size > SMALL * rate else 1.0
