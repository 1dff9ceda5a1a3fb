"""The check of texts about spikes: thresholds, resets, refractory periods, and the texts of pathways."""

from collections.abc import Iterable
from typing import Any

from brian2.core.variables import Variable
from brian2.units.fundamentalunits import DIMENSIONLESS, get_dimensions

from dendrosim.circuit.brian_text import brian_dimension
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.dimension_check import (
    RANDOM,
    TIME,
    check_expression,
    check_no_unit,
    check_own_parameters,
    dimension_of,
    population_scope,
    unit_text,
)
from dendrosim.circuit.pathway import PAIR_NAMES, WEIGHT, Pathway
from dendrosim.circuit.population import Population, event_texts
from dendrosim.circuit.validation import check_symbol
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.declarations import Declaration, find_identifiers
from dendrosim.equations.linear import split_rates
from dendrosim.equations.real_numbers import is_condition
from dendrosim.equations.rewriting import parse_expression
from dendrosim.errors import (
    EquationError,
    UnitError,
    UnknownMemberError,
    prefix_errors,
    suggestion,
)
from dendrosim.units import unit

_PAIR = {name: Variable(name) for name in PAIR_NAMES}
_STEP = {"dt": Variable("dt", dimensions=TIME["t"].dim)}


def spike_symbols(population: Population) -> set[str]:
    """Return the symbols in the refractory period of a population and in the texts of its events."""
    texts = [t for e in population.all_events.values() for t in (e.condition, e.action)]
    return {s for text in (*texts, population.refractory or "") for s in find_identifiers(text)}


def pathway_symbols(circuit: CircuitData, population: Population) -> set[str]:
    """Return the variables of a population that the texts of pathways use."""
    read = set()
    for pathway in circuit.pathways:
        for suffix, name in (("_pre", pathway.pre), ("_post", pathway.post)):
            if name == population.name:
                read |= {s.removesuffix(suffix) for s in _symbols(pathway) if s.endswith(suffix)}
    return read


def check_spikes(circuit: CircuitData, population: Population, local: dict[str, Any]) -> set[str]:
    """Check events, threshold and reset among them, and the refractory period of a population.

    Returns
    -------
    set of str
        The parameters and gates of the circuit that they use.

    Raises
    ------
    EquationError, UnitError
        If `dimension_check.check_expression` raises this error, or if a condition is none.
    """
    where, used = f"Population {population.name!r}", set[str]()

    def check(
        place: str, written: str, text: str, expected: Any, scope: dict[str, Any]
    ) -> set[str]:
        return check_expression(
            circuit, population, f"{where}: {place}", written, text, scope, expected
        )

    random = {**RANDOM, **local}
    for name, event in population.all_events.items():
        condition, action = event_texts(name)
        if not is_condition(parse_expression(event.condition, where)):
            raise EquationError(
                f"{where}: {condition} {event.condition!r} is not a condition; write one such as "
                "'v > v_threshold'"
            )
        text = population.conditions_in_place[name]
        used |= check(condition, event.condition, text, DIMENSIONLESS, random)
        lines = zip(event.assignments, population.actions_in_place[name], strict=True)
        for assignment, in_place in lines:
            expected = _expected_dimension(assignment, local[assignment.target])
            used |= check(action, assignment.expression, in_place.expression, expected, random)
    if population.refractory is None:
        return used
    parse_expression(population.refractory, f"{where}: refractory")
    has_condition, period = population.has_refractory_condition, population.refractory_in_place
    assert period is not None
    expected = DIMENSIONLESS if has_condition else get_dimensions(TIME["t"])
    return used | check("refractory", population.refractory, period, expected, local)


def check_pathway(circuit: CircuitData, pathway: Pathway) -> set[str]:
    """Check the texts of a pathway; return the parameters and gates of the circuit that they use.

    Raises
    ------
    EquationError, UnitError
        If `dimension_check.check_expression` raises this error, or if an equation of a synapse is not linear.
    UnknownMemberError
        If an assignment changes a variable that is not a state.
    """
    if pathway.weight is None and WEIGHT in _symbols(pathway):
        raise EquationError(
            f"{pathway}: its texts use 'weight', which has no value; give Pathway.weight"
        )
    pre, post = circuit.population(pathway.pre), circuit.population(pathway.post)
    own = {
        name: Variable(name, dimensions=brian_dimension(unit(d.unit)[0]))
        for name, d in pathway.variables.items()
    }
    if pathway.weight_dimension is not None:
        own[WEIGHT] = Variable(WEIGHT, dimensions=brian_dimension(pathway.weight_dimension))
    used = _check_states(circuit, pathway, own) | _check_every_step(circuit, pathway, own)
    states = [f"{s}_post" for s in post.states] + [f"{s}_pre" for s in pre.states]
    writable = [*states, *pathway.variables, *([WEIGHT] if pathway.weight is not None else [])]
    for trigger, lines in pathway.effects.items():
        name = trigger.field
        scope = {
            **RANDOM, **_PAIR, **_STEP, **own, **population_scope(pre, "_pre"), **population_scope(post, "_post")
        }  # fmt: skip
        for assignment in lines:
            used |= _check_assignment(
                circuit, pathway, f"{pathway}: {name}", assignment, scope, writable
            )
        read = {s for line in lines for s in line.symbols}
        for assignment in lines:
            if assignment.target not in {*writable, *read}:
                raise EquationError(
                    f"{pathway}: {name}: nothing reads {assignment.target!r}, to which it assigns"
                    f"{suggestion(assignment.target, writable)}"
                )
    _check_used(pathway, own)
    return used


