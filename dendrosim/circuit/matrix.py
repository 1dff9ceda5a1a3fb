"""Weight matrices of a circuit, and the projections that use them. Pure data, validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dendrosim.circuit.initial_values.coercion import as_initial
from dendrosim.circuit.paths import check_path
from dendrosim.circuit.validation import (
    as_parameters,
    check_name,
    check_symbol,
    check_unit_text,
)
from dendrosim.equations.declarations import parse_declarations
from dendrosim.errors import (
    EquationError,
    SpecError,
    prefix_errors,
)
from dendrosim.spec import Spec


@dataclass(frozen=True, eq=False)
class Matrix(Spec):
    """A named weight matrix of shape (units of `post`, units of `pre`), with optional plasticity.

    `plasticity` is one differential equation for the weight; its right-hand side may use the weight's
    own name, variables of the two populations with the suffixes `_post` and `_pre`, and parameters.
    Outer products are averaged over the batch. A call of `s`, `ds`, `inv_s` means the transfer
    function of `post`. `unit` is the unit of a matrix without plasticity.

    With `inverse_of` it is the inverse of another, square matrix: it has no state of its own and is
    refreshed whenever that one changes.
    """

    name: str
    post: str
    pre: str
    initial: Any = 0.0
    plasticity: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unit: str = "1"
    inverse_of: str | None = None
    scope: str = ""

    def __post_init__(self) -> None:
        where = f"Matrix {self.name!r}"
        check_name(where, self.name)
        if self.inverse_of is not None and (self.plasticity is not None or self.parameters):
            raise SpecError(
                f"{where}: the inverse of {self.inverse_of!r} cannot have plasticity of its own; leave it out"
            )
        self._set(
            initial=as_initial(self.initial), parameters=as_parameters(where, self.parameters)
        )
        if self.plasticity is not None:
            with prefix_errors(where):
                lines = parse_declarations(self.plasticity)
            if len(lines) != 1 or lines[0].kind != "state":
                raise EquationError(
                    f"{where}: plasticity must be one equation 'dw/dt = ... : unit'"
                )
            check_symbol(where, lines[0].name)
            self._set(unit=lines[0].unit)
        check_unit_text(f"{where}: initial value", self.initial, self.unit)

    @property
    def weight(self) -> str:
        """The name by which the plasticity text calls the weight."""
        return parse_declarations(self.plasticity)[0].name if self.plasticity else "w"

    @property
    def rate(self) -> str:
        """The right-hand side of the plasticity equation, empty if the matrix is fixed."""
        return parse_declarations(self.plasticity)[0].expression if self.plasticity else ""


@dataclass(frozen=True, eq=False)
class Projection(Spec):
    """`target` receives matrix (or its transpose) times `source`; several projections add up.

    `source` and `target` are `population.variable`; the source is a state, a subexpression, an input or
    a variable that is itself fed; the target a plain declared variable.
    """

    source: str
    matrix: str
    target: str
    transpose: bool = False

    def __post_init__(self) -> None:
        for path in (self.source, self.target):
            check_path("Projection", path)

    def __str__(self) -> str:
        return f"projection {self.source} -> {self.matrix}{'^T' if self.transpose else ''} -> {self.target}"
