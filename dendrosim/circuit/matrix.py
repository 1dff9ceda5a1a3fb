"""Weight matrices, and the projections that use them. They are data, checked when they are made."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from math import inf
from typing import Annotated, Any, Literal

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.checks import as_code, as_time, as_unit, as_value, optional
from dendrosim.circuit.connectivity.coercion import as_rule
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix_rule import compose, read_plasticity
from dendrosim.circuit.paths import as_path
from dendrosim.circuit.validation import (
    as_initial_value,
    as_name,
    as_parameters,
    as_scope,
    check_symbol,
    check_unit_text,
)
from dendrosim.equations.declarations import parse_declarations
from dendrosim.errors import (
    ParameterError,
    SpecError,
    abbreviate,
)
from dendrosim.spec import Spec

LARGEST_CONDITION = 1e12
"""Weights with a larger condition number count as singular: their inverse would have under four correct digits."""


def _as_bounds(where: str, value: Any) -> tuple[Any, Any]:
    """Return bounds as a pair of quantities, with None for an open end."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ParameterError(
            f"{where} is {abbreviate(value)}; it must be a pair (low, high), with None for an open end"
        )
    low, high = (optional(as_value)(where, end) for end in value)
    if low is not None and high is not None and not low.value <= high.value:
        raise ParameterError(f"{where}: low = {low} exceeds high = {high}")
    return low, high


