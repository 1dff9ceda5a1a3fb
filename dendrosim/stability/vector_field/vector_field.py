"""From a circuit, or a phase of a protocol, to its vector field."""

from collections.abc import Iterable, Mapping
from typing import Any

from dendrosim.arrays import NamedArrays
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import LAST_SPIKE
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
from dendrosim.units import as_time, as_whole_number


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
    weights, start = start_state(base, values or {}, samples, seed, chosen)
    if not start:
        raise ParameterError(
            "circuit: no population has a differential equation, so there is no state to analyse; write one, such "
            "as 'dx/dt = ...', or unfreeze plastic matrices (--unfreeze)"
        )
    numbers = Numbers(
        read_parameters(base, parameters or {}, {**opened, **(gates or {})}, moment or 0.0),
        complete_inputs(base, driven, samples),
        weights,
    )
    field = CircuitField(equations, numbers, samples, start, _thresholds(equations, subthreshold))
    if slaved == () or slaved == []:
        return field
    fast = match_names("state", slaved, list(field.shapes))
    if fast == set(field.shapes):
        raise ParameterError(
            f"slaved is {slaved!r}, which is every state; leave out those that are to be analysed, or unfreeze "
            "matrices"
        )
    return SlavedField(field, fast)


def _check_moment(equations: CompiledEquations, time: float | None) -> None:
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


def _thresholds(equations: CompiledEquations, subthreshold: bool) -> dict[str, Formula]:
    if not subthreshold:
        return {}
    spiking = [p for p in equations.circuit.populations if p.spiking]
    return {
        p.name: equations.compile_for_population(p, f"threshold of {p.name}", p.threshold or "")
        for p in spiking
    }
