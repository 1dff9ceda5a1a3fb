"""From a circuit, or a phase of a protocol, to its vector field."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dendrosim.arrays import Array, NamedArrays
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.derived import Derived
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import LAST_SPIKE, Population
from dendrosim.circuit.start_values import LONG_AGO, drawn, inverse
from dendrosim.errors import (
    MemoryLimitError,
    ParameterError,
    ShapeError,
    UnitError,
    UnknownMemberError,
    located,
)
from dendrosim.machine import brian_import as brian
from dendrosim.machine.memory import available, readable
from dendrosim.protocol.protocol import Protocol
from dendrosim.stability.vector_field.circuit_field import Field
from dendrosim.stability.vector_field.compiled_equations import TIME, Formula, System, check_smooth
from dendrosim.stability.vector_field.evaluation import Numbers
from dendrosim.stability.vector_field.flow import Flow, number_of, numbers_of
from dendrosim.stability.vector_field.phase_setting import setting
from dendrosim.stability.vector_field.slaving import Slaved
from dendrosim.units import Quantity, as_time, as_whole_number, quantity, unit, unit_name


def vector_field(
    circuit: Circuit | Protocol,
    *,
    inputs: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    gates: Mapping[str, float] | None = None,
    unfrozen: str | Iterable[str] = (),
    slaved: str | Iterable[str] = (),
    seed: int = 0,
    subthreshold: bool = False,
    phase: str | None = None,
    trial: int = 0,
    time: Any = None,
) -> Flow:
    """Return the vector field of a circuit, with exact derivatives.

    Parameters
    ----------
    circuit : Circuit or Protocol
        Of a protocol a trial of a phase is taken: its inputs, gates and samples.
    inputs : mapping, optional
        `population.variable` to a quantity, one per unit, or one per unit and sample (units, samples); an input
        that neither this nor a phase drives has its default, or 0.
    values : mapping, optional
        Weights by matrix, (post, pre), and start values by state, SI numbers; `result.final` will do. The rest
        is drawn from the named streams of `seed`, as in a run.
    parameters : mapping, optional
        Circuit parameters to change; `matrix.name` or `population.name` for one of a member's own.
    gates : mapping, optional
        Gates to change.
    unfrozen : str or iterable of str
        Patterns of the plastic matrices whose weights are part of the state; all others are held.
    slaved : str or iterable of str
        Patterns of the states that are replaced by their own fixed point.
    seed : int
        Of the weights and start values that are not given.
    subthreshold : bool
        Whether to leave out thresholds, resets, refractory periods, pathways and noise.
    phase : str, optional
        `phase` or `block/phase` of a protocol, by default the first.
    trial : int
        Trial of the phase's block, whose samples are shown; -1 is the last.
    time : time, optional
        A moment of the phase, for inputs and equations that change in time.

    Returns
    -------
    Flow
        With `f(x)`, `jacobian(x)`, `parameter_derivative(x, name)`, `at(name, value)`, `labels`, `units`,
        `start`, `parameters`, `pack` and `unpack`.

    Raises
    ------
    DifferentiationError
        For spikes and noise (unless `subthreshold`), and functions without derivative.
    ParameterError
        For what changes in time when no time is chosen, a matrix without inverse, and a circuit without states.
    UnknownMemberError, ShapeError, UnitError
        For names, shapes and units that do not fit.
    MemoryLimitError
        If the Jacobian of unfrozen matrices would not fit into memory; with an estimate.
    """
    brian.load()
    moment = None if time is None else float(as_time("time", time, or_zero=True).value)
    for name, given in (
        ("inputs", inputs),
        ("values", values),
        ("parameters", parameters),
        ("gates", gates),
    ):
        if not isinstance(given, Mapping | None):
            raise ParameterError(
                f"{name} is a {type(given).__name__}; it must be a mapping by name"
            )
    as_whole_number("seed", seed, 0)
    protocol = circuit if isinstance(circuit, Protocol) else None
    base = circuit.circuit if isinstance(circuit, Protocol) else circuit
    if not isinstance(base, Circuit):
        raise ParameterError(
            f"circuit is a {type(base).__name__}; it must be a Circuit or a Protocol, as ds.load_circuit and "
            "ds.load_protocol return them"
        )
    if phase is not None and protocol is None:
        raise ParameterError(f"phase is {phase!r}, but only a protocol has phases; give a protocol")
    if trial != 0 and protocol is None:
        raise ParameterError(f"trial is {trial!r}, but only a protocol has trials; give a protocol")
    as_whole_number("trial", trial, None)
    check_smooth(base, subthreshold)
    driven: NamedArrays = {}
    opened: dict[str, float] = {}
    if protocol is not None:
        driven, opened = setting(protocol, phase, moment, seed, subthreshold, trial)
    driven = {**driven, **_inputs(base, inputs or {})}
    samples = _samples(driven)
    chosen = _unfrozen(base, unfrozen)
    _check_memory(base, chosen, samples)
    system = System(base, chosen)
    _check_time(system, moment)
    weights, start = _start(base, values or {}, samples, seed, chosen)
    if not start:
        raise ParameterError(
            "circuit: no population has a differential equation, so there is no state to analyse; write one, such "
            "as 'dx/dt = ...', or unfreeze plastic matrices (--unfreeze)"
        )
    numbers = Numbers(
        _shared(base, parameters or {}, {**opened, **(gates or {})}, moment or 0.0),
        _drives(base, driven, samples),
        weights,
    )
    field = Field(system, numbers, samples, start, _thresholds(system, subthreshold))
    if slaved == () or slaved == []:
        return field
    fast = _matching("state", slaved, list(field.shapes))
    if fast == set(field.shapes):
        raise ParameterError(
            f"slaved is {slaved!r}, which is every state; leave out those that are to be analysed, or unfreeze "
            "matrices"
        )
    return Slaved(field, fast)


def _inputs(circuit: Circuit, given: Mapping[str, Any]) -> NamedArrays:
    found = {}
    for path, value in given.items():
        if path not in circuit.inputs:
            raise UnknownMemberError("input", str(path), circuit.inputs)
        population, declared = circuit.variable(path)
        with located(f"input {path}"):
            number = quantity(value)
        if number.dimension != unit(declared.unit)[0] and np.any(number.value):
            raise UnitError(
                f"input {path} is in {number.unit}; it must be in {unit_name(unit(declared.unit)[0])}"
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


def _samples(driven: NamedArrays) -> int:
    counts = {path: a.shape[1] for path, a in driven.items() if a.shape[1] > 1}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{path} {count}" for path, count in counts.items())
        raise ShapeError(f"inputs differ in the number of samples: {listed}; give all the same")
    return max(counts.values(), default=1)


def _drives(circuit: Circuit, driven: NamedArrays, samples: int) -> NamedArrays:
    drives = {}
    for population in circuit.populations:
        for name, declared in population.variables.items():
            path = f"{population.name}.{name}"
            value: Any = None
            if name in population.inputs:
                default = population.inputs[name]
                value = driven.get(path, 0.0 if default is None else default.value)
            elif declared.kind == "parameter" and name in population.parameters:
                value = population.parameters[name].value
            if value is None:
                continue
            column = value if np.ndim(value) == 2 else np.reshape(value, (-1, 1))
            drives[path] = np.broadcast_to(column, (population.size, samples)).astype(float)
    return drives


def _shared(
    circuit: Circuit, parameters: Mapping[str, Any], gates: Mapping[str, float], time: float
) -> dict[str, Any]:
    known: dict[str, Quantity] = dict(circuit.parameters)
    owners: tuple[Population | Matrix, ...] = (*circuit.populations, *circuit.matrices)
    for owner in owners:
        known |= {f"{owner.name}.{n}": q for n, q in owner.parameters.items()}
    shared = {name: q.value for name, q in known.items()}
    for name, value in parameters.items():
        if name not in known:
            raise UnknownMemberError("parameter of the circuit", str(name), known)
        with located(f"parameter {name!r}"):
            number = quantity(value)
        if number.dimension != known[name].dimension:
            raise UnitError(
                f"parameter {name!r} is in {number.unit}; it must be in {known[name].unit}"
            )
        shape = np.shape(known[name].value)
        if np.shape(number.value) not in ((), shape):
            allowed = f"one number or {shape[0]}" if shape else "one number"
            raise ShapeError(
                f"parameter {name!r} has shape {np.shape(number.value)}; give {allowed}"
            )
        if not np.all(np.isfinite(number.value)):
            raise ParameterError(f"parameter {name!r} must be finite")
        shared[name] = number.value
    for gate, opened in gates.items():
        if gate not in circuit.gates:
            raise UnknownMemberError("gate", str(gate), circuit.gates)
        shared[gate] = number_of(f"gate {gate!r}", opened)
    shared |= {gate: float(v) for gate, v in circuit.gates.items() if gate not in gates}
    # The length of a step only counts those since a spike long ago.
    return {**shared, TIME: time, "dt": 1e-4, LAST_SPIKE: LONG_AGO}


def _unfrozen(circuit: Circuit, patterns: str | Iterable[str]) -> tuple[str, ...]:
    plastic = [m.name for m in circuit.matrices if m.plasticity]
    chosen = _matching("plastic matrix", patterns, plastic)
    return tuple(name for name in plastic if name in chosen)


def _matching(kind: str, patterns: str | Iterable[str], names: list[str]) -> set[str]:
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, Iterable) or not all(isinstance(p, str) for p in listed):
        raise ParameterError(
            f"the pattern of a {kind} is {patterns!r}; it must be text, or a list of texts"
        )
    listed = list(listed)
    for pattern in listed:
        if not any(fnmatchcase(n, pattern) for n in names):
            raise UnknownMemberError(kind, pattern, names)
    return {n for n in names for pattern in listed if fnmatchcase(n, pattern)}


def _check_memory(circuit: Circuit, unfrozen: tuple[str, ...], samples: int) -> None:
    """Refuse unfrozen matrices whose Jacobian cannot be held; those of activities alone are sparse."""
    if not unfrozen:
        return
    shapes = [circuit.shape(circuit.matrix(n)) for n in unfrozen]
    weights = sum(rows * columns for rows, columns in shapes)
    needed = 8.0 * max(weights**2, *(6 * r * c * samples for r, c in shapes))
    if needed > available():
        raise MemoryLimitError(
            f"unfrozen: {', '.join(unfrozen)} have {weights} weights, whose Jacobian needs about "
            f"{readable(needed)}, but only {readable(available())} of memory are free; unfreeze fewer matrices, "
            "or analyse a smaller circuit"
        )


def _check_time(system: System, time: float | None) -> None:
    if time is not None:
        return
    for path in (*system.rates, *system.order):
        formula = system.rates.get(path) or system.formulas.get(path)
        if formula is None:
            continue
        keys = set(formula.numbers.values())
        if TIME in keys and LAST_SPIKE not in keys:
            raise ParameterError(
                f"the equation of {path} depends on the time t; choose a moment with time= (--time)"
            )


def _start(
    circuit: Circuit, values: Mapping[str, Any], samples: int, seed: int, unfrozen: tuple[str, ...]
) -> tuple[NamedArrays, NamedArrays]:
    """Return the weights that are held, and the start value of every state."""
    states = [f"{p.name}.{s}" for p in circuit.populations for s in p.states]
    names = [*states, *(m.name for m in circuit.matrices)]
    extra = [f"{p.name}.{LAST_SPIKE}" for p in circuit.populations if p.spiking]
    for name in values:
        if name not in names and name not in extra:
            raise UnknownMemberError("state or matrix", name, names)
    start = {n: _given(values, n, (_size(circuit, n), samples)) for n in states if n in values}
    start |= {
        n: drawn(circuit, n, (_size(circuit, n), samples), seed) for n in states if n not in start
    }
    weights: NamedArrays = {}
    for matrix in circuit.matrices:
        if matrix.inverse_of is None:
            weights[matrix.name] = _weights(circuit, matrix, values, seed)
    for matrix in circuit.matrices:
        if matrix.inverse_of is not None:
            inverted = inverse(matrix, weights[matrix.inverse_of])
            if matrix.inverse_of not in unfrozen:
                weights[matrix.name] = inverted
    held = {n: w for n, w in weights.items() if n not in unfrozen}
    return held, {**{n: start[n] for n in states}, **{n: weights[n] for n in unfrozen}}


def _size(circuit: Circuit, path: str) -> int:
    return circuit.population(VariablePath.parse(path).population).size


def _weights(circuit: Circuit, matrix: Matrix, values: Mapping[str, Any], seed: int) -> Array:
    shape = circuit.shape(matrix)
    if matrix.name in values:
        return _given(values, matrix.name, shape)
    initial = matrix.initial
    if isinstance(initial, Derived) and initial.matrix in values:
        of = circuit.matrix(initial.matrix)
        return initial.compute(_given(values, of.name, circuit.shape(of)))
    return drawn(circuit, matrix.name, shape, seed)


def _given(values: Mapping[str, Any], name: str, shape: tuple[int, int]) -> Array:
    array = numbers_of(f"values: {name}", values[name])
    variable = is_variable(name)
    if variable and array.shape == shape[:1]:
        array = array[:, None]
    if array.ndim and array.shape != shape and not (variable and array.shape == (shape[0], 1)):
        raise ShapeError(f"values: {name} has shape {array.shape}; it must be {shape}")
    if not np.all(np.isfinite(array)):
        raise ParameterError(f"values: {name} must be finite")
    return np.broadcast_to(array, shape).copy()


def _thresholds(system: System, subthreshold: bool) -> dict[str, Formula]:
    if not subthreshold:
        return {}
    spiking = [p for p in system.circuit.populations if p.spiking]
    return {
        p.name: system.of_population(p, f"threshold of {p.name}", p.threshold or "")
        for p in spiking
    }
