"""The initial values of all arrays, which a program reads, and the complete final state, which it writes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import Owner
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.pathway import WEIGHT as SYNAPSE_WEIGHT
from dendrosim.circuit.population import IN_REFRACTORY, LAST_SPIKE, UNIT, Population
from dendrosim.circuit.sparse_matrices import (
    MatrixConnections,
    draw_connections,
    draw_weights,
)
from dendrosim.circuit.start_values import draw_start_value, invert_weights
from dendrosim.engine.plan.signal_slots import ELEMENT, elements, find_slots
from dendrosim.engine.plan.spike_texts import UNITS, hidden_numbers
from dendrosim.engine.plan.timeline import CIRCUIT, Timeline
from dendrosim.errors import ShapeError
from dendrosim.protocol.protocol import Protocol

WEIGHT = "ds_weight"
HELD = "ds_held"
"""Name of the variable of a program that is 1 while a unit is refractory, if a condition ends this time."""
LOW, HIGH = "ds_low", "ds_high"
"""Names of the limits of a bounded matrix."""
OWN = "ds_own_"
"""Prefix of names that belong to a synapse in a program; it distinguishes them from variables of populations."""


UPDATE = "ds_lastupdate"
"""Name of the time of the last update of each synapse, as of a variable that the synapse has for itself."""
LAST = "ds_last_"
"""Prefix of the names of the last times at which the units of either end of a pathway had an effect."""
CURRENT = "ds_current_"
"""Prefix of the present values of event-driven states of synapses."""
NOW = "ds_now_"
"""Prefix of the present values of traces of units."""
VALUE = "ds_value_"
"""Prefix of the values of subexpressions of populations."""


def state_keys(circuit: Circuit) -> dict[str, str]:
    """Return, for the name of every state, the key of its array in a program.

    The key of a state `population.state` is this name; the key of a matrix is the name of its weights. If a
    population has a refractory period, the times of its last spikes are a state as well, `population.lastspike`,
    and whether its units are refractory, `population.refractory`, if a condition ends this period.
    They are in seconds and never positive: in a start state they are relative to the beginning of the run, in a
    final state to the end of the run.
    """
    names = {IN_REFRACTORY: HELD}
    states = {
        f"{p.name}.{s}": f"{p.name}.{names.get(s, s)}"
        for p in circuit.all_populations
        for s in states_of(p)
    }
    return {**states, **{m.name: _key(m) for m in circuit.matrices if m.inverse_of is None}}


def final_keys(circuit: Circuit) -> dict[str, str]:
    """Return the keys of all arrays that are kept at the end.

    These are states, rates of sources, inverses of matrices, and variables of synapses.
    """
    inverses = {m.name: _key(m) for m in circuit.matrices if m.inverse_of is not None}
    rates = {path: path for path in circuit.rates}
    return {**state_keys(circuit), **rates, **inverses, **synapse_keys(circuit)}


def synapse_keys(circuit: Circuit) -> dict[str, str]:
    """Return, for every variable `pathway.variable` of synapses, the key of the array of its present values.

    The array `OWN` of an event-driven state has the value at the last spike; that of `CURRENT` is computed when it
    is recorded, and at the end.
    """
    return {
        f"{p.name}.{variable}": f"{p.name}.{CURRENT if variable in p.event_driven else OWN}{variable}"
        for p in circuit.pathways
        for variable in p.synaptic_units
    }


def recorded_key(circuit: Circuit, name: str) -> str:
    """Return the key of the array that a recording of a variable or matrix keeps."""
    if not is_variable(name):
        return f"{name}.{WEIGHT}"
    return synapse_keys(circuit).get(name, name)


def _key(matrix: Matrix) -> str:
    return f"{matrix.name}.{WEIGHT}"


def states_of(population: Population) -> tuple[str, ...]:
    """Return the names of a population's states, with `lastspike` and `refractory` if they are used."""
    last = (LAST_SPIKE,) if population.refractory_text is not None else ()
    held = (IN_REFRACTORY,) if population.has_refractory_condition else ()
    return population.states + last + held


def state_shape(
    protocol: Protocol, name: str, connections: Mapping[str, MatrixConnections]
) -> tuple[int, ...]:
    """Return the shape of a state, (units, samples), or of a matrix.

    That is (post, pre), or (connections,) if the matrix is one of the sparse matrices in `connections`.
    """
    circuit = protocol.circuit
    if name in connections:
        return (connections[name].count,)
    if is_variable(name):
        return circuit.population(VariablePath.parse(name).owner).size, protocol.batch
    return circuit.shape(circuit.matrix(name))


def sparse_connections(protocol: Protocol, seed: int) -> dict[str, MatrixConnections]:
    """Return the connections of every sparse matrix by name, drawn from the seed."""
    circuit = protocol.circuit
    return {
        m.name: draw_connections(circuit, m, seed)
        for m in circuit.matrices
        if m.connect is not None
    }


