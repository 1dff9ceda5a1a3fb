"""Populations: groups of identical units with equations. They are data, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from dendrosim.checks import (
    MOST_ELEMENTS,
    as_code,
    as_text,
    as_values,
    check_per_unit,
    mapping_of,
    optional,
    sequence_of,
    whole,
)
from dendrosim.circuit.event import SPIKE, Event
from dendrosim.circuit.validation import (
    as_initial_value,
    as_name,
    as_parameters_per_unit,
    as_scope,
    check_symbol,
    check_unit_text,
)
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.declarations import Declaration, find_identifiers, parse_declarations
from dendrosim.equations.real_numbers import is_condition
from dendrosim.equations.rewriting import (
    parse_expression,
    put_transfer_in_place,
    read_symbols,
    replace_symbols,
)
from dendrosim.equations.transfer.lookup import find_transfer
from dendrosim.errors import (
    EquationError,
    ParameterError,
    SpecError,
    UnknownMemberError,
    abbreviate,
    prefix_errors,
)
from dendrosim.machine.cached_property import cached_property
from dendrosim.spec import Spec
from dendrosim.units import Quantity

_ROLES = {"state": "a state", "subexpression": "a subexpression", "parameter": "an input"}
LAST_SPIKE, REFRACTORY = "lastspike", "unless refractory"
IN_REFRACTORY = "refractory"
"""Name in results of the state that is 1 while a unit is refractory, if `refractory` is a condition."""
INDEX, COUNT = "i", "N"
"""The index of a unit and the number of units, in the texts of a population."""
UNIT = "ds_unit"
"""Name of the variable of programs that `INDEX` means: a real number for each unit."""


def _as_inputs(where: str, value: Any) -> Mapping[str, Quantity | None]:
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Mapping):
        value = dict.fromkeys(sequence_of(as_text)(where, value))
    return mapping_of(optional(as_values))(where, value)


def _as_transfer(where: str, value: Any) -> str:
    name = as_text(where, value)
    with prefix_errors(where):
        find_transfer(name)
    return name


def _as_expression(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise EquationError(
            f"{where} is {abbreviate(value)}; it must be an expression, or left out"
        )
    return as_code(where, value)


@dataclass(frozen=True, eq=False)
class Population(Spec):
    """Declare a group of identical units: equations, inputs, initial values, and how the units spike.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores.
    size : int
        Number of units, at least 1.
    equations : str
        Declarations in Brian2's syntax, one per line; `#` starts a comment.

        - `dx/dt = ... : unit` declares a state, which is integrated by forward Euler steps.
        - `x = ... : unit` declares a subexpression, which is computed from other variables in every step.
        - `x : unit` declares a variable without equation: an input, the target of projections, or a variable that
          has a value in `parameters`.

        A right-hand side may use other variables of the population, its own `parameters`, parameters and gates of
        the circuit, the time `t`, Brian2's functions and units, and the transfer function. In a population that
        spikes it may also use `lastspike`, the time of a unit's last spike (-10000 s if there was none), and `dt`.
        All texts of the population may use `i`, the index of the unit from 0, and `N`, the number of units; like
        all numbers in texts, they are real numbers.
    inputs : mapping, or str or iterable of str, optional
        Variables whose values come from outside the circuit. For each name, a mapping gives the value of the input
        in phases in which no signal drives it: one number, or one number per unit. If the value is None, or only
        the name is given, a protocol must drive the input in every phase.
    parameters : mapping of str to quantity, optional
        Values of symbols in the equations, one number or an array of shape (units,). They take precedence over
        parameters of the circuit with the same name.
    initial : mapping of str to quantity, array of shape (units,) or Initial, optional
        Initial values of states, in the unit of the state (default 0). A distribution such as `Normal` draws a
        number for every unit and sample.
    transfer : str, optional
        Name of the transfer function, which equations call as `s(...)`; they call its derivative as `ds(...)` and
        its inverse as `inv_s(...)`. `dendrosim.equations.transfer` holds one file per function, such as `tanh`.
    threshold : str, optional
        Condition under which a unit spikes, such as `v > v_threshold`. Without it, units do not spike. The
        condition and the reset may draw random numbers for each unit, `rand()` from 0 to 1 and `randn()` from the
        standard normal distribution, as in `rand() < rate*dt`.
    reset : str, optional
        Assignments to states of a unit that spikes, one per line or separated by semicolons, such as
        `v = v_reset`.
    refractory : str, optional
        Expression for the time during which a unit cannot spike again, such as `t_refractory`. It is rounded down
        to whole time steps, as in Brian2, except that a thousandth of a step counts as a rounding error: at steps
        of 0.1 ms, a unit with a period of 0.29 ms that spikes in step n can spike again in step n + 2. With
        `inf*second`, each unit spikes at most once in a run. A spike more than 5000 s before the beginning of a
        run does not count. A condition is possible as well, such as `v > -40*mV`: after a spike, the unit is
        refractory until the condition is false at the beginning of a step. States whose equation ends with
        `(unless refractory)` keep their value during this time, and pathways do not change them; all other states
        are integrated.
    scope : str, optional
        Prefix under which parameters and gates of the circuit are looked up; `Circuit.join` sets it.
    events : mapping of str to Event, optional
        Further events by name, which need no threshold, such as `{"burst": Event("v > 0*mV", "x += 1")}`. Pathways
        can transmit them, and recordings keep them as they keep spikes.

    Raises
    ------
    SpecError
        If a field is not valid. The subclass says why: EquationError for text that cannot be read,
        UnknownMemberError for a name that the equations do not declare, UnitError, ShapeError and ParameterError
        for values. `Circuit` checks symbols and physical dimensions, and that the population fits the other
        objects.

    Examples
    --------
    Integrate-and-fire cells that an input current drives:

    >>> import dendrosim as ds
    >>> cells = ds.Population(
    ...     "cell",
    ...     size=4,
    ...     equations='''
    ...         dv/dt = (v_rest - v + R*current)/tau : volt (unless refractory)
    ...         current : amp
    ...     ''',
    ...     inputs="current",
    ...     parameters={"v_rest": "-70 mV", "R": "100 Mohm", "tau": "10 ms"},
    ...     initial={"v": "-70 mV"},
    ...     threshold="v > -50*mV",
    ...     reset="v = -60*mV",
    ...     refractory="2*ms",
    ... )
    >>> cells.states
    ('v',)
    """

    name: Annotated[str, as_name]
    size: Annotated[int, whole(1, MOST_ELEMENTS)]
    equations: Annotated[str, as_code]
    inputs: Annotated[Any, _as_inputs] = ()
    parameters: Annotated[Mapping[str, Any], as_parameters_per_unit] = field(default_factory=dict)
    initial: Annotated[Mapping[str, Any], mapping_of(as_initial_value)] = field(
        default_factory=dict
    )
    transfer: Annotated[str | None, optional(_as_transfer)] = None
    threshold: Annotated[str | None, optional(_as_expression)] = None
    reset: Annotated[str, as_code] = ""
    refractory: Annotated[str | None, optional(_as_expression)] = None
    scope: Annotated[str, as_scope] = ""
    events: Mapping[str, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"Population {self.name!r}"
        for name, value in self.parameters.items():
            check_per_unit(f"{where}: parameters[{name!r}]", value, self.size)
        with prefix_errors(where):
            declared = {d.name: d for d in parse_declarations(self.equations)}
        for name in declared:
            check_symbol(where, name)
        self._check_members(where, declared)
        self._check_spikes(where, declared)
        self._check_events(where, declared)

    def _check_spikes(self, where: str, declared: Mapping[str, Declaration]) -> None:
        if self.threshold is None:
            for name in ("reset", "refractory"):
                if getattr(self, name):
                    raise SpecError(f"{where}: {name} has no meaning without a threshold; give one")
            texts = [t for e in self.events.values() for t in (e.condition, e.action)]
            symbols = {s for text in texts for s in find_identifiers(text)}
            if LAST_SPIKE in symbols | {s for d in declared.values() for s in d.symbols}:
                raise SpecError(f"{where}: lastspike has no meaning without a threshold; give one")
        clamped = [n for n, d in declared.items() if REFRACTORY in d.flags]
        if clamped and self.refractory is None:
            raise SpecError(
                f"{where}: {clamped[0]!r} has the flag (unless refractory), but there is no refractory "
                "period; give `refractory`"
            )
        if SPIKE in declared and self.threshold is not None:
            raise SpecError(f"{where}: the name 'spike' is reserved for spikes; choose another")

    def _check_events(self, where: str, declared: Mapping[str, Declaration]) -> None:
        """Check the names of events, and that what they assign to is a state."""
        for name in self.events:
            check_symbol(f"{where}: events", name)
            if name == SPIKE:
                raise SpecError(
                    f"{where}: events: 'spike' is the event of the threshold; give `threshold` and `reset`, or "
                    "choose another name"
                )
            if name in declared or name in self.parameters:
                kind = "variable" if name in declared else "parameter"
                raise SpecError(f"{where}: {name!r} is an event and a {kind}; rename one of them")
        for name, event in self.all_events.items():
            with prefix_errors(where):
                assigned = [x.target for x in event.assignments]
            for target in assigned:
                if target not in self.states:
                    said = "the reset" if name == SPIKE else event_texts(name)[1]
                    raise UnknownMemberError(
                        f"state of {where} that {said} assigns to", target, self.states
                    )

    def _check_members(self, where: str, declared: Mapping[str, Declaration]) -> None:
        plain = [n for n, d in declared.items() if d.kind == "parameter"]
        for name, default in self.inputs.items():
            if name not in plain:
                raise UnknownMemberError(f"input of {where}", name, plain)
            if default is not None:
                check_unit_text(f"{where}: input {name!r}", default, declared[name].unit)
        states = [n for n, d in declared.items() if d.kind == "state"]
        for name, value in self.initial.items():
            if name not in states:
                raise UnknownMemberError(f"state of {where} given an initial value", name, states)
            check_unit_text(f"{where}: initial value of {name!r}", value, declared[name].unit)
            value.check(f"{where}: initial value of {name!r}", (self.size,))
        for name, value in self.parameters.items():
            if name in declared:
                if name not in plain or name in self.inputs:
                    raise ParameterError(
                        f"{where}: {name!r} is {_ROLES[declared[name].kind]} and takes no value; leave it out"
                    )
                check_unit_text(f"{where}: parameter {name!r}", value, declared[name].unit)

    @cached_property
    def variables(self) -> Mapping[str, Declaration]:
        """Every declared variable by name, in the order of the text."""
        return {d.name: d for d in parse_declarations(self.equations)}

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Names of the states: the variables with a differential equation."""
        return tuple(d.name for d in parse_declarations(self.equations) if d.kind == "state")

    @property
    def spiking(self) -> bool:
        """Whether the units spike, that is, have a threshold."""
        return self.threshold is not None

    @cached_property
    def all_events(self) -> Mapping[str, Event]:
        """Every event by name: `spike`, if there is a threshold, then `events` in alphabetical order."""
        spikes = {} if self.threshold is None else {SPIKE: Event(self.threshold, self.reset)}
        return {**spikes, **{name: self.events[name] for name in sorted(self.events)}}

    # -- texts with the formulas of transfer functions in place of their calls ---------------------

    @cached_property
    def equations_in_place(self) -> Mapping[str, str]:
        """The right-hand side of every state and subexpression by name, with transfer functions in place.

        That is, calls of `s`, `ds` and `inv_s` are replaced by the formulas of the transfer function, and `i` and
        `N` by a variable and a number, so that Brian2 can read the result. A call without meaning raises
        EquationError, for instance if no transfer function is chosen.
        """
        return {
            name: self.in_place(declared.expression, f"{self.name}.{name}")
            for name, declared in self.variables.items()
            if declared.expression
        }

    @cached_property
    def conditions_in_place(self) -> Mapping[str, str]:
        """The condition of each event by name, the threshold among them, with transfer functions in place."""
        return {
            name: self.in_place(
                event.condition, f"Population {self.name!r}: {event_texts(name)[0]}"
            )
            for name, event in self.all_events.items()
        }

    @cached_property
    def refractory_in_place(self) -> str | None:
        """The expression `refractory_text`, with transfer functions in place; None if there is no such text."""
        where, text = f"Population {self.name!r}: refractory", self.refractory_text
        return None if text is None else self.in_place(text, where)

    @cached_property
    def actions_in_place(self) -> Mapping[str, tuple[Assignment, ...]]:
        """The assignments of each event by name, the reset among them, with transfer functions in place."""
        return {
            name: tuple(
                replace(s, expression=self.in_place(s.expression, where)) for s in event.assignments
            )
            for name, event in self.all_events.items()
            for where in (f"Population {self.name!r}: {event_texts(name)[1]}",)
        }

    def in_place(self, text: str, where: str = "") -> str:
        """Return an expression with transfer functions, the index and the number of units in place."""
        text = put_transfer_in_place(text, self.transfer, where)
        symbols = read_symbols(text)
        named = {INDEX: UNIT, COUNT: repr(float(self.size))}
        named = {name: value for name, value in named.items() if name in symbols}
        return replace_symbols(text, named) if named else text

    @cached_property
    def uses_index(self) -> bool:
        """Whether a text of the population uses the index of the unit."""
        texts = [*self.equations_in_place.values(), *self.conditions_in_place.values()]
        texts += [line.expression for lines in self.actions_in_place.values() for line in lines]
        texts.append(self.refractory_in_place or "")
        return any(UNIT in find_identifiers(text) for text in texts)

    @property
    def has_refractory_condition(self) -> bool:
        """Whether a condition ends the refractory period of a unit, not a time."""
        return self.refractory is not None and is_condition(parse_expression(self.refractory))

    @property
    def refractory_text(self) -> str | None:
        """The refractory period, or its condition, that the program needs; None if it needs none.

        Brian2 keeps the time of the last spike only if there is a refractory period, so a population that uses
        `lastspike` but has no refractory period gets a period of 0.
        """
        if self.refractory is not None or not self.spiking:
            return self.refractory
        texts = [d.expression for d in self.variables.values()]
        texts += [t for e in self.all_events.values() for t in (e.condition, e.action)]
        used = any(LAST_SPIKE in find_identifiers(t) for t in texts if t)
        return "0*second" if used else None


def event_texts(name: str) -> tuple[str, str]:
    """Return what messages call the condition and the action of an event."""
    if name == SPIKE:
        return "threshold", "reset"
    return f"events[{name!r}].condition", f"events[{name!r}].action"
