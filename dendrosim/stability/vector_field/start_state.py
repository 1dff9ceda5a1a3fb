"""Start state of a vector field: given weights and states; all others are drawn as in a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dendrosim.arrays import Array, NamedArrays
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import IN_REFRACTORY, LAST_SPIKE
from dendrosim.circuit.sparse_matrices import (
    MatrixConnections,
    draw_weights,
    read_weights,
)
from dendrosim.circuit.start_values import draw_start_value, invert_weights
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError
from dendrosim.stability.vector_field.number_arguments import read_numbers


def start_state(
    circuit: Circuit,
    values: Mapping[str, Any],
    samples: int,
    seed: int,
    unfrozen: tuple[str, ...],
    connections: Mapping[str, MatrixConnections],
) -> tuple[dict[str, Any], NamedArrays]:
    """Return the weights of frozen matrices, and the start value of every state by name.

    Parameters
    ----------
    circuit : Circuit
    values : mapping
        Weights by matrix, (post, pre), and start values by `population.state`, in SI units.
    samples : int
        Number of samples side by side.
    seed : int
        Seed of the streams from which the other weights and start values are drawn.
    unfrozen : tuple of str
        Matrices whose weights are part of the state.
    connections : mapping of str to MatrixConnections
        Connections of the sparse matrices. If frozen, these are SciPy sparse arrays; if not, (connections, 1).
    """
    states = [f"{p.name}.{s}" for p in circuit.populations for s in p.states]
    names = [*states, *(m.name for m in circuit.matrices)]
    # Results also hold states of refractory periods and rates of sources, which are not part of the state here.
    spiking = [p.name for p in circuit.populations if p.spiking]
    ignored = [f"{name}.{state}" for name in spiking for state in (LAST_SPIKE, IN_REFRACTORY)]
    ignored += circuit.rates
    for name in values:
        if name not in names and name not in ignored:
            raise UnknownMemberError("state or matrix", name, names)
    start = {
        n: _given_array(values, n, (_size(circuit, n), samples)) for n in states if n in values
    }
    start |= {
        n: draw_start_value(circuit, n, (_size(circuit, n), samples), seed)
        for n in states
        if n not in start
    }
    weights: NamedArrays = {}
    for matrix in circuit.matrices:
        if matrix.inverse_of is None:
            at = connections.get(matrix.name)
            weights[matrix.name] = _initial_weights(circuit, matrix, values, seed, at)
    for matrix in circuit.matrices:
        if matrix.inverse_of is not None:
            inverted = invert_weights(matrix, weights[matrix.inverse_of])
            if matrix.inverse_of not in unfrozen:
                weights[matrix.name] = inverted
    frozen: dict[str, Any] = {
        n: connections[n].sparse(w) if n in connections else w
        for n, w in weights.items()
        if n not in unfrozen
    }
    learned = {n: weights[n][:, None] if n in connections else weights[n] for n in unfrozen}
    return frozen, {**{n: start[n] for n in states}, **learned}


def _size(circuit: Circuit, path: str) -> int:
    return circuit.population(VariablePath.parse(path).owner).size


def _initial_weights(
    circuit: Circuit,
    matrix: Matrix,
    values: Mapping[str, Any],
    seed: int,
    connections: MatrixConnections | None,
) -> Array:
    shape = circuit.shape(matrix)
    if connections is not None:
        if matrix.name not in values:
            return draw_weights(circuit, matrix, seed)
        weights = read_weights(f"values: {matrix.name}", values[matrix.name], connections)
        return _given_array({matrix.name: weights}, matrix.name, (connections.count,))
    if matrix.name in values:
        return _given_array(values, matrix.name, shape)
    initial = matrix.initial
    if isinstance(initial, Computed) and values:
        of = [circuit.matrix(n) for n in initial.matrices]
        return initial.compute_from([_initial_weights(circuit, m, values, seed, None) for m in of])
    return draw_start_value(circuit, matrix.name, shape, seed)


def _given_array(values: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Array:
    """Return a given value as an array of `shape`; a state may have one number per unit for all samples."""
    array = read_numbers(f"values: {name}", values[name])
    variable = is_variable(name)
    if variable and array.shape == shape[:1]:
        array = array[:, None]
    if array.ndim and array.shape != shape and not (variable and array.shape == (shape[0], 1)):
        raise ShapeError(f"values: {name} has shape {array.shape}; it must be {shape}")
    if not np.all(np.isfinite(array)):
        raise ParameterError(f"values: {name} must be finite")
    return np.broadcast_to(array, shape).copy()
