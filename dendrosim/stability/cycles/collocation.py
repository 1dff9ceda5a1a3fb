"""Orthogonal collocation: a periodic orbit as a piecewise polynomial that obeys the flow at Gauss points.

Time runs from 0 to 1 in units of the period. In each interval of the mesh the orbit is a polynomial of degree 4
through five equidistant nodes, the last of which is the first of the next interval. Its derivative is T f(y) at
the four Gauss points of the interval. The period is then exact to the eighth power of the intervals' length.

References
----------
Doedel, Keller and Kernevez, "Numerical analysis and control of bifurcation problems (II)", International Journal
of Bifurcation and Chaos 1, 1991. De Boor and Swartz, "Collocation at Gaussian points", SIAM Journal on Numerical
Analysis 10, 1973.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse.linalg import splu

from dendrosim.arrays import Array, Complex
from dendrosim.stability.vector_field.flow import Flow

DEGREE = 4
"""Degree of the polynomials, as in AUTO: higher degrees gain little for orbits with sharp corners."""

ITERATIONS = 30
"""Largest number of Newton steps for one mesh: a good start needs three to six."""

SETTLED = 1e-10
"""Relative length of a Newton step after which the search ends; the next step is about its square."""

LARGEST = 1e300
"""Size of a multiplier that is too large for a number."""

GAUSS = 0.5 + 0.5 * np.polynomial.legendre.leggauss(DEGREE)[0]
"""Gauss points of an interval of length 1."""

WEIGHTS = 0.5 * np.polynomial.legendre.leggauss(DEGREE)[1]
"""Weights of the Gauss points in an integral over an interval of length 1."""

NODES = np.linspace(0.0, 1.0, DEGREE + 1)
"""Nodes of an interval of length 1."""


def _basis() -> tuple[Array, Array]:
    """Return the values and the derivatives of the Lagrange polynomials at the Gauss points, shape (4, 5)."""
    columns = [np.polynomial.Polynomial(_lagrange(k)) for k in range(DEGREE + 1)]
    values = np.array([c(GAUSS) for c in columns]).T
    return values, np.array([c.deriv()(GAUSS) for c in columns]).T


def _lagrange(k: int) -> Array:
    """Return the coefficients of the polynomial that is 1 at one node and 0 at the others, ascending."""
    others = np.delete(NODES, k)
    found = np.polynomial.Polynomial.fromroots(others)
    return np.asarray((found / found(NODES[k])).coef)


VALUES, SLOPES = _basis()


class Orbit(NamedTuple):
    """A piecewise polynomial.

    Attributes
    ----------
    mesh : array, shape (N + 1,)
        Ends of the intervals, from 0 to 1.
    states : array, shape (4 N + 1, n)
        The orbit at the nodes, in units of the scale; the last row is the first.
    period : float
        In s.
    """

    mesh: Array
    states: Array
    period: float

    @property
    def times(self) -> Array:
        """Times of the nodes, shape (4 N + 1,), in units of the period."""
        steps = np.diff(self.mesh)
        inner = self.mesh[:-1, None] + steps[:, None] * NODES[:-1]
        return np.append(inner.ravel(), 1.0)

    def at(self, times: Array) -> Array:
        """Return the orbit at times from 0 to 1, shape (m, n)."""
        index = np.clip(np.searchsorted(self.mesh, times, side="right") - 1, 0, len(self.mesh) - 2)
        local = (times - self.mesh[index]) / np.diff(self.mesh)[index]
        polynomials = BarycentricInterpolator(NODES, np.eye(DEGREE + 1))
        weights = polynomials(local)
        rows = DEGREE * index[:, None] + np.arange(DEGREE + 1)
        return np.asarray(np.einsum("mk,mkn->mn", weights, self.states[rows]))

    def on(self, mesh: Array) -> "Orbit":
        """Return the orbit interpolated on another mesh."""
        moved = Orbit(mesh, self.states, self.period)
        return Orbit(mesh, self.at(moved.times), self.period)


@dataclass(frozen=True)
class Linearised:
    """The equations of an orbit, linearised.

    Attributes
    ----------
    residual : array, shape (N, 4, n)
        y' - h T f(y) at the Gauss points.
    blocks : array, shape (N, 4, n, 5, n)
        Derivatives of the residual with respect to the nodes of the interval.
    rates : array, shape (N, 4, n)
        f at the Gauss points, in units of the scale per second.
    """

    residual: Array
    blocks: Array
    rates: Array


def linearise(flow: Flow, orbit: Orbit) -> Linearised:
    """Return the linearised equations of an orbit; the flow is in units of the scale."""
    steps, n = np.diff(orbit.mesh), flow.size
    rows = DEGREE * np.arange(len(steps))[:, None] + np.arange(DEGREE + 1)
    nodes = orbit.states[rows]  # (N, 5, n)
    points = np.einsum("jk,ikn->ijn", VALUES, nodes)
    slopes = np.einsum("jk,ikn->ijn", SLOPES, nodes)
    flat = points.reshape(-1, n)
    values, matrices, _ = flow.at_states(flat)
    rates, jacobians = values.reshape(points.shape), matrices.reshape(*points.shape, n)
    factor = steps * orbit.period
    residual = slopes - factor[:, None, None] * rates
    blocks = -np.einsum("i,jk,ijab->ijakb", factor, VALUES, jacobians)
    diagonal = np.arange(n)
    blocks[:, :, diagonal, :, diagonal] += SLOPES[None, None]
    return Linearised(residual, blocks, rates)


def correct(flow: Flow, orbit: Orbit) -> tuple[Orbit, float, int]:
    """Return the orbit that solves the equations on the same mesh, by Newton's method.

    Its phase is that at which it is closest to the given orbit, in the mean over time.

    Returns
    -------
    Orbit
        The last orbit.
    float
        Length of the last step, relative to the orbit; it is at most `SETTLED` if Newton's method converged.
    int
        Index of the interval with the largest residual.
    """
    steps, n = np.diff(orbit.mesh), flow.size
    intervals = len(steps)
    guess, size, worst = orbit, np.inf, 0
    # d/dt of the given orbit at the Gauss points, times the weights of the integral over one period.
    rows = DEGREE * np.arange(intervals)[:, None] + np.arange(DEGREE + 1)
    tangent = np.einsum("jk,ikn->ijn", SLOPES, guess.states[rows])
    phase = np.einsum("j,jk,ijn->ikn", WEIGHTS, VALUES, tangent)
    unknowns = DEGREE * intervals * n
    columns = (rows % (DEGREE * intervals))[:, :, None] * n + np.arange(n)
    for _ in range(ITERATIONS):
        system = linearise(flow, orbit)
        worst = int(np.argmax(np.max(np.abs(system.residual), axis=(1, 2))))
        if not (np.all(np.isfinite(system.residual)) and np.all(np.isfinite(system.blocks))):
            return orbit, np.inf, worst
        equations = np.arange(unknowns).reshape(intervals, DEGREE, n)
        shape = system.blocks.shape
        i = np.broadcast_to(equations[:, :, :, None, None], shape).ravel()
        j = np.broadcast_to(columns[:, None, None], shape).ravel()
        to_period = -(steps[:, None, None] * system.rates).ravel()
        matrix = sp.coo_array(
            (
                np.concatenate([system.blocks.ravel(), to_period, phase.ravel()]),
                (
                    np.concatenate([i, np.arange(unknowns), np.full(phase.size, unknowns)]),
                    np.concatenate([j, np.full(unknowns, unknowns), columns.ravel()]),
                ),
            ),
            shape=(unknowns + 1, unknowns + 1),
        )
        moved = (orbit.states - guess.states)[rows]
        right = -np.append(system.residual.ravel(), np.sum(phase * moved))
        try:
            step = splu(matrix.tocsc()).solve(right)
        except RuntimeError:  # exactly singular
            return orbit, np.inf, worst
        if not np.all(np.isfinite(step)):
            return orbit, np.inf, worst
        change = step[:-1].reshape(-1, n)
        extent = float(np.max(np.ptp(orbit.states, axis=0), initial=0.0)) or 1.0
        size = max(float(np.max(np.abs(change))) / extent, abs(step[-1]) / orbit.period)
        share = min(1.0, 0.5 / size) if size > 0 else 1.0  # no step longer than half of the orbit
        states = orbit.states + share * np.vstack([change, change[:1]])
        period = orbit.period + share * float(step[-1])
        if period <= 0.0:
            return orbit, np.inf, worst
        orbit = Orbit(orbit.mesh, states, period)
        if size <= SETTLED:
            break
    return orbit, size, worst


def adapt_mesh(orbit: Orbit, intervals: int) -> Array:
    """Return a mesh of so many intervals on which errors are evenly distributed.

    The error of an interval is its length to the power 5 times the fifth derivative of the orbit.
    """
    steps = np.diff(orbit.mesh)
    density = _fifth_derivatives(orbit) ** (1.0 / (DEGREE + 1))
    # A part of the intervals is spread evenly, so that quiet parts of the orbit keep some.
    density = density + 0.1 * float(density @ steps) + 1e-300
    total = np.concatenate([[0.0], np.cumsum(density * steps)])
    mesh = np.interp(np.linspace(0.0, total[-1], intervals + 1), total, orbit.mesh)
    mesh[0], mesh[-1] = 0.0, 1.0
    return np.asarray(mesh)


def mesh_error(orbit: Orbit) -> float:
    """Return an estimate of the largest error between the ends of intervals, relative to the states' extents.

    The error of a polynomial of degree 4 that solves the equations at Gauss points is the fifth derivative times
    the fifth power of the interval's length times the integral of (s - c1)...(s - c4)/4!, at most 2.4e-5.
    """
    return 2.4e-5 * float(np.max(_fifth_derivatives(orbit) * np.diff(orbit.mesh) ** (DEGREE + 1)))


def _fifth_derivatives(orbit: Orbit) -> Array:
    """Return the size of the fifth derivative in each interval, from jumps of the fourth between intervals."""
    steps = np.diff(orbit.mesh)
    count = len(steps)
    rows = DEGREE * np.arange(count)[:, None] + np.arange(DEGREE + 1)
    fourth = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) * DEGREE**DEGREE
    highest = np.einsum("k,ikn->in", fourth, orbit.states[rows]) / steps[:, None] ** DEGREE
    # Each state counts in units of its own extent, but hardly any state that hardly moves.
    extents = np.ptp(orbit.states, axis=0)
    highest = highest / np.maximum(extents, 1e-6 * float(np.max(extents, initial=1e-300)))
    jumps = np.linalg.norm(np.roll(highest, -1, axis=0) - highest, axis=1)
    fifth = jumps / (0.5 * (steps + np.roll(steps, -1)))
    return np.asarray(0.5 * (fifth + np.roll(fifth, 1)))


def floquet_multipliers(transfer: Array) -> Complex:
    """Return the eigenvalues of the product of transfer matrices, shape (N, n, n), by descending size.

    The product itself would lose small multipliers where perturbations first grow and then decay by many orders of
    magnitude. So the changes at the ends of the intervals are eliminated one by one by orthogonal transformations,
    and A y(0) + B y(T) = 0 remains (Fairgrieve and Jepson, SIAM Journal on Numerical Analysis 28, 1991).
    """
    n = transfer.shape[1]
    first, last = transfer[0], -np.eye(n)
    for matrix in transfer[1:]:
        q = np.linalg.qr(np.vstack([last, matrix]), mode="complete")[0][:, n:].T
        first, last = q[:, :n] @ first, -q[:, n:]
    pairs = scipy.linalg.eig(first, -last, right=False, homogeneous_eigvals=True)
    with np.errstate(all="ignore"):
        values = np.asarray(pairs[0] / pairs[1], dtype=np.complex128)
    values = values[np.isfinite(values)]
    values = np.append(np.full(n - len(values), LARGEST + 0j), values)
    return np.asarray(values[np.argsort(-np.abs(values), kind="stable")])


def transfer_matrices(flow: Flow, orbit: Orbit) -> Array:
    """Return the matrix of each interval that maps a perturbation at its begin to that at its end, (N, n, n)."""
    blocks, n = linearise(flow, orbit).blocks, flow.size
    found = []
    for block in blocks:
        rows = block.reshape(DEGREE * n, (DEGREE + 1) * n)
        inner = np.linalg.solve(rows[:, n:], -rows[:, :n])
        found.append(inner[-n:])
    return np.array(found)
