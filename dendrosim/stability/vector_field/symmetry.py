"""Continuous symmetries of a circuit with plastic matrices: rotations of the units of a population.

A rotation R of a population's units takes its activities to R h, matrices onto it to R W and matrices from it to
W R^T. Where rotations of some populations, each by its own or together, commute with the flow, a fixed point is
one of a family, and its Jacobian has an eigenvalue of zero for each. Which ones do is read off the flow itself:
with g(x) the direction in which a rotation begins, J(x) g(x) = (dg/dx) f(x) must hold at any x.
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

_MOST = 2000  # rotations by a pair of units: 64 units have that many
_SPREADS = (0.3, 0.03, 0.003)
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Rotation:
    """The beginning of a rotation of two units of a population: `one` towards `other`."""

    population: str
    one: int
    other: int

    def direction(self, circuit: Circuit, shapes: Shapes, x: Array) -> Array:
        """Return the direction in which x begins to move; linear in x."""
        result, place = np.zeros_like(x), 0
        for name, (rows, columns) in shapes.items():
            part = slice(place, place + rows * columns)
            array, turned = x[part].reshape(rows, columns), result[part].reshape(rows, columns)
            place += rows * columns
            if is_variable(name):
                after, before = VariablePath.parse(name).population, None
            else:
                matrix = circuit.matrix(name)
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
    """Combinations of rotations that commute with the flow, one per row of `weights`."""

    rotations: tuple[Rotation, ...]
    weights: Array

    def directions(self, circuit: Circuit, shapes: Shapes, x: Array) -> Array:
        """Return an orthonormal basis, (n, k), of the directions in which they move x."""
        if not len(self.weights):
            return np.zeros((len(x), 0))
        moved = [r.direction(circuit, shapes, x) for r in self.rotations]
        u, s, _ = np.linalg.svd(np.array(moved).T @ self.weights.T, full_matrices=False)
        return u[:, s > _TOLERANCE * max(1.0, s.max(initial=0.0))]


def find_symmetries(flow: Flow, circuit: Circuit, shapes: Shapes) -> Symmetries:
    """Return the rotations that commute with a flow; none where no matrix is part of the state."""
    rotations = tuple(_candidate_rotations(circuit, shapes))
    if not 0 < len(rotations) <= _MOST:
        return Symmetries((), np.zeros((0, 0)))
    for spread in _SPREADS:
        try:
            defects = _commutation_defects(flow, circuit, shapes, rotations, spread)
        except DendrosimError:  # slaved states may have no fixed point so far away
            continue
        _, s, v = np.linalg.svd(defects, full_matrices=True)
        sizes = np.zeros(len(rotations))
        sizes[: len(s)] = s
        return Symmetries(rotations, v[sizes <= _TOLERANCE * max(1.0, sizes.max())])
    return Symmetries((), np.zeros((0, 0)))


def _candidate_rotations(circuit: Circuit, shapes: Shapes) -> Iterator[Rotation]:
    plastic = [circuit.matrix(name) for name in shapes if not is_variable(name)]
    joined = {m.post for m in plastic} | {m.pre for m in plastic}
    for population in circuit.populations:
        if population.name in joined:
            for one in range(population.size):
                for other in range(one + 1, population.size):
                    yield Rotation(population.name, one, other)


def _commutation_defects(
    flow: Flow, circuit: Circuit, shapes: Shapes, rotations: tuple[Rotation, ...], spread: float
) -> Array:
    """Return J g - (dg/dx) f of every rotation, (equations, rotations), relative to their size."""
    rng, parts = np.random.default_rng(0), []
    size = np.sqrt(np.mean(flow.start**2)) or 1.0
    for _ in range(2):
        x = flow.start + spread * size * rng.standard_normal(flow.size)
        rates, jacobian = flow.f(x), flow.jacobian(x)
        turned = np.array([r.direction(circuit, shapes, x) for r in rotations]).T
        led = np.array([r.direction(circuit, shapes, rates) for r in rotations]).T
        followed = jacobian @ turned
        parts.append((followed - led) / (np.linalg.norm(followed) + np.linalg.norm(led) or 1.0))
    return np.concatenate(parts)
