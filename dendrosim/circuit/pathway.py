"""Pathways: synapses through which spikes change other units. They are data, checked when they are made."""

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any

import numpy as np

from dendrosim.checks import as_code, mapping_of, optional
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.coercion import as_rule
from dendrosim.circuit.effects import SIDES, Trigger, as_effects, texts_by_event
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.synapse_rule import COMPOSED, compose
from dendrosim.circuit.validation import (
    as_name,
    as_parameters,
    as_scope,
    as_value_of_synapses,
    check_symbol,
    check_unit_text,
)
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.equations.declarations import Declaration, parse_declarations
from dendrosim.errors import (
    EquationError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
    prefix_errors,
)
from dendrosim.machine.cached_property import cached_property
from dendrosim.spec import Spec
from dendrosim.units import TIME, Dimension, is_in, unit, unit_name

DELAYS = {"pre": "delay", "post": "post_delay"}
"""The field with the delay of the events of each end."""

WEIGHT = "weight"
"""The name of the weight of a synapse in the texts of a pathway."""
PAIR_NAMES = ("i", "j", "N_pre", "N_post")
"""In the texts of a pathway, the indices of the units at both ends and the numbers of these units."""
EVENT_DRIVEN, CLOCK_DRIVEN, SUMMED = "event-driven", "clock-driven", "summed"
"""Flags of the equations of a pathway."""
CONSTANT, SHARED = "constant", "shared"
"""Flags of the numbers that a pathway declares."""