def _check_assignment(
    circuit: CircuitData, pathway: Pathway, where: str, assignment: Assignment, scope: dict[str, Any],
    writable: list[str],
) -> set[str]:  # fmt: skip
    """Check one assignment; if it defines a new variable, add that to `scope`, for the assignments that follow."""
    target, text = assignment.target, assignment.expression
    if target in writable or (
        target in scope and target not in {*_known(circuit, pathway), *RANDOM}
    ):
        expected = _expected_dimension(assignment, scope[target])
        return check_expression(circuit, pathway, where, text, text, scope, expected)
    known = target in scope or circuit.symbol_value(pathway, target) is not None
    if assignment.operator != "=" or known or target.endswith(("_pre", "_post")):
        raise UnknownMemberError(f"variable that {where} assigns to", target, writable)
    check_symbol(where, target)
    check_no_unit(where, target)
    found, used = dimension_of(circuit, pathway, where, text, text, scope)
    scope[target] = Variable(target, dimensions=found)
    return used


def _known(circuit: CircuitData, pathway: Pathway) -> set[str]:
    """Return the names in the texts of a pathway that belong neither to a synapse nor to one text."""
    pre, post = circuit.population(pathway.pre), circuit.population(pathway.post)
    return {
        WEIGHT,
        *_PAIR,
        *_STEP,
        *population_scope(pre, "_pre"),
        *population_scope(post, "_post"),
    }


def _check_states(circuit: CircuitData, pathway: Pathway, own: dict[str, Any]) -> set[str]:
    """Check the equations of a pathway's states; return the parameters and gates of the circuit that they use."""
    used: set[str] = set()
    states = {n: pathway.variables[n] for n in pathway.event_driven}
    scope = {n: v for n, v in own.items() if n not in pathway.clock_driven}
    for name, line in states.items():
        _refuse(pathway, name, line, pathway.clock_driven, "event-driven", "clock-driven")
        place, text = f"{pathway}: {name}", line.expression
        expected = get_dimensions(own[name]) / get_dimensions(TIME["t"])
        used |= check_expression(circuit, pathway, place, text, text, scope, expected)
        if "t" in line.symbols:
            raise EquationError(
                f"{place}: it depends on 't'; between spikes, the rate of an event-driven state must not"
            )
        gates = used & set(circuit.gates)
        if gates:
            raise EquationError(
                f"{place}: it depends on the gate {min(gates)!r}, which may change between two spikes; use "
                "the gate in on_pre"
            )
    with prefix_errors(str(pathway)):
        split_rates({name: line.expression for name, line in states.items()})
    return used


def _check_every_step(circuit: CircuitData, pathway: Pathway, own: dict[str, Any]) -> set[str]:
    """Check the texts that synapses evaluate in every step; return the parameters and gates that they use."""
    pre, post = circuit.population(pathway.pre), circuit.population(pathway.post)
    variables = {**population_scope(pre, "_pre"), **population_scope(post, "_post")}
    scope = {
        **_PAIR,
        **variables,
        **{n: v for n, v in own.items() if n not in pathway.event_driven},
    }
    scope |= _STEP
    second = get_dimensions(TIME["t"])
    lines = {n: pathway.variables[n] for n in pathway.clock_driven}
    expected = {n: get_dimensions(own[n]) / second for n in lines}
    for name, line in pathway.sums.items():
        lines[line.name], expected[line.name] = line, get_dimensions(variables[line.name])
        given, needed = brian_dimension(unit(line.unit)[0]), expected[line.name]
        if given is not needed:
            raise UnitError(
                f"{pathway}: {line.name!r} is in {unit_text(given)}, but {post.name}.{name} in {unit_text(needed)}"
            )
    used: set[str] = set()
    for name, line in lines.items():
        _refuse(pathway, name, line, pathway.event_driven, "computed in every step", "event-driven")
        text = line.expression
        used |= check_expression(
            circuit, pathway, f"{pathway}: {name}", text, text, scope, expected[name]
        )
    return used


def _refuse(
    pathway: Pathway, name: str, line: Declaration, others: Iterable[str], what: str, kind: str
) -> None:
    """Raise EquationError if an equation depends on a state of another kind."""
    for other in others:
        if other in line.symbols:
            raise EquationError(
                f"{pathway}: {name!r} is {what} and depends on {other!r}, which is {kind}; make both clock-driven"
            )


def _check_used(pathway: Pathway, own: dict[str, Any]) -> None:
    read = _symbols(pathway)
    check_own_parameters(str(pathway), pathway, read)
    for name in own:
        if name not in read:
            raise EquationError(f"{pathway}: {name!r} is used by none of its texts; remove it")


def _expected_dimension(assignment: Assignment, target: Any) -> Any:
    """Return the dimension that the right-hand side of an assignment must have."""
    return DIMENSIONLESS if assignment.operator in ("*=", "/=") else get_dimensions(target)


def _symbols(owner: Pathway) -> set[str]:
    lines = (*owner.variables.values(), *owner.sums.values())
    found = {s for d in lines for s in find_identifiers(d.expression)}
    return found | {s for line in owner.assignments for s in (line.target, *line.symbols)}
