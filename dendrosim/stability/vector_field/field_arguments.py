"""Arguments of `vector_field` as checked numbers: inputs, parameters and gates, and name patterns."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dendrosim.arrays import NamedArrays
from dendrosim.checks import as_whole_number
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.population import LAST_SPIKE, UNIT, Population
from dendrosim.circuit.start_values import LONG_AGO
from dendrosim.errors import (
    MemoryLimitError,
    ParameterError,
    ShapeError,
    UnitError,
    UnknownMemberError,
    prefix_errors,
)
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.protocol.protocol import Protocol
from dendrosim.stability.vector_field.compiled_equations import TIME_SYMBOL
from dendrosim.stability.vector_field.number_arguments import read_number
from dendrosim.units import Quantity, be_in, is_in, quantity, unit, unit_name

TIME_STEP = 1e-4
"""Value of `dt` in equations, in seconds. Equations use it only to count the steps since the last spike, which was
long ago, so any value will do."""


def check_mappings(**arguments: Any) -> None:
    """Raise ParameterError if an argument is neither a mapping nor None."""
    for name, given in arguments.items():
        if not isinstance(given, Mapping | None):
            raise ParameterError(
                f"{name} is a {type(given).__name__}; it must be a mapping by name"
            )


def circuit_of(circuit: Circuit | Protocol, phase: str | None, trial: int) -> Circuit:
    """Return the circuit that is to be analysed; raises ParameterError if `circuit` is neither of its two types.

    `phase` and `trial` choose a part of a protocol and are refused for a circuit.
    """
    base = circuit.circuit if isinstance(circuit, Protocol) else circuit
    if not isinstance(base, Circuit):
        raise ParameterError(
            f"circuit is a {type(base).__name__}; it must be a Circuit or a Protocol, as ds.load_circuit and "
            "ds.load_protocol return them"
        )
    if phase is not None and base is circuit:
        raise ParameterError(f"phase is {phase!r}, but only a protocol has phases; give a protocol")
    if trial != 0 and base is circuit:
        raise ParameterError(f"trial is {trial!r}, but only a protocol has trials; give a protocol")
    as_whole_number("trial", trial, None)
    return base


def read_inputs(circuit: Circuit, given: Mapping[str, Any]) -> NamedArrays:
    """Return inputs as arrays in SI units, (units, 1) or (units, samples), by `population.variable`."""
    found = {}
    known = [path for path in circuit.inputs if path not in circuit.rates]
    for path, value in given.items():
        if path not in known:
            raise UnknownMemberError("input", str(path), known)
        population, declared = circuit.variable(path)
        with prefix_errors(f"input {path}"):
            number = quantity(value)
        if number.dimension != unit(declared.unit)[0] and np.any(number.value):
            raise UnitError(
                f"input {path} {is_in(number.unit)}; it must {be_in(unit_name(unit(declared.unit)[0]))}"
            )
        array = np.asarray(number.value)
        if array.ndim > 2 or (array.ndim and array.shape[0] != population.size) or not array.size:
            raise ShapeError(
                f"input {path} has shape {array.shape}; give one number, {population.size} of them, or an "
                f"array of {population.size} units x samples"
            )
        if not np.all(np.isfinite(array)):
            raise ParameterError(f"input {path} must be finite")
        found[path] = (
            np.broadcast_to(array, (population.size,))[:, None] if array.ndim < 2 else array
        )
    return found


def count_samples(inputs: NamedArrays) -> int:
    """Return the number of samples of the inputs, 1 if each has one; raises ShapeError if they differ."""
    counts = {path: a.shape[1] for path, a in inputs.items() if a.shape[1] > 1}
    if len(set(counts.values())) > 1:
        sizes = ", ".join(f"{path} {count}" for path, count in counts.items())
        raise ShapeError(f"inputs differ in the number of samples: {sizes}; give all the same")
    return max(counts.values(), default=1)


def complete_inputs(circuit: Circuit, given: NamedArrays, samples: int) -> NamedArrays:
    """Return every input, declared parameter and index of the populations, each (units, samples).

    Inputs that are not given have their default, or 0.
    """
    completed = {}
    for population in circuit.populations:
        for name, declared in population.variables.items():
            path = f"{population.name}.{name}"
            value: Any = None
            if name in population.inputs:
                default = population.inputs[name]
                value = given.get(path, 0.0 if default is None else default.value)
            elif declared.kind == "parameter" and name in population.parameters:
                value = population.parameters[name].value
            if value is None:
                continue
            column = value if np.ndim(value) == 2 else np.reshape(value, (-1, 1))
            completed[path] = np.broadcast_to(column, (population.size, samples)).astype(float)
        if population.uses_index:
            index = np.arange(float(population.size))[:, None]
            completed[f"{population.name}.{UNIT}"] = np.broadcast_to(
                index, (population.size, samples)
            )
    return completed


def read_parameters(
    circuit: Circuit, parameters: Mapping[str, Any], gates: Mapping[str, float], time: float
) -> dict[str, Any]:
    """Return the SI numbers of all parameters and gates by name; given values replace those of the circuit.

    `time` in seconds is the value of `t` in equations.
    """
    known: dict[str, Quantity] = dict(circuit.parameters)
    owners: tuple[Population | Matrix, ...] = (*circuit.populations, *circuit.matrices)
    for owner in owners:
        known |= {f"{owner.name}.{n}": q for n, q in owner.parameters.items()}
    shared = {name: q.value for name, q in known.items()}
    for name, value in parameters.items():
        if name not in known:
            raise UnknownMemberError("parameter of the circuit", str(name), known)
        shared[name] = _read_parameter(name, value, known[name])
    for gate, opened in gates.items():
        if gate not in circuit.gates:
            raise UnknownMemberError("gate", str(gate), circuit.gates)
        shared[gate] = read_number(f"gate {gate!r}", opened)
    shared |= {gate: float(v) for gate, v in circuit.gates.items() if gate not in gates}
    return {**shared, TIME_SYMBOL: time, "dt": TIME_STEP, LAST_SPIKE: LONG_AGO}


def _read_parameter(name: str, value: Any, present: Quantity) -> Any:
    """Return the SI number or array of a value that replaces `present`."""
    with prefix_errors(f"parameter {name!r}"):
        number = quantity(value)
    if number.dimension != present.dimension:
        raise UnitError(f"parameter {name!r} {is_in(number.unit)}; it must {be_in(present.unit)}")
    shape = np.shape(present.value)
    if np.shape(number.value) not in ((), shape):
        allowed = f"one number or {shape[0]}" if shape else "one number"
        raise ShapeError(f"parameter {name!r} has shape {np.shape(number.value)}; give {allowed}")
    if not np.all(np.isfinite(number.value)):
        raise ParameterError(f"parameter {name!r} must be finite")
    return number.value


def match_plastic_matrices(circuit: Circuit, patterns: str | Iterable[str]) -> tuple[str, ...]:
    """Return the plastic matrices whose names match a pattern, in the circuit's order."""
    plastic = [m.name for m in circuit.matrices if m.plasticity]
    chosen = match_names("plastic matrix", patterns, plastic)
    return tuple(name for name in plastic if name in chosen)


