"""Initial numbers of every array, and the complete final state: what goes into and comes out of a program."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit import Circuit, Matrix, Population
from dendrosim.engine.timeline import CIRCUIT, Timeline
from dendrosim.errors import ShapeError
from dendrosim.initial import Fixed, Normal, Uniform, stream
from dendrosim.protocol import Protocol

WEIGHT = "ds_weight"


def state_keys(circuit: Circuit) -> dict[str, str]:
    """Return the program's key of every state: `population.state` as it is, a matrix as its weight."""
    states = {f"{p.name}.{s}": f"{p.name}.{s}" for p in circuit.populations for s in p.states}
    return {**states, **{m.name: f"{m.name}.{WEIGHT}" for m in circuit.matrices}}


def state_shape(protocol: Protocol, name: str) -> tuple[int, int]:
    """Return (units, samples) of a state, (post, pre) of a matrix."""
    circuit = protocol.circuit
    if "." in name:
        return circuit.population(name.split(".")[0]).size, protocol.batch
    return circuit.shape(circuit.matrix(name))


def initial_state(
    protocol: Protocol, seed: int, given: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the state a run starts from, by the names of `state_keys`.

    Parameters
    ----------
    given : mapping, optional
        Final state of another run. States of populations from a run with another batch are drawn
        anew.

    Raises
    ------
    ShapeError
        If a given array does not fit.
    """
    result = {}
    for name in state_keys(protocol.circuit):
        shape = state_shape(protocol, name)
        if given is not None and name in given:
            array = np.asarray(given[name])
            if "." in name and array.ndim == 1:
                array = array[:, None]
            if "." in name and array.ndim == 2 and array.shape[1] != shape[1]:
                # another batch: activities start anew
                array = drawn(protocol.circuit, name, shape, seed)
            if array.shape != shape:
                raise ShapeError(
                    f"initial state of {name} has shape {array.shape}, this protocol needs {shape}"
                )
            result[name] = array
        else:
            result[name] = drawn(protocol.circuit, name, shape, seed)
    return result


def drawn(circuit: Circuit, name: str, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Return the specified initial value of a state, drawn from the stream `initial.<name>`.

    A population's draw is one number per unit and sample; a given array has one per unit.
    """
    rng = stream(seed, f"initial.{name}")
    if "." not in name:
        return circuit.matrix(name).initial.sample(shape, rng)
    population, _, variable = name.partition(".")
    start = circuit.population(population).initial.get(variable, Fixed(0.0))
    if isinstance(start, Normal | Uniform):
        return start.sample(shape, rng)
    return np.repeat(start.sample(shape[:1], rng)[:, None], shape[1], axis=1)


def parameter_values(circuit: Circuit, batch: int) -> dict[str, NDArray[np.float64]]:
    """Return the flat value of every parameter and gate array by program key."""
    values = {f"{CIRCUIT}.{k}": np.array([v.value]) for k, v in circuit.parameters.items()}
    values |= {f"{CIRCUIT}.{k}": np.array([v]) for k, v in circuit.gates.items()}
    owners: tuple[Population | Matrix, ...] = (*circuit.populations, *circuit.matrices)
    for owner in owners:
        for name, value in owner.parameters.items():
            flat = np.atleast_1d(np.asarray(value.value, dtype=float))
            declared = isinstance(owner, Population) and name in owner.variables
            if isinstance(owner, Population) and (declared or not value.scalar):
                flat = np.repeat(np.broadcast_to(flat, (owner.size,)), batch)
            values[f"{owner.name}.{name}"] = flat
    return values


def all_values(
    protocol: Protocol, line: Timeline, state: Mapping[str, NDArray[Any]], ones: list[str]
) -> dict[str, NDArray[Any]]:
    """Return the flat start value of every program array that does not start at zero."""
    keys = state_keys(protocol.circuit)
    values: dict[str, NDArray[Any]] = {keys[n]: np.ravel(a) for n, a in state.items()}
    values |= parameter_values(protocol.circuit, protocol.batch)
    for fills in line.fills:
        for fill in fills:  # fields of signals that no phase has used yet still need finite values
            if fill.key not in values and not fill.samples and not fill.tables:
                repeat = protocol.batch if fill.constant.size > 1 else 1
                values[fill.key] = np.repeat(fill.constant, repeat)
    values |= {key: np.ones(1) for key in ones}
    return values
