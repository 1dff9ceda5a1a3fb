"""The vector field of a circuit, or of a circuit in a phase of a protocol."""

from collections.abc import Iterable, Mapping
from typing import Any

from dendrosim.arrays import NamedArrays
from dendrosim.checks import as_time, as_whole_number
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import LAST_SPIKE, event_texts
from dendrosim.circuit.sparse_matrices import draw_connections
from dendrosim.equations.declarations import find_identifiers
from dendrosim.equations.random_calls import CALLS
from dendrosim.errors import ParameterError
from dendrosim.machine import brian_import as brian
from dendrosim.protocol.protocol import Protocol
from dendrosim.stability.vector_field.circuit_field import CircuitField
from dendrosim.stability.vector_field.compiled_equations import (
    TIME_SYMBOL,
    CompiledEquations,
    Formula,
    check_smooth,
)
from dendrosim.stability.vector_field.evaluation import Numbers
from dendrosim.stability.vector_field.field_arguments import (
    check_mappings,
    check_memory,
    circuit_of,
    complete_inputs,
    count_samples,
    match_names,
    match_plastic_matrices,
    read_inputs,
    read_parameters,
)
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.phase_setting import read_phase_setting
from dendrosim.stability.vector_field.slaving import SlavedField
from dendrosim.stability.vector_field.start_state import start_state


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

    One forward Euler step of a run is x + dt f(x). The weights of matrices are constants, unless they are named in
    `unfrozen`.

    Parameters
    ----------
    circuit : Circuit or Protocol
        A circuit or a protocol. One trial of one phase of a protocol gives inputs, gates and samples.
    inputs : mapping, optional
        Inputs by `population.variable`: one quantity, one per unit, or an array (units, samples). An input that is
        not given and that no phase drives has its default, or 0.
    values : mapping, optional
        Weights by matrix, (post, pre) or, if it is sparse, (connections,), and start values by `population.state`,
        (units,) or (units, samples), in SI units, such as the `final` of a result. All others are drawn from the
        named streams of `seed`, as in a run.
    parameters : mapping, optional
        Circuit parameters to change, as quantities with units; `matrix.name` or `population.name` for a parameter
        of one matrix or population.
    gates : mapping, optional
        Gates to change, as numbers.
    unfrozen : str or iterable of str, optional
        Names or patterns (`"w*"`) of plastic matrices whose weights are part of the state. Default: none.
    slaved : str or iterable of str, optional
        Names or patterns of states that are replaced by their own fixed point. Default: none.
    seed : int, optional
        Seed of the random streams from which weights and start values are drawn. Default: 0.
    subthreshold : bool, optional
        Whether to leave out thresholds, resets, refractory periods, events, pathways, sources and noise. Default:
        False.
    phase : str, optional
        Name of a protocol's phase, `phase` or `block/phase`. Default: the first.
    trial : int, optional
        Trial of the phase's block whose samples are shown; -1 is the last. Default: 0.
    time : time, optional
        Time since the beginning of the phase, such as `"30 ms"`, for inputs and equations that change in time.

    Returns
    -------
    Flow
        With methods `f(x)`, `jacobian(x)`, `parameter_derivative(x, name)`, `at(name, value)`, `pack`, `unpack`
        and `evaluate`, and attributes `labels`, `units`, `start` and `parameters`; see `Flow`.

    Raises
    ------
    DifferentiationError
        If the circuit spikes, has other events that change a state, or a signal is noise (unless `subthreshold`),
        or if a rate depends on a function without derivative, such as floor.
    ParameterError
        If an input or equation changes in time and `time` is not given, if a matrix has no inverse, if the circuit
        has no states, or if a value is not finite.
    UnknownMemberError
        If the circuit has no input, state, matrix, parameter, gate or phase of a given name.
    ShapeError, UnitError
        If the shape or the unit of a value is wrong.
    MemoryLimitError
        If the Jacobian of the unfrozen matrices does not fit into memory; the message has an estimate.

    Examples
    --------
    >>> circuit = ds.load_circuit("dynamical_tp", sizes=(2, 2, 2), target="clamped")
    >>> field = ds.vector_field(circuit, inputs={"layer0.h": [1.0, 0.5]})
    >>> ds.fixed_point(field).stable
    True
    """
    brian.load()
    moment = None if time is None else float(as_time("time", time, or_zero=True).value)
    check_mappings(inputs=inputs, values=values, parameters=parameters, gates=gates)
    as_whole_number("seed", seed, 0)
    base = circuit_of(circuit, phase, trial)
    check_smooth(base, subthreshold)
    driven: NamedArrays = {}
    opened: dict[str, float] = {}
    if isinstance(circuit, Protocol):
        driven, opened = read_phase_setting(circuit, phase, moment, seed, subthreshold, trial)
    driven = {**driven, **read_inputs(base, inputs or {})}
    samples = count_samples(driven)
    chosen = match_plastic_matrices(base, unfrozen)
    check_memory(base, chosen, samples)
    equations = CompiledEquations(base, chosen)
    _check_moment(equations, moment)
    connections = {
        m.name: draw_connections(base, m, seed) for m in base.matrices if m.connect is not None
    }
    weights, start = start_state(base, values or {}, samples, seed, chosen, connections)
    if not start:
        raise ParameterError(
            "circuit: no population has a differential equation, so there is no state to analyse; write one, such "
            "as 'dx/dt = ...', or unfreeze plastic matrices (--unfreeze)"
        )
    numbers = Numbers(
        read_parameters(base, parameters or {}, {**opened, **(gates or {})}, moment or 0.0),
        complete_inputs(base, driven, samples),
        weights,
        connections,
    )
    field = CircuitField(equations, numbers, samples, start, _conditions(equations, subthreshold))
    if slaved == () or slaved == []:
        return field
    fast = match_names("state", slaved, list(field.shapes))
    if fast == set(field.shapes):
        raise ParameterError(
            f"slaved is {slaved!r}, which is every state; leave out the states that are to be analysed, or "
            "unfreeze matrices"
        )
    return SlavedField(field, fast)


def _check_moment(equations: CompiledEquations, time: float | None) -> None:
    """Raise ParameterError if a rate depends on the time and no time is given.

    Equations that only compare the time with the last spike do not count, because that was long ago.
    """
    if time is not None:
        return
    for path in (*equations.rates, *equations.order):
        formula = equations.rates.get(path) or equations.formulas.get(path)
        if formula is None:
            continue
        keys = set(formula.numbers.values())
        if TIME_SYMBOL in keys and LAST_SPIKE not in keys:
            raise ParameterError(
                f"the equation of {path} depends on the time t; choose a moment with time= (--time)"
            )


def _conditions(equations: CompiledEquations, subthreshold: bool) -> dict[tuple[str, str], Formula]:
    """Return the conditions of spikes and of other events at which a point is refused, by population and event.

    There are none for a circuit without events that change a state. Conditions with random numbers are left out,
    like other noise.
    """
    if not subthreshold:
        return {}
    circuit = equations.circuit
    return {
        (p.name, event): equations.compile_for_population(
            p, f"{event_texts(event)[0]} of {p.name}", p.conditions_in_place[event]
        )
        for p in circuit.populations
        for event in circuit.acting_events(p)
        if not find_identifiers(p.all_events[event].condition) & set(CALLS)
    }