def match_names(noun: str, patterns: str | Iterable[str], names: list[str]) -> set[str]:
    """Return the names that match one of the patterns.

    Raises UnknownMemberError for a pattern that matches none; `noun` says in messages what the names stand for.
    """
    texts = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(texts, Iterable) or not all(isinstance(p, str) for p in texts):
        raise ParameterError(
            f"the pattern of a {noun} is {patterns!r}; it must be text, or a list of texts"
        )
    texts = list(texts)
    for pattern in texts:
        if not any(fnmatchcase(n, pattern) for n in names):
            raise UnknownMemberError(noun, pattern, names)
    return {n for n in names for pattern in texts if fnmatchcase(n, pattern)}


def check_memory(circuit: Circuit, unfrozen: tuple[str, ...], samples: int) -> None:
    """Raise MemoryLimitError if the Jacobian of unfrozen matrices does not fit into memory.

    The Jacobian of activities alone is sparse and is not checked.
    """
    if not unfrozen:
        return
    counts = [round(circuit.expected_weights(circuit.matrix(n))) for n in unfrozen]
    weights = sum(counts)
    # 8 bytes per number; a block of weights by activities takes about six arrays of this size while it is built.
    needed = 8.0 * max(weights**2, *(6 * count * samples for count in counts))
    free = available_memory()
    if needed > free:
        raise MemoryLimitError(
            f"unfrozen: {', '.join(unfrozen)} have {weights} weights, whose Jacobian needs about "
            f"{format_bytes(needed)}, but only {format_bytes(free)} of memory are free; unfreeze fewer matrices, "
            "or analyse a smaller circuit"
        )