@dataclass(frozen=True, eq=False)
class Matrix(Spec):
    """Declare a matrix of weights between two populations, with or without plasticity.

    A matrix has the shape (units of `post`, units of `pre`). It is dense, or sparse with `connect`. A matrix has
    no effect by itself; a `Projection` uses it.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores.
    post, pre : str
        Names of the postsynaptic and the presynaptic population.
    initial : quantity, array of shape (post, pre), or Initial, optional
        Initial weights, in the unit of the matrix (default 0). With `connect`, of an array only the weights of
        connected units are used; with `Pairings`, it may also have the shape (connections,).
    plasticity : str, optional
        The differential equation of a weight, such as `dw/dt = eta*h_post*h_pre : 1`, in Brian2's syntax. Its
        right-hand side may use the weight, variables of the two populations with the suffixes `_post` and `_pre`,
        `parameters`, and parameters and gates of the circuit. The name of another dense matrix between the same
        populations means its weight for the same pair of units, at the beginning of the step; so an eligibility
        of each weight is a matrix of its own. Calls of `s`, `ds` and `inv_s` mean the transfer function of `post`.
        In a batch, the right-hand side is averaged over the samples.
    parameters : mapping of str to quantity, optional
        Values of symbols in the equation, each one number.
    unit : str, optional
        Unit of the weights of a matrix without plasticity (default no unit). With plasticity, the equation gives
        the unit.
    inverse_of : str, optional
        Name of the square matrix of which this matrix is the inverse. `post` must then be the `pre` of that other
        matrix, and `pre` must be its `post`. An inverse has no state of its own, takes no `plasticity`, and is
        computed anew whenever the other matrix changes.
    bounds : pair of quantity or None, optional
        Smallest and largest weight, in the unit of the matrix; None leaves an end open. In each time step, weights
        are changed by plasticity, and those that have left the bounds are set to the nearest bound. The initial
        weights must be inside. The vector field does not change, so that a fixed point of free weights is one of
        runs only if it is inside; others are refused.
    sign : {"excitatory", "inhibitory"}, optional
        Dale's law: weights are never negative, or never positive, in the same way as with `bounds`. With both,
        both hold.
    connect : Connections, optional
        Rule by which units are connected, such as `Probability`, `OneToOne` or `LocalPatches`. The matrix is then
        sparse: only connected units have a weight, which is stored, multiplied and changed by plasticity; all
        others count as 0. Random connections are drawn from the seed of the run. By default the matrix is dense.
    scope : str, optional
        Prefix under which parameters and gates of the circuit are looked up; `Circuit.join` sets it.
    rule : MatrixRule or sequence of MatrixRule, optional
        Plasticity rules, such as those of `ds.rules`, whose rates of change are added to `plasticity`, and whose
        parameters to those given here; see `MatrixRule`. The matrix keeps texts and values, but not the rules.

    Raises
    ------
    SpecError
        If a field is not valid: EquationError unless `plasticity` is one differential equation, UnitError if the
        initial weights have another unit, ShapeError or ParameterError for other wrong values. `Circuit` checks
        that the matrix fits the other objects.

    Examples
    --------
    >>> import dendrosim as ds
    >>> fixed = ds.Matrix("w_up", post="cell", pre="input", initial=ds.Normal(0.1))
    >>> plastic = ds.Matrix(
    ...     "w", "cell", "input", ds.Normal(0.1), "dw/dt = eta*(h_post - w*rate_pre)*rate_pre : 1"
    ... )
    >>> plastic.weight
    'w'
    >>> by_rule = ds.Matrix("u", "cell", "input", ds.Normal(0.1), rule=ds.rules.oja("rate", "h"))
    >>> sparse = ds.Matrix("v", "cell", "cell", ds.Normal(0.1), connect=ds.Probability(0.05))
    """

    name: Annotated[str, as_name]
    post: Annotated[str, as_name]
    pre: Annotated[str, as_name]
    initial: Annotated[Any, as_initial_value] = 0.0
    plasticity: Annotated[str | None, optional(as_code)] = None
    parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    unit: Annotated[str, as_unit] = "1"
    inverse_of: Annotated[str | None, optional(as_name)] = None
    bounds: Annotated[Any, optional(_as_bounds)] = None
    sign: Literal["excitatory", "inhibitory"] | None = None
    connect: Annotated[Any, optional(as_rule)] = None
    scope: Annotated[str, as_scope] = ""
    rule: InitVar[Any] = None

    def __post_init__(self, rule: Any) -> None:
        where = f"Matrix {self.name!r}"
        if rule is not None:
            self._set(**compose(where, rule, self.plasticity, self.parameters))
        if self.inverse_of is not None and self.connect is not None:
            raise SpecError(
                f"{where}: the inverse of {self.inverse_of!r} has a weight for every pair of units; leave "
                "`connect` out"
            )
        if self.inverse_of is not None and self.bounded:
            raise SpecError(
                f"{where}: the inverse of {self.inverse_of!r} follows from its weights; leave `bounds` and `sign` "
                "out"
            )
        if self.inverse_of is not None and (self.plasticity is not None or self.parameters):
            raise SpecError(
                f"{where}: the inverse of {self.inverse_of!r} cannot have plasticity of its own; leave it out"
            )
        if self.plasticity is not None:
            line = read_plasticity(where, self.plasticity)
            check_symbol(where, line.name)
            self._set(unit=line.unit)
        check_unit_text(f"{where}: initial value", self.initial, self.unit)
        self._check_bounds(where)

    def _check_bounds(self, where: str) -> None:
        for bound in self.bounds or ():
            if bound is not None:
                check_unit_text(f"{where}: bounds", Fixed(bound), self.unit)
        low, high = self.limits
        if not low <= high:
            raise ParameterError(
                f"{where}: no weight can be {self.sign} and within bounds {self._bounds_text()}; change one of "
                "them"
            )
        if isinstance(self.initial, Fixed):
            self.check_weights(f"{where}: initial value", np.asarray(self.initial.value.value))
        elif self.initial.least is not None and self.initial.least < low:
            raise ParameterError(
                f"{where}: initial value: {type(self.initial).__name__} has numbers from {self.initial.least:g}, "
                f"but weights must be at least {low:g}; change one of them"
            )

    def _bounds_text(self) -> str:
        ends = ["open" if bound is None else str(bound) for bound in self.bounds or (None, None)]
        return f"({', '.join(ends)})"

    @property
    def bounded(self) -> bool:
        """Whether weights have bounds or a sign."""
        return self.bounds is not None or self.sign is not None

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest weight by bounds and sign, as SI numbers; infinite if there is no such limit."""
        low, high = self.bounds or (None, None)
        least = -inf if low is None else float(low.value)
        most = inf if high is None else float(high.value)
        if self.sign == "excitatory":
            least = max(least, 0.0)
        if self.sign == "inhibitory":
            most = min(most, 0.0)
        return least, most

    def check_weights(self, where: str, weights: AnyArray) -> None:
        """Raise ParameterError if a weight at the beginning is outside of the limits."""
        low, high = self.limits
        wrong = (weights < low) | (weights > high)
        if np.any(wrong):
            rule = (
                f"{self.sign} (sign)"
                if self.bounds is None
                else f"within {self._bounds_text()} (bounds)"
            )
            both = f" and {self.sign} (sign)" if self.bounds is not None and self.sign else ""
            raise ParameterError(
                f"{where}: a weight is {np.atleast_1d(weights)[np.atleast_1d(wrong)][0]:g}, but weights must be "
                f"{rule}{both}; start from other weights, such as Uniform"
            )

    @property
    def weight(self) -> str:
        """The name of the weight in the plasticity equation, or `w` if there is no such equation."""
        return parse_declarations(self.plasticity)[0].name if self.plasticity else "w"

    @property
    def rate(self) -> str:
        """The right-hand side of the plasticity equation, or an empty text if the matrix is fixed."""
        return parse_declarations(self.plasticity)[0].expression if self.plasticity else ""


@dataclass(frozen=True, eq=False)
class Projection(Spec):
    """Feed a variable with the product of a matrix and another variable.

    In every time step, the target receives the product of the matrix (or its transpose) and the source, both with
    their values at the beginning of the step, unless there is a delay. If several projections have the same
    target, their products add up.

    Parameters
    ----------
    source : str
        Variable that is multiplied by the matrix, written `population.variable`: a state, a subexpression, an
        input, or a variable that is itself the target of projections.
    matrix : str
        Name of the matrix. Several projections may use the same matrix.
    target : str
        Variable that receives the product, written `population.variable`. It must be declared without equation,
        must not be an input, and must have no value in `parameters`.
    transpose : bool, optional
        Whether to use the transpose of the matrix, from its `post` population to its `pre` (default False).
    delay : time, optional
        Time from a value of the source to its effect, a whole number of time steps (default: none). The target
        receives the product of the present weights and of the source's value at that time before. Before the run,
        the source had the value that it has in the first step.

    Raises
    ------
    SpecError
        If `source` or `target` is not written `population.variable`. `Circuit` also raises this error if an object
        does not exist, or if shapes or units do not fit.

    Examples
    --------
    >>> import dendrosim as ds
    >>> up = ds.Projection("input.rate", "w", "cell.drive")
    >>> down = ds.Projection("cell.h", "w", "input.error", transpose=True)
    """

    source: Annotated[str, as_path]
    matrix: Annotated[str, as_name]
    target: Annotated[str, as_path]
    transpose: bool = False
    delay: Annotated[Any, optional(as_time)] = None

    def __str__(self) -> str:
        return f"projection {self.source} -> {self.matrix}{'^T' if self.transpose else ''} -> {self.target}"