@dataclass(frozen=True, eq=False)
class Pathway(Spec):
    """Declare synapses through which spikes, or other events, of one population change units of another.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores.
    pre, post : str
        Names of the presynaptic and the postsynaptic population, which may be the same. They must have the events
        that `on_pre` and `on_post` name; to spike, a population needs a threshold.
    on_pre : str or mapping of str to str
        Effect of a spike of the presynaptic unit: assignments, one per line or separated by semicolons, to states
        of the postsynaptic unit (`g_post += weight`), of the presynaptic unit (`x_pre = 0`) or of the synapse.
        Each call of `rand()` draws a random number from 0 to 1 for each synapse, and `randn()` a standard normal
        number; they depend on the seed, the call, the step, the sample and the synapse only. `i` and `j` are the
        indices of the presynaptic and the postsynaptic unit, `N_pre` and `N_post` the numbers of these units, `t`
        is the time and `dt` the time step. A mapping has such a text for each event of the presynaptic population,
        as in `{"spike": "g_post += weight", "burst": "u = 1"}`.
    connect : Connections, optional
        Rule by which units are connected: `AllToAll` (default), `OneToOne`, `Probability`, `InDegree`,
        `Pairings`, `Condition`.
    weight : quantity, array of shape (synapses,) or Initial, optional
        Value of the symbol `weight`: one number for all synapses, a distribution from which a number is drawn for
        each synapse, an `Expression` in the indices of the connected units, or, with `Pairings`, an array. If
        `on_pre` or `on_post` assigns to `weight`, each synapse has a weight for itself, and this is its value at
        the start.
    delay : time, array of shape (synapses,) or Initial, optional
        Time from a spike to its effect, at least one time step. It is rounded to the nearest whole number of time
        steps, and one half up, as in Brian2. Without a delay, the effect occurs at the end of the step of the
        spike. All events of the presynaptic unit have this delay.
    equations : str, optional
        Variables that each synapse has for itself, in Brian2's syntax.

        - `x : unit` is a number, which spikes do not change if the line ends with `(constant)`. If it ends with
          `(shared)`, all synapses have the same number, and `parameters` has its value.
        - `dx/dt = ... : unit (event-driven)` is a state that is solved exactly from one spike to the next. Its
          rate must be a sum of numbers times states, perhaps with a constant; it may depend on x and on states
          that depend on themselves only, as in `dx/dt = (s - x)/tau` with `ds/dt = -s/tau`, or on one state that
          depends on x in turn.
        - `dx/dt = ... : unit (clock-driven)` is a state that is integrated by forward Euler steps. Its rate may
          depend on anything but event-driven states, also on variables of both units.
        - `g_post = ... : unit (summed)` is a sum over the synapses of each postsynaptic unit, computed in every
          step from the values at its beginning. It is the value of a variable `g` of the population, which has no
          equation.
    on_post : str or mapping of str to str, optional
        Effect of a spike or other event of the postsynaptic unit.
    parameters : mapping of str to quantity, optional
        Values of symbols in the texts, each one number.
    initial : mapping of str to quantity, array of shape (synapses,) or Initial, optional
        Initial values of the variables in `equations` (default 0).
    scope : str, optional
        Prefix under which parameters and gates of the circuit are looked up; `Circuit.join` sets it.
    final : bool, optional
        Whether results keep the synapses and the final values of their variables (default True). Without them, no
        other run can start from the result.
    post_delay : time, array of shape (synapses,) or Initial, optional
        Time from an event of the postsynaptic unit to its effect, `on_post`, like `delay` (default: no delay).
    rule : SynapseRule or sequence of SynapseRule, optional
        Plasticity rules, such as those of `ds.rules`, whose texts, parameters and initial values are added to
        those given here; see `SynapseRule`. The pathway keeps texts and values, but not the rules.

    Raises
    ------
    SpecError
        If a field is not valid. The subclass says why: EquationError for text that cannot be read,
        UnknownMemberError for a name that `equations` does not declare, UnitError, ShapeError and ParameterError
        for values. `Circuit` checks that the pathway fits the other objects.

    Examples
    --------
    Excitatory synapses with random weights and delays:

    >>> import dendrosim as ds
    >>> feed = ds.Pathway(
    ...     "feed", pre="sender", post="cell", on_pre="g_post += weight", connect=ds.InDegree(20),
    ...     weight=ds.Uniform("0.5 nS", "1.5 nS"), delay=ds.Uniform("1 ms", "3 ms"),
    ... )
    """

    name: Annotated[str, as_name]
    pre: Annotated[str, as_name]
    post: Annotated[str, as_name]
    on_pre: Annotated[Any, as_effects] = ""
    connect: Annotated[Any, as_rule] = field(default_factory=AllToAll)
    weight: Annotated[Any, optional(as_value_of_synapses)] = None
    delay: Annotated[Any, optional(as_value_of_synapses)] = None
    equations: Annotated[str, as_code] = ""
    on_post: Annotated[Any, as_effects] = ""
    parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    initial: Annotated[Mapping[str, Any], mapping_of(as_value_of_synapses)] = field(
        default_factory=dict
    )
    scope: Annotated[str, as_scope] = ""
    final: bool = True
    post_delay: Annotated[Any, optional(as_value_of_synapses)] = None
    rule: InitVar[Any] = None

    def __post_init__(self, rule: Any) -> None:
        where = str(self)
        if rule is not None:
            self._set(**compose(where, rule, {f: getattr(self, f) for f in COMPOSED}))
        with prefix_errors(where):
            declared = {d.name: d for d in parse_declarations(self.equations)}
            for side in SIDES:
                self._check_not_empty(side)
        for name, line in declared.items():
            summed = SUMMED in line.flags
            check_symbol(where, re.sub("_(pre|post)$", "", name) if summed else name)
        if WEIGHT in declared or WEIGHT in self.parameters:
            raise SpecError(
                f"{where}: give the weight as Pathway.weight, not in equations or parameters"
            )
        self._check_values(where, declared)
        for side, field_ in DELAYS.items():
            self._check_delay(f"{where}: {field_}", self.delay_of(side))
            if self.delay_of(side) is not None and not any(t.side == side for t in self.effects):
                raise SpecError(
                    f"{where}: {field_} has no meaning without on_{side}; give on_{side}, or leave it out"
                )

    def __str__(self) -> str:
        return f"Pathway {self.name!r}"

    def texts(self, side: str) -> Mapping[str, str]:
        """Return the texts of the effects of one end, `pre` or `post`, by event."""
        return texts_by_event(self.on_pre if side == "pre" else self.on_post)

    @cached_property
    def effects(self) -> Mapping[Trigger, tuple[Assignment, ...]]:
        """What events do, in the order in which it is done if all happen in one step.

        The effects of presynaptic events come before those of postsynaptic ones; among them, that of spikes comes
        before the others, which are in alphabetical order.
        """
        found = {
            Trigger(side, event): parse_assignments(text)
            for side in SIDES
            for event, text in sorted(
                self.texts(side).items(), key=lambda item: (item[0] != SPIKE, item[0])
            )
        }
        return {trigger: lines for trigger, lines in found.items() if lines}

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """The assignments of all effects."""
        return tuple(line for lines in self.effects.values() for line in lines)

    @property
    def variables(self) -> Mapping[str, Declaration]:
        """The variables that each synapse has for itself by name, without the weight."""
        lines = parse_declarations(self.equations)
        return {d.name: d for d in lines if not {SUMMED, SHARED} & {*d.flags}}

    @property
    def sums(self) -> Mapping[str, Declaration]:
        """The equations of variables of the postsynaptic population that are sums over synapses, by variable."""
        lines = parse_declarations(self.equations)
        return {d.name.removesuffix("_post"): d for d in lines if SUMMED in d.flags}

    @property
    def acts_in_every_step(self) -> bool:
        """Whether synapses are evaluated in every step, not only when events arrive."""
        return bool(self.sums or self.clock_driven)

    @property
    def weight_dimension(self) -> Dimension | None:
        """Physical dimension of the weight, or None if there is no weight."""
        return None if self.weight is None else self.weight.dimension

    @property
    def event_driven(self) -> tuple[str, ...]:
        """The variables of synapses that have an equation, which is solved from spike to spike."""
        return tuple(n for n, d in self.variables.items() if EVENT_DRIVEN in d.flags)

    @property
    def clock_driven(self) -> tuple[str, ...]:
        """The variables of synapses that have an equation, of which each time step is a forward Euler step."""
        return tuple(n for n, d in self.variables.items() if CLOCK_DRIVEN in d.flags)

    @property
    def has_own_weights(self) -> bool:
        """Whether each synapse has its own weight: it is not one number for all synapses, or it is plastic."""
        return self.weight is not None and (self.has_plastic_weights or not _single(self.weight))

    @property
    def has_plastic_weights(self) -> bool:
        """Whether spikes change the weight: `on_pre` or `on_post` assigns to it."""
        return any(line.target == WEIGHT for line in self.assignments)

    @property
    def synaptic_units(self) -> Mapping[str, str]:
        """The SI unit of each variable of synapses that can be recorded, the weight of each synapse included."""
        units = {name: unit_name(unit(d.unit)[0]) for name, d in self.variables.items()}
        dimension = self.weight_dimension
        own = dimension is not None and self.has_own_weights
        return {**units, WEIGHT: unit_name(dimension)} if own and dimension else units

    def synapse_start_values(self) -> dict[str, Initial]:
        """Return the initial values of the variables that each synapse has for itself, its weight included."""
        values = {n: self.initial.get(n, Fixed(0.0)) for n in self.variables}
        return {**values, WEIGHT: self.weight} if self.has_own_weights else values

    @property
    def has_one_delay(self) -> bool:
        """Whether presynaptic events reach all synapses after the same time."""
        return self.has_same_arrival("pre")

    def has_same_arrival(self, side: str) -> bool:
        """Return whether events of one end, `pre` or `post`, reach all synapses of a unit in the same step."""
        delay = self.delay_of(side)
        return delay is None or _single(delay)

    def delay_of(self, side: str) -> Initial | None:
        """Return the delay of the events of one end, `pre` or `post`."""
        found: Initial | None = self.delay if side == "pre" else self.post_delay
        return found

    @property
    def equal_start_values(self) -> set[str]:
        """The variables that each synapse has for itself and that start with one value in all synapses."""
        return {n for n, value in self.synapse_start_values().items() if _single(value)}

    def _check_not_empty(self, side: str) -> None:
        for event, text in self.texts(side).items():
            given = self.on_pre if side == "pre" else self.on_post
            left_out = not isinstance(given, Mapping) and (
                side == "post" or self.acts_in_every_step
            )
            if not parse_assignments(text) and not left_out:
                raise EquationError(
                    f"{Trigger(side, event).field} is empty; write what the event does, such as "
                    "'g_post += weight'"
                )

    def _check_values(self, where: str, declared: Mapping[str, Declaration]) -> None:
        for name, line in declared.items():
            if line.flags == (SUMMED,):
                self._check_sum(where, line)
                continue
            if line.kind == "parameter" and line.flags == (SHARED,):
                self._check_shared(where, line)
                continue
            if line.kind == "subexpression":
                raise EquationError(
                    f"{where}: {name!r} is a subexpression; write its right-hand side where it is used"
                )
            if line.kind == "state" and line.flags not in ((EVENT_DRIVEN,), (CLOCK_DRIVEN,)):
                raise EquationError(
                    f"{where}: the equation of {name!r} must end with (event-driven), if it is linear and "
                    "solved from spike to spike, or with (clock-driven), if it is integrated in every step"
                )
            self._check_flags(where, line)
        declared = self.variables
        for name, value in self.initial.items():
            if name not in declared:
                raise UnknownMemberError(
                    f"variable of {where} given an initial value", name, declared
                )
            check_unit_text(f"{where}: initial value of {name!r}", value, declared[name].unit)
            self._check_start(f"{where}: initial value of {name!r}", value)
        if self.weight is not None:
            self._check_start(f"{where}: weight", self.weight)
        for name in self.parameters:
            if name in declared:
                raise ParameterError(
                    f"{where}: {name!r} is a variable of each synapse; give its value in `initial`"
                )

    def _check_shared(self, where: str, line: Declaration) -> None:
        name = line.name
        self._check_not_assigned(where, line)
        if name in self.initial or name not in self.parameters:
            raise ParameterError(
                f"{where}: {name!r} is (shared); give its value in `parameters`, as parameters={{{name!r}: ...}}"
            )
        check_unit_text(f"{where}: parameters[{name!r}]", self.parameters[name], line.unit)

    def _check_sum(self, where: str, line: Declaration) -> None:
        if line.kind != "subexpression" or not line.name.endswith("_post"):
            raise EquationError(
                f"{where}: {line.name!r} is summed, so it must be a variable of the postsynaptic population, as "
                "in 'g_post = weight*gate : siemens (summed)'; for sums over the synapses of a presynaptic unit, "
                "exchange pre and post"
            )

    def _check_flags(self, where: str, line: Declaration) -> None:
        """Check the flags of a variable without equation; only `(constant)` has a meaning."""
        others = [] if line.kind != "parameter" else [f for f in line.flags if f != CONSTANT]
        if others:
            raise EquationError(f"{where}: the flag ({others[0]}) has no meaning here; remove it")
        if line.flags == (CONSTANT,):
            self._check_not_assigned(where, line)

    def _check_not_assigned(self, where: str, line: Declaration) -> None:
        if line.name in {x.target for x in self.assignments}:
            raise EquationError(
                f"{where}: {line.name!r} is ({line.flags[0]}), but spikes assign to it; remove the flag"
            )

    def _check_delay(self, where: str, delay: Initial | None) -> None:
        if delay is None:
            return
        if delay.dimension != TIME:
            raise UnitError(
                f"{where} {is_in(unit_name(delay.dimension))}; it must be a time, such as '1 ms'"
            )
        self._check_start(where, delay)

    def _check_start(self, where: str, value: Initial) -> None:
        count = self.connect.count
        if (
            isinstance(value, Fixed)
            and not value.value.scalar
            and np.shape(value.value.value) != (count,)
        ):
            one_each = f", or {count} numbers" if count is not None else ""
            raise ShapeError(
                f"{where} must be one number or a distribution such as Uniform{one_each}"
            )
        value.check_synapses(where, count or 0)


def _single(value: Initial) -> bool:
    return isinstance(value, Fixed) and value.value.scalar
