"""Continuous symmetries of a circuit with plastic matrices: rotations of the units of a population.

A rotation R of a population's units takes its activities h to R h, matrices onto it from W to R W, and matrices
from it from W to W R^T. If a rotation of some populations commutes with the flow, a fixed point is one of a
family, and its Jacobian has an eigenvalue of zero. The rotations that commute are found numerically: with g(x)
the direction in which a rotation moves x, J(x) g(x) = (dg/dx) f(x) holds at every x if it commutes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.errors import DendrosimError
from dendrosim.stability.vector_field.flow import Flow

Shapes = Mapping[str, tuple[int, int]]

_MOST = 2000
"""Number of pairs of units up to which symmetries are searched for (about 64 units in one population): the cost of
the singular value decomposition grows with the square of this number."""

_SPREADS = (0.3, 0.03, 0.003)
"""Distances from the start, relative to its size, at which rotations may be tested. The first at which slaved
states have a fixed point is used."""

_TOLERANCE = 1e-9
"""Defect J g - (dg/dx) f, relative to the largest, up to which a rotation counts as commuting: rounding leaves
about 1e-16, and rotations of BMVR and target propagation that do not commute leave more than 1e-2."""


@dataclass(frozen=True)
class Rotation:
    """An infinitesimal rotation of two units of a population: unit `one` towards unit `other`."""

    population: str
    one: int
    other: int

    def direction(self, circuit: Circuit, shapes: Shapes, x: Array) -> Array:
        """Return the direction, shape (n,), in which the rotation moves `x`; it is linear in `x`."""
        result, place = np.zeros_like(x), 0
        for name, (rows, columns) in shapes.items():
            part = slice(place, place + rows * columns)
            array, turned = x[part].reshape(rows, columns), result[part].reshape(rows, columns)
            place += rows * columns
            if is_variable(name):
                after, before = VariablePath.parse(name).owner, None
            else:
                matrix = circuit.matrix(name)
                if matrix.connect is not None:
                    continue  # no candidate rotates its populations
                after, before = matrix.post, matrix.pre
            if after == self.population:
                turned[self.one] -= array[self.other]
                turned[self.other] += array[self.one]
            if before == self.population:
                turned[:, self.one] -= array[:, self.other]
                turned[:, self.other] += array[:, self.one]
        return result


@dataclass(frozen=True)
class Symmetries:
    """Combinations of rotations that commute with a flow; each row of `weights` is one of them."""

    rotations: tuple[Rotation, ...]
    weights: Array

    def directions(self, circuit: Circuit, shapes: Shapes, x: Array) -> Array:
        """Return an orthonormal basis, shape (n, k), of the directions in which the symmetries move `x`."""
        if not len(self.weights):
            return np.zeros((len(x), 0))
        moved = [r.direction(circuit, shapes, x) for r in self.rotations]
        u, s, _ = np.linalg.svd(np.array(moved).T @ self.weights.T, full_matrices=False)
        return u[:, s > _TOLERANCE * max(1.0, s.max(initial=0.0))]


def find_symmetries(flow: Flow, circuit: Circuit, shapes: Shapes) -> Symmetries:
    """Return the rotations that commute with a flow; none if no matrix is part of the state."""
    rotations = tuple(_candidate_rotations(circuit, shapes))
    if not 0 < len(rotations) <= _MOST:
        return Symmetries((), np.zeros((0, 0)))
    for spread in _SPREADS:
        try:
            defects = _commutation_defects(flow, circuit, shapes, rotations, spread)
        except DendrosimError:  # slaved states may have no fixed point at this distance
            continue
        _, s, v = np.linalg.svd(defects, full_matrices=True)
        sizes = np.zeros(len(rotations))
        sizes[: len(s)] = s
        return Symmetries(rotations, v[sizes <= _TOLERANCE * max(1.0, sizes.max())])
    return Symmetries((), np.zeros((0, 0)))


def _candidate_rotations(circuit: Circuit, shapes: Shapes) -> Iterator[Rotation]:
    plastic = [circuit.matrix(name) for name in shapes if not is_variable(name)]
    joined = {m.post for m in plastic} | {m.pre for m in plastic}
    # Weights that a rotation moves to unconnected pairs of units do not exist.
    for matrix in plastic:
        if matrix.connect is not None:
            joined -= {matrix.post, matrix.pre}
    for population in circuit.populations:
        if population.name in joined:
            for one in range(population.size):
                for other in range(one + 1, population.size):
                    yield Rotation(population.name, one, other)


def _commutation_defects(
    flow: Flow, circuit: Circuit, shapes: Shapes, rotations: tuple[Rotation, ...], spread: float
) -> Array:
    """Return J g - (dg/dx) f of every rotation, (equations, rotations), relative to the size of both terms."""
    rng, parts = np.random.default_rng(0), []
    size = np.sqrt(np.mean(flow.start**2)) or 1.0
    # Two random states, so that no rotation passes by chance; and more if the flow has so few states that a
    # combination of rotations could pass, as with a single unit that learns.
    for _ in range(2 + 2 * len(rotations) // flow.size):
        x = flow.start + spread * size * rng.standard_normal(flow.size)
        rates, jacobian = flow.f(x), flow.jacobian(x)
        turned = np.array([r.direction(circuit, shapes, x) for r in rotations]).T
        led = np.array([r.direction(circuit, shapes, rates) for r in rotations]).T
        followed = jacobian @ turned
        parts.append((followed - led) / (np.linalg.norm(followed) + np.linalg.norm(led) or 1.0))
    return np.concatenate(parts)
