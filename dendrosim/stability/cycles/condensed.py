"""The linearised collocation equations of an orbit, reduced to the ends of the intervals.

The inner nodes of each interval are eliminated first. What remains are n equations for each interval,

    y[i + 1] = G[i] y[i] + g[i] + a[i] dT + b[i] dp,

the periodicity y[N] = y[0], and one row for each condition on the whole orbit, such as its phase. Directions of
continuous symmetries have a condition each, and a gap of the orbit along the direction as the unknown.

References
----------
Doedel, Keller and Kernevez (1991), see `collocation`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from dendrosim.arrays import Array
from dendrosim.stability.cycles.collocation import DEGREE, SLOPES, VALUES, WEIGHTS, Orbit
from dendrosim.stability.vector_field.flow import Flow

MOST_ENTRIES = 8_000_000
"""Largest number of entries of the blocks that are eliminated together: 64 MB."""


class Direction(NamedTuple):
    """A change of an orbit.

    Attributes
    ----------
    states : array, shape (4 N + 1, n)
        At the nodes, in units of the scale.
    period : float
        In s.
    position : float
        Of the parameter, as a fraction of its range.
    """

    states: Array
    period: float
    position: float

    def times(self, factor: float) -> "Direction":
        """Return the direction times a number."""
        return Direction(factor * self.states, factor * self.period, factor * self.position)


class Condition(NamedTuple):
    """One linear condition on a change of an orbit.

    Attributes
    ----------
    states : array, shape (N, 5, n)
        Factors of the nodes of each interval; those of a shared node are added.
    period, position : float
        Factors of the period and the parameter.
    """

    states: Array
    period: float
    position: float

    def of(self, direction: Direction) -> float:
        """Return the value of the condition's left side."""
        nodes = direction.states[node_rows(len(self.states))]
        whole = float(np.sum(self.states * nodes))
        return whole + self.period * direction.period + self.position * direction.position


def node_rows(intervals: int) -> Array:
    """Return the indices of the nodes of each interval, shape (N, 5)."""
    return np.asarray(DEGREE * np.arange(intervals)[:, None] + np.arange(DEGREE + 1))


def integral(mesh: Array, states: Array) -> Array:
    """Return the factors w, (N, 5, n), with which sum(w y) is the mean of `states` · y over the period."""
    points = np.einsum("jk,ikn->ijn", VALUES, states[node_rows(len(mesh) - 1)])
    return np.asarray(np.einsum("i,j,jk,ijn->ikn", np.diff(mesh), WEIGHTS, VALUES, points))


def phase_integral(mesh: Array, states: Array) -> Array:
    """Return the factors w, (N, 5, n), with which sum(w y) is the integral of d`states`/dt · y over the period."""
    slopes = np.einsum("jk,ikn->ijn", SLOPES, states[node_rows(len(mesh) - 1)])
    return np.asarray(np.einsum("j,jk,ijn->ikn", WEIGHTS, VALUES, slopes))


