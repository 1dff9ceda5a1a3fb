"""Populations of a circuit: identical units with equations. Pure data, validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dendrosim.circuit.initial_values.coercion import as_initial
from dendrosim.circuit.validation import (
    as_parameters,
    check_name,
    check_symbol,
    check_unit_text,
)
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.equations.declarations import Declaration, find_identifiers, parse_declarations
from dendrosim.equations.rewriting import put_transfer_in_place
from dendrosim.equations.transfer.lookup import find_transfer
from dendrosim.errors import (
    EquationError,
    ParameterError,
    ShapeError,
    SpecError,
    UnknownMemberError,
    prefix_errors,
)
from dendrosim.spec import Spec, freeze_mapping
from dendrosim.units import quantity

LAST_SPIKE, SPIKE, REFRACTORY = "lastspike", "spike", "unless refractory"


@dataclass(frozen=True, eq=False)
class Population(Spec):
    """`size` identical units.

    Parameters
    ----------
    name : str
        Lower-case identifier.
    size : int
        Number of units.
    equations : str
        Equation text, Brian2 syntax: `dx/dt = ... : unit` is a state, `x = ... : unit` a
        subexpression, `x : unit` a variable that a projection feeds, an input, or a parameter.
    inputs : mapping or iterable of names, optional
        Variables that the circuit takes from outside, with the value of an undriven one; a name
        without value (None) must be driven by every protocol.
    parameters : mapping, optional
        Values of symbols: a quantity, or one number per unit.
    initial : mapping, optional
        Initial values of states (default 0).
    transfer : str, optional
        What `s`, `ds` and `inv_s` mean in the text; a name of a file in `dendrosim.equations.transfer`.
    threshold : str, optional
        When a unit spikes: a condition on its variables, such as `v > v_threshold`.
    reset : str, optional
        What a spike does to the unit itself: assignments to states, such as `v = v_reset`.
    refractory : str, optional
        How long a unit cannot spike again: an expression in units of time, such as `t_refractory`.
        Meanwhile the states whose equation ends with `(unless refractory)` stand still, for pathways
        as well; all others go on. `lastspike` is the time of a unit's last spike, long ago if there was none.
    scope : str, optional
        Prefix with which circuit parameters are looked up; set by `Circuit.join`.
    """

    name: str
    size: int
    equations: str
    inputs: Any = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    transfer: str | None = None
    threshold: str | None = None
    reset: str = ""
    refractory: str | None = None
    scope: str = ""

    def __post_init__(self) -> None:
        where = f"Population {self.name!r}"
        check_name(where, self.name)
        if isinstance(self.size, bool) or int(self.size) != self.size or self.size < 1:
            raise ShapeError(f"{where}: size is {self.size!r}; it must be an integer of at least 1")
        if self.transfer is not None:
            find_transfer(self.transfer)
        inputs = (
            self.inputs if isinstance(self.inputs, Mapping) else dict.fromkeys(_names(self.inputs))
        )
        self._set(
            size=int(self.size),
            inputs=freeze_mapping(
                {k: None if v is None else quantity(v) for k, v in inputs.items()}
            ),
            parameters=as_parameters(where, self.parameters, int(self.size)),
            initial=freeze_mapping({k: as_initial(v) for k, v in self.initial.items()}),
        )
        with prefix_errors(where):
            declared = {d.name: d for d in parse_declarations(self.equations)}
        for name in declared:
            check_symbol(where, name)
        self._check_members(where, declared)
        self._check_spikes(where, declared)

    def _check_spikes(self, where: str, declared: Mapping[str, Declaration]) -> None:
        for name in ("threshold", "refractory"):
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or not text.strip()):
                raise EquationError(
                    f"{where}: {name} is {text!r}; it must be an expression, or left out"
                )
        if self.threshold is None:
            for name in ("reset", "refractory"):
                if getattr(self, name):
                    raise SpecError(f"{where}: {name} has no meaning without a threshold; give one")
            if LAST_SPIKE in {s for d in declared.values() for s in d.symbols}:
                raise SpecError(f"{where}: lastspike has no meaning without a threshold; give one")
        clamped = [n for n, d in declared.items() if REFRACTORY in d.flags]
        if clamped and self.refractory is None:
            raise SpecError(
                f"{where}: {clamped[0]!r} stands still '(unless refractory)', but there is no refractory "
                "period; give `refractory`"
            )
        if SPIKE in declared and self.threshold is not None:
            raise SpecError(f"{where}: the name 'spike' is reserved for its spikes; choose another")
        with prefix_errors(where):
            assigned = [x.target for x in parse_assignments(self.reset)]
        for name in assigned:
            if name not in self.states:
                raise UnknownMemberError(
                    f"state of {where} that the reset assigns to", name, self.states
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
                        f"{where}: {name!r} is a {declared[name].kind}, it takes no value"
                    )
                check_unit_text(f"{where}: parameter {name!r}", value, declared[name].unit)

    @property
    def variables(self) -> Mapping[str, Declaration]:
        """Every declared variable by name, in the order of the text."""
        return {d.name: d for d in parse_declarations(self.equations)}

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the variables with a differential equation."""
        return tuple(d.name for d in parse_declarations(self.equations) if d.kind == "state")

    @property
    def spiking(self) -> bool:
        """Whether the units have a threshold."""
        return self.threshold is not None

    # -- texts with transfer functions in place, as Brian2 reads them, made once ------------------

    @cached_property
    def equations_in_place(self) -> Mapping[str, str]:
        """The right-hand side of every state and subexpression by name.

        Calls of `s`, `ds` and `inv_s` are replaced by the texts of the transfer function; raises EquationError
        if one has no meaning.
        """
        return {
            name: self._in_place(declared.expression, f"{self.name}.{name}")
            for name, declared in self.variables.items()
            if declared.expression
        }

    @cached_property
    def threshold_in_place(self) -> str | None:
        """The condition at which a unit spikes, likewise."""
        where = f"Population {self.name!r}: threshold"
        return None if self.threshold is None else self._in_place(self.threshold, where)

    @cached_property
    def refractory_in_place(self) -> str | None:
        """The refractory period that the program needs, likewise."""
        where, text = f"Population {self.name!r}: refractory", self.refractory_text
        return None if text is None else self._in_place(text, where)

    @cached_property
    def reset_in_place(self) -> tuple[Assignment, ...]:
        """The assignments of a spike to the unit itself, likewise."""
        where = f"Population {self.name!r}: reset"
        return tuple(
            replace(s, expression=self._in_place(s.expression, where))
            for s in parse_assignments(self.reset)
        )

    def _in_place(self, text: str, where: str) -> str:
        return put_transfer_in_place(text, self.transfer, where)

    @property
    def refractory_text(self) -> str | None:
        """The refractory period that the program needs: 0 where only the time of the last spike is used."""
        if self.refractory is not None or not self.spiking:
            return self.refractory
        texts = [*(d.expression for d in self.variables.values()), self.threshold, self.reset]
        used = any(LAST_SPIKE in find_identifiers(t) for t in texts if t)
        return "0*second" if used else None


def _names(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
