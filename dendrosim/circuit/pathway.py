"""What joins spiking populations: connections along which a spike changes the other side. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.base import Connections
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.coercion import as_initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.validation import as_parameters, check_name, check_symbol, check_unit_text
from dendrosim.equations.assignments import parse_assignments
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
from dendrosim.spec import Spec, freeze_mapping
from dendrosim.units import TIME, Dimension, unit_name

WEIGHT = "weight"
"""The name by which a pathway's text calls the weight of a synapse."""


@dataclass(frozen=True, eq=False)
class Pathway(Spec):
    """Synapses by which spikes of `pre` change units of `post`.

    Parameters
    ----------
    name : str
        Lower-case identifier.
    pre, post : str
        Populations; `pre` must have a threshold (`post` as well if there is `on_post`).
    on_pre : str
        What a spike of the presynaptic unit does: assignments to states of the postsynaptic unit
        (`g_post`), of the presynaptic one (`x_pre`) or of the synapse.
    connect : Connections, optional
        `AllToAll`, `OneToOne`, `Probability`, `InDegree`, `Pairings`.
    weight : quantity or Initial, optional
        What `weight` means in the text: one number, or one per synapse drawn from a distribution.
    delay : time or Initial, optional
        From the spike to its effect, rounded to whole time steps, at least one; without it, the
        effect is there at the end of the step of the spike.
    equations : str, optional
        Variables of every synapse: `x : unit` for a number, `dx/dt = ... : unit (event-driven)` for a
        state with a linear equation, which is solved exactly from spike to spike.
    on_post : str, optional
        What a spike of the postsynaptic unit does (without delay).
    parameters : mapping, optional
        Values of symbols.
    initial : mapping, optional
        Initial values of the variables in `equations` (default 0).
    scope : str, optional
        Prefix with which circuit parameters are looked up; set by `Circuit.join`.
    """

    name: str
    pre: str
    post: str
    on_pre: str
    connect: Any = field(default_factory=AllToAll)
    weight: Any = None
    delay: Any = None
    equations: str = ""
    on_post: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""

    def __post_init__(self) -> None:
        where = str(self)
        check_name(where, self.name)
        if not isinstance(self.connect, Connections):
            raise SpecError(
                f"{where}: connect is {self.connect!r}; it must be one of {', '.join(Connections.choices())}"
            )
        self._set(
            parameters=as_parameters(where, self.parameters),
            initial=freeze_mapping({k: as_initial(v) for k, v in self.initial.items()}),
            weight=None if self.weight is None else as_initial(self.weight),
            delay=None if self.delay is None else as_initial(self.delay),
        )
        with prefix_errors(where):
            declared = {d.name: d for d in parse_declarations(self.equations)}
            if not parse_assignments(self.on_pre):
                raise EquationError(
                    "on_pre says nothing; write what a spike does, 'g_post += weight'"
                )
            parse_assignments(self.on_post)
        for name in declared:
            check_symbol(where, name)
        if WEIGHT in declared or WEIGHT in self.parameters:
            raise SpecError(
                f"{where}: give the weight as Pathway.weight, not in equations or parameters"
            )
        self._check_values(where, declared)
        self._check_delay(where)

    def __str__(self) -> str:
        return f"Pathway {self.name!r}"

    @property
    def variables(self) -> Mapping[str, Declaration]:
        """The variables of every synapse by name, without the weight."""
        return {d.name: d for d in parse_declarations(self.equations)}

    @property
    def weight_dimension(self) -> Dimension | None:
        """Dimension of the weight, None without one."""
        return None if self.weight is None else self.weight.dimension

    @property
    def has_own_weights(self) -> bool:
        """Whether every synapse has a weight of its own."""
        return self.weight is not None and not _single(self.weight)

    def synapse_start_values(self) -> dict[str, Initial]:
        """Return the start value of every variable that each synapse has for itself, weight included."""
        values = {n: self.initial.get(n, Fixed(0.0)) for n in self.variables}
        return {**values, WEIGHT: self.weight} if self.has_own_weights else values

    def _check_values(self, where: str, declared: Mapping[str, Declaration]) -> None:
        for name, line in declared.items():
            if line.kind == "subexpression":
                raise EquationError(
                    f"{where}: {name!r} is a subexpression; write its right-hand side where it is used"
                )
            if line.kind == "state" and line.flags != ("event-driven",):
                raise EquationError(
                    f"{where}: the equation of {name!r} must end with (event-driven): synapses are brought "
                    "up to date when a spike arrives"
                )
            if line.kind == "parameter" and line.flags:
                raise EquationError(
                    f"{where}: the flag ({line.flags[0]}) has no meaning here; remove it"
                )
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
                    f"{where}: {name!r} belongs to every synapse; give its value in `initial`"
                )

    def _check_delay(self, where: str) -> None:
        if self.delay is None:
            return
        if self.delay.dimension != TIME:
            raise UnitError(
                f"{where}: delay is in {unit_name(self.delay.dimension)}; it must be a time, such as '1 ms'"
            )
        self._check_start(f"{where}: delay", self.delay)

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
        value.check(where, (count or 0,))


def _single(value: Initial) -> bool:
    return isinstance(value, Fixed) and value.value.scalar