def initial_state(
    protocol: Protocol,
    seed: int,
    connections: Mapping[str, MatrixConnections] | None = None,
    given: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the state from which a run starts, by the names of `state_keys`.

    Parameters
    ----------
    connections : mapping
        Connections of the sparse matrices (default: drawn from the seed).
    given : mapping, optional
        Final state of another run. If that run had another batch, states of populations are drawn anew.

    Raises
    ------
    ShapeError
        If a given array has the wrong shape.
    """
    if connections is None:
        connections = sparse_connections(protocol, seed)
    result = {}
    for name in state_keys(protocol.circuit):
        shape = state_shape(protocol, name, connections)
        if given is not None and name in given:
            array = np.asarray(given[name])
            if is_variable(name) and array.ndim == 1:
                array = array[:, None]
            other_batch = array.ndim == 2 and array.shape[1] != shape[1]
            if is_variable(name) and other_batch and array.shape[0] == shape[0]:
                # populations start from initial values if the other run had another batch
                array = _draw(protocol, name, shape, seed)
            if array.shape != shape:
                raise ShapeError(
                    f"initial state of {name} has shape {array.shape}, this protocol needs {shape}"
                )
            if not is_variable(name):
                protocol.circuit.matrix(name).check_weights(f"initial state of {name}", array)
            result[name] = array
        else:
            result[name] = _draw(protocol, name, shape, seed)
    return result


def _draw(protocol: Protocol, name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    if len(shape) == 1:
        return draw_weights(protocol.circuit, protocol.circuit.matrix(name), seed)
    return draw_start_value(protocol.circuit, name, (shape[0], shape[1]), seed)


def parameter_values(circuit: Circuit, batch: int) -> dict[str, NDArray[np.float64]]:
    """Return, for the key of every parameter and gate in a program, its values as a flat array."""
    values = {f"{CIRCUIT}.{k}": np.array([v.value]) for k, v in circuit.parameters.items()}
    values |= {f"{CIRCUIT}.{k}": np.array([v]) for k, v in circuit.gates.items()}
    for name, hidden in hidden_numbers(circuit).items():
        size = circuit.population(name).size
        numbers = {UNIT: np.repeat(np.arange(float(size)), batch), UNITS: np.array([float(size)])}
        values |= {f"{name}.{n}": numbers[n] for n in hidden}
    owners: tuple[Owner, ...] = (*circuit.all_populations, *circuit.matrices)
    for owner in owners:
        for name, value in owner.parameters.items():
            flat = np.atleast_1d(np.asarray(value.value, dtype=float))
            declared = isinstance(owner, Population) and name in owner.variables
            if isinstance(owner, Population) and (declared or not value.scalar):
                flat = np.repeat(np.broadcast_to(flat, (owner.size,)), batch)
            values[f"{owner.name}.{name}"] = flat
    for matrix in circuit.matrices:
        if matrix.bounded and matrix.plasticity:
            for key, limit in zip((LOW, HIGH), matrix.limits, strict=True):
                values[f"{matrix.name}.{key}"] = np.array([limit])
    for pathway in circuit.pathways:
        shared = {n: float(v.value) for n, v in pathway.parameters.items()}
        if isinstance(pathway.weight, Fixed) and not pathway.has_own_weights:
            shared[SYNAPSE_WEIGHT] = float(pathway.weight.value.value)
        values |= {f"{pathway.name}.{OWN}{n}": np.array([v]) for n, v in shared.items()}
    return values


def all_values(
    protocol: Protocol,
    line: Timeline,
    state: Mapping[str, NDArray[Any]],
    ones: list[str],
    carried: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Return, by key and as flat arrays, the start values of all arrays that do not start at zero.

    `carried` has those that are taken over from a run whose clock is continued.
    """
    keys = state_keys(protocol.circuit)
    values: dict[str, NDArray[Any]] = {keys[n]: np.ravel(a) for n, a in state.items()}
    values |= parameter_values(protocol.circuit, protocol.batch)
    for matrix in protocol.circuit.matrices:
        if matrix.inverse_of is not None:
            values[_key(matrix)] = invert_weights(matrix, state[matrix.inverse_of]).ravel()
    for path in protocol.circuit.inputs:
        population = VariablePath.parse(path).owner
        for slot in find_slots(protocol, path):
            if slot.random:
                idle = slot.idle.items()
                values |= {f"{population}.{name}": np.array([value]) for name, value in idle}
    for fills in line.fills:
        for fill in fills:  # fields of signals that no phase has used yet still need finite values
            if fill.key not in values and not fill.samples and not fill.tables:
                repeat = protocol.batch if fill.constant.size > 1 else 1
                values[fill.key] = np.repeat(fill.constant, repeat)
    values |= {key: np.ones(1) for key in ones}
    populations = {p.name: p.size for p in protocol.circuit.all_populations}
    for noise in line.noises:
        if noise.start is not None:
            values[f"{noise.group}.{noise.state}"] = noise.start.ravel()
        if protocol.batch > 1 and noise.group in populations:
            values[f"{noise.group}.{ELEMENT}"] = elements(populations[noise.group], protocol.batch)
    return {**values, **carried}