class Condensed:
    """The linearised equations of one orbit, with inner nodes eliminated.

    Parameters
    ----------
    flow : Flow
        In units of the scale, with its parameter at the orbit's value.
    orbit : Orbit
    parameter : str
    span : float
        Range of the parameter in SI units, by which a change of the position is multiplied.

    Attributes
    ----------
    residual : array, shape (N,)
        Largest residual of the collocation equations in each interval.
    """

    def __init__(self, flow: Flow, orbit: Orbit, parameter: str, span: float) -> None:
        self.size, self.count = flow.size, len(orbit.mesh) - 1
        n, count = self.size, self.count
        self.inner = np.empty((count, DEGREE * n, n + 3))
        self.residual = np.empty(count)
        each = max(1, MOST_ENTRIES // (DEGREE * (DEGREE + 1) * n * n))
        for begin in range(0, count, each):
            part = slice(begin, min(begin + each, count))
            self._eliminate(part, flow, orbit, parameter, span)
        self.finite = bool(np.all(np.isfinite(self.inner)))

    def _eliminate(
        self, part: slice, flow: Flow, orbit: Orbit, parameter: str, span: float
    ) -> None:
        n, steps = self.size, np.diff(orbit.mesh)[part]
        nodes = orbit.states[node_rows(self.count)[part]]
        points = np.einsum("jk,ikn->ijn", VALUES, nodes)
        rates, jacobians, slopes = flow.at_states(points.reshape(-1, n), parameter)
        rates, slopes = rates.reshape(points.shape), slopes.reshape(points.shape)
        factor = steps * orbit.period
        residual = np.einsum("jk,ikn->ijn", SLOPES, nodes) - factor[:, None, None] * rates
        matrices = jacobians.reshape(*points.shape, n)
        blocks = -np.einsum("i,jk,ijab->ijakb", factor, VALUES, matrices)
        diagonal = np.arange(n)
        blocks[:, :, diagonal, :, diagonal] += SLOPES[None, None]
        rows = blocks.reshape(len(steps), DEGREE * n, (DEGREE + 1) * n)
        columns = [
            residual,
            -steps[:, None, None] * rates,
            -(span * factor)[:, None, None] * slopes,
        ]
        right = [-rows[:, :, :n], *(-c.reshape(len(steps), DEGREE * n, 1) for c in columns)]
        self.residual[part] = np.max(np.abs(residual), axis=(1, 2))
        try:
            self.inner[part] = np.linalg.solve(rows[:, :, n:], np.concatenate(right, axis=2))
        except np.linalg.LinAlgError:
            self.inner[part] = np.nan

    @property
    def transfer(self) -> Array:
        """The matrix of each interval that maps a change at its begin to that at its end, shape (N, n, n)."""
        return np.asarray(self.inner[:, -self.size :, : self.size])

    def along(self, start: Array) -> Array:
        """Return the solution of the linearised flow from a change at time 0, at all nodes, shape (4 N + 1, n)."""
        found = [start]
        for inner in self.inner[:, :, : self.size]:
            found.extend((inner @ found[-1]).reshape(DEGREE, self.size))
        return np.array(found)

    def factor(self, conditions: Sequence[Condition], gaps: Array) -> None:
        """Prepare `solve` with 2 + k conditions and directions of gaps, shape (n, k)."""
        n, count, unknowns = self.size, self.count, self.size * self.count
        total = unknowns + 2 + gaps.shape[1]
        place = np.arange(unknowns).reshape(count, n)
        following = np.roll(place, -1, axis=0)
        ends = self.inner[:, -n:, :]
        data = [-ends[:, :, :n].ravel(), np.ones(unknowns)]
        rows = [np.repeat(place.ravel(), n), place.ravel()]
        columns = [np.repeat(place, n, axis=0).reshape(-1), following.ravel()]
        for k in (1, 2):
            data.append(-ends[:, :, n + k].ravel())
            rows.append(place.ravel())
            columns.append(np.full(unknowns, unknowns + k - 1))
        for k, gap in enumerate(gaps.T):
            data.append(gap)
            rows.append(place[-1])
            columns.append(np.full(n, unknowns + 2 + k))
        self._offsets = np.zeros(len(conditions))
        for k, condition in enumerate(conditions):
            own, period, position, self._offsets[k] = self._condense(condition)
            data.append(np.append(own.ravel(), [period, position]))
            rows.append(np.full(unknowns + 2, unknowns + k))
            columns.append(np.arange(unknowns + 2))
        entries = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
        self._solver = splu(sp.coo_array(entries, shape=(total, total)).tocsc())

    def _condense(self, condition: Condition) -> tuple[Array, float, float, float]:
        """Return the factors of the ends, the period and the position, and the part of the residual."""
        n = self.size
        inner = condition.states[:, 1:].reshape(self.count, 1, DEGREE * n) @ self.inner
        own = condition.states[:, 0] + inner[:, 0, :n]
        rest = inner[:, 0, n:].sum(axis=0)
        period, position = condition.period + rest[1], condition.position + rest[2]
        return own, float(period), float(position), float(rest[0])

    def solve(self, right: Array, newton: bool) -> Direction:
        """Return the change with these values of the conditions.

        If `newton`, it also removes the residual of the equations; otherwise, it solves the homogeneous equations.
        """
        n, count = self.size, self.count
        share = 1.0 if newton else 0.0
        ends = share * self.inner[:, -n:, n].ravel()
        found = self._solver.solve(np.concatenate([ends, right - share * self._offsets]))
        starts = found[: n * count].reshape(count, n)
        period, position = float(found[n * count]), float(found[n * count + 1])
        known = np.concatenate([starts, np.tile([share, period, position], (count, 1))], axis=1)
        inner = np.einsum("iab,ib->ia", self.inner, known).reshape(count, DEGREE, n)
        states = np.concatenate([starts[:, None], inner[:, :-1]], axis=1).reshape(-1, n)
        return Direction(np.vstack([states, states[:1]]), period, position)
