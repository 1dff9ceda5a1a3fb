"""The specification of a circuit: populations, weight matrices, projections. Pure data, validated.

Nothing here knows Brian2. Equations are text in Brian2's syntax; their symbols are resolved in this order:
variables declared in the text, the object's own `parameters`, the circuit's `parameters` and `gates`.
Spike-driven pathways will be one more kind of member beside projections.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dendrosim.declarations import Declaration, declarations
from dendrosim.errors import (
    EquationError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)
from dendrosim.initial import Fixed, Identity, Initial, initial
from dendrosim.spec import Spec, frozen_mapping
from dendrosim.transfer import CALLS, transfer
from dendrosim.units import DIMENSIONLESS, Dimension, Quantity, quantity, unit, unit_name

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_RESERVED = {"t", "dt", "i", "j", "N", "xi", "lastspike", "pi", "e", "inf", *CALLS}


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
        What `s`, `ds` and `inv_s` mean in the text; a key of `dendrosim.transfer.TRANSFERS`.
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
    scope: str = ""

    def __post_init__(self) -> None:
        where = f"Population {self.name!r}"
        _check_name(where, self.name)
        if isinstance(self.size, bool) or int(self.size) != self.size or self.size < 1:
            raise ShapeError(f"{where}: size is {self.size!r}; it must be an integer of at least 1")
        if self.transfer is not None:
            transfer(self.transfer)
        inputs = (
            self.inputs if isinstance(self.inputs, Mapping) else dict.fromkeys(_names(self.inputs))
        )
        self._set(
            size=int(self.size),
            inputs=frozen_mapping(
                {k: None if v is None else quantity(v) for k, v in inputs.items()}
            ),
            parameters=_quantities(where, self.parameters),
            initial=frozen_mapping({k: initial(v) for k, v in self.initial.items()}),
        )
        with _located(where):
            declared = {d.name: d for d in declarations(self.equations)}
        for name in declared:
            _check_symbol(where, name)
        self._check_members(where, declared)

    def _check_members(self, where: str, declared: Mapping[str, Declaration]) -> None:
        plain = [n for n, d in declared.items() if d.kind == "parameter"]
        for name, default in self.inputs.items():
            if name not in plain:
                raise UnknownMemberError(f"input of {where}", name, plain)
            if default is not None:
                _same_unit(f"{where}: input {name!r}", default, declared[name].unit)
        states = [n for n, d in declared.items() if d.kind == "state"]
        for name, value in self.initial.items():
            if name not in states:
                raise UnknownMemberError(f"state of {where} given an initial value", name, states)
            _same_unit(f"{where}: initial value of {name!r}", value, declared[name].unit)
            _check_fixed(f"{where}: initial value of {name!r}", value, (self.size,))
        for name, value in self.parameters.items():
            if name in declared:
                if name not in plain or name in self.inputs:
                    raise ParameterError(
                        f"{where}: {name!r} is a {declared[name].kind}, it takes no value"
                    )
                _same_unit(f"{where}: parameter {name!r}", value, declared[name].unit)
            if not value.scalar and np.shape(value.value) != (self.size,):
                shape = np.shape(value.value)
                raise ShapeError(
                    f"{where}: parameter {name!r} has shape {shape}; give one number or {self.size} of them"
                )

    @property
    def variables(self) -> Mapping[str, Declaration]:
        """Every declared variable by name, in the order of the text."""
        return {d.name: d for d in declarations(self.equations)}

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the variables with a differential equation."""
        return tuple(d.name for d in declarations(self.equations) if d.kind == "state")


@dataclass(frozen=True, eq=False)
class Matrix(Spec):
    """A named weight matrix of shape (units of `post`, units of `pre`), with optional plasticity.

    `plasticity` is one differential equation for the weight; its right-hand side may use the weight's
    own name, variables of the two populations with the suffixes `_post` and `_pre`, and parameters.
    Outer products are averaged over the batch. A call of `s`, `ds`, `inv_s` means the transfer
    function of `post`. `unit` is the unit of a matrix without plasticity.
    """

    name: str
    post: str
    pre: str
    initial: Any = 0.0
    plasticity: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unit: str = "1"
    scope: str = ""

    def __post_init__(self) -> None:
        where = f"Matrix {self.name!r}"
        _check_name(where, self.name)
        self._set(initial=initial(self.initial), parameters=_quantities(where, self.parameters))
        for name, value in self.parameters.items():
            if not value.scalar:
                raise ShapeError(f"{where}: parameter {name!r} must be one number")
        if self.plasticity is not None:
            with _located(where):
                lines = declarations(self.plasticity)
            if len(lines) != 1 or lines[0].kind != "state":
                raise EquationError(
                    f"{where}: plasticity must be one equation 'dw/dt = ... : unit'"
                )
            _check_symbol(where, lines[0].name)
            self._set(unit=lines[0].unit)
        _same_unit(f"{where}: initial value", self.initial, self.unit)

    @property
    def weight(self) -> str:
        """The name by which the plasticity text calls the weight."""
        return declarations(self.plasticity)[0].name if self.plasticity else "w"

    @property
    def rate(self) -> str:
        """The right-hand side of the plasticity equation, empty if the matrix is fixed."""
        return declarations(self.plasticity)[0].expression if self.plasticity else ""


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
            if path.count(".") != 1:
                raise SpecError(f"Projection: {path!r} must be written population.variable")

    def __str__(self) -> str:
        return f"projection {self.source} -> {self.matrix}{'^T' if self.transpose else ''} -> {self.target}"


@dataclass(frozen=True, eq=False)
class Circuit(Spec):
    """Populations joined by matrices and projections.

    `parameters` are numbers shared by all equations; `gates` are dimensionless numbers that a
    protocol's phases may set (here: their value where no phase does).

    Raises
    ------
    SpecError
        Or one of its kinds, naming the object and field, if anything does not fit together:
        names, shapes, units, symbols, loops within one step.
    """

    populations: tuple[Population, ...]
    matrices: tuple[Matrix, ...] = ()
    projections: tuple[Projection, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            populations=tuple(self.populations),
            matrices=tuple(self.matrices),
            projections=tuple(self.projections),
            parameters=_quantities("Circuit", self.parameters),
            gates=frozen_mapping({k: _gate(k, v) for k, v in self.gates.items()}),
        )
        if not self.populations:
            raise SpecError("Circuit: there must be at least one population")
        self._check_names()
        for matrix in self.matrices:
            self._check_matrix(matrix)
        for projection in self.projections:
            self._check_projection(projection)
        self._check_fed()
        from dendrosim.verdicts import check_once

        check_once(self)

    # -- look-up ----------------------------------------------------------------------------------

    def population(self, name: str) -> Population:
        """Return the population called `name`; raises UnknownMemberError."""
        return _find("population", name, self.populations)

    def matrix(self, name: str) -> Matrix:
        """Return the matrix called `name`; raises UnknownMemberError."""
        return _find("matrix", name, self.matrices)

    def shape(self, matrix: Matrix) -> tuple[int, int]:
        """Return (units of post, units of pre)."""
        return self.population(matrix.post).size, self.population(matrix.pre).size

    def variable(self, path: str) -> tuple[Population, Declaration]:
        """Return the population and declaration of `population.variable`; raises UnknownMemberError."""
        name, _, variable = path.partition(".")
        population = self.population(name)
        if variable not in population.variables:
            raise UnknownMemberError(
                f"variable of population {name!r}", variable, population.variables
            )
        return population, population.variables[variable]

    def symbol(self, owner: Population | Matrix, name: str) -> Quantity | None:
        """Return the value that the symbol `name` has in the equations of `owner`, None if it has none."""
        if name in owner.parameters:
            return owner.parameters[name]
        scoped = self.scoped(owner, name)
        if scoped in self.parameters:
            return self.parameters[scoped]
        return Quantity(self.gates[scoped]) if scoped in self.gates else None

    def scoped(self, owner: Population | Matrix, name: str) -> str:
        """Return the name of a circuit parameter or gate as `owner` sees it."""
        return f"{owner.scope}_{name}" if owner.scope else name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every input as `population.variable`."""
        return tuple(f"{p.name}.{v}" for p in self.populations for v in p.inputs)

    def structure(self) -> dict[str, Any]:
        """Return what the generated program depends on: everything but numbers that are data."""
        return {
            "populations": [
                [
                    p.name,
                    p.size,
                    p.equations,
                    sorted(p.inputs),
                    _kinds(p.parameters),
                    p.transfer,
                    p.scope,
                ]
                for p in self.populations
            ],
            "matrices": [
                [m.name, m.post, m.pre, m.plasticity, m.unit, _kinds(m.parameters), m.scope]
                for m in self.matrices
            ],
            "projections": [[p.source, p.matrix, p.target, p.transpose] for p in self.projections],
            "parameters": _kinds(self.parameters),
            "gates": sorted(self.gates),
        }

    # -- composition ------------------------------------------------------------------------------

    @classmethod
    def join(cls, projections: Iterable[Projection] = (), /, **circuits: "Circuit") -> "Circuit":
        """Put circuits side by side, each under a prefix, with optional projections between them.

        `Circuit.join(left=a, right=b)` has populations `left_soma`, `right_soma`, matrices `left_w`,
        parameters `left_tau`, and so on. Equation texts stay as they are.
        """
        parts = [_prefixed(prefix, circuit) for prefix, circuit in circuits.items()]
        return cls(
            populations=tuple(p for part in parts for p in part["populations"]),
            matrices=tuple(m for part in parts for m in part["matrices"]),
            projections=tuple(p for part in parts for p in part["projections"])
            + tuple(projections),
            parameters={k: v for part in parts for k, v in part["parameters"].items()},
            gates={k: v for part in parts for k, v in part["gates"].items()},
        )

    # -- validation -------------------------------------------------------------------------------

    def _check_names(self) -> None:
        names = [p.name for p in self.populations] + [m.name for m in self.matrices]
        for name in names:
            if names.count(name) > 1:
                raise SpecError(
                    f"Circuit: {name!r} names {names.count(name)} objects; names must differ"
                )
        for name in (*self.parameters, *self.gates):
            _check_symbol("Circuit", name)
        for name in set(self.parameters) & set(self.gates):
            raise SpecError(f"Circuit: {name!r} is both a parameter and a gate; make it one")
        for name, value in self.parameters.items():
            if not value.scalar:
                raise ShapeError(
                    f"Circuit: parameter {name!r} must be one number; per-unit values belong to a population"
                )

    def _check_matrix(self, matrix: Matrix) -> None:
        shape = self.shape(matrix)
        _check_fixed(f"Matrix {matrix.name!r}: initial value", matrix.initial, shape)
        if isinstance(matrix.initial, Identity) and shape[0] != shape[1]:
            raise ShapeError(f"Matrix {matrix.name!r}: Identity needs a square matrix, not {shape}")

    def _check_projection(self, projection: Projection) -> None:
        source, _ = self.variable(projection.source)
        target, declared = self.variable(projection.target)
        matrix = self.matrix(projection.matrix)
        rows, columns = self.shape(matrix)
        if projection.transpose:
            rows, columns = columns, rows
        if (target.size, source.size) != (rows, columns):
            raise ShapeError(
                f"{projection}: needs a {target.size} x {source.size} matrix, "
                f"but {matrix.name}{' transposed' if projection.transpose else ''} is {rows} x {columns}"
            )
        variable = declared.name
        if (
            declared.kind != "parameter"
            or variable in target.inputs
            or variable in target.parameters
        ):
            raise SpecError(
                f"{projection}: {projection.target} cannot be fed; the target must be a declared variable "
                "without equation, value or input of its own"
            )

    def _check_fed(self) -> None:
        fed = {p.target for p in self.projections}
        for population in self.populations:
            for name, declared in population.variables.items():
                path = f"{population.name}.{name}"
                if declared.kind != "parameter" or path in fed:
                    continue
                if name not in population.parameters and name not in population.inputs:
                    raise SpecError(
                        f"{path} is declared but nothing sets it: feed it by a projection, "
                        "list it among inputs, or give it a value in parameters"
                    )


def _prefixed(prefix: str, circuit: Circuit) -> dict[str, Any]:
    _check_name("Circuit.join", prefix)

    def path(name: str) -> str:
        return f"{prefix}_{name}"

    def scope(owner: Population | Matrix) -> str:
        return f"{prefix}_{owner.scope}" if owner.scope else prefix

    return {
        "populations": [replace(p, name=path(p.name), scope=scope(p)) for p in circuit.populations],
        "matrices": [
            replace(m, name=path(m.name), post=path(m.post), pre=path(m.pre), scope=scope(m))
            for m in circuit.matrices
        ],
        "projections": [
            replace(p, source=path(p.source), matrix=path(p.matrix), target=path(p.target))
            for p in circuit.projections
        ],
        "parameters": {path(k): v for k, v in circuit.parameters.items()},
        "gates": {path(k): v for k, v in circuit.gates.items()},
    }


def _find(kind: str, name: str, objects: Iterable[Any]) -> Any:
    found = {o.name: o for o in objects}
    if name not in found:
        raise UnknownMemberError(kind, name, found)
    return found[name]


def _names(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _kinds(parameters: Mapping[str, Quantity]) -> list[list[Any]]:
    return [[k, unit_name(v.dimension), v.scalar] for k, v in sorted(parameters.items())]


def _quantities(where: str, values: Mapping[str, Any]) -> Mapping[str, Quantity]:
    result = {}
    for name, value in values.items():
        _check_symbol(where, name)
        with _located(f"{where}: parameter {name!r}"):
            result[name] = quantity(value)
        if not np.all(np.isfinite(result[name].value)):
            raise ParameterError(f"{where}: parameter {name!r} is {value!r}; it must be finite")
    return frozen_mapping(result)


def _gate(name: str, value: Any) -> float:
    gate = quantity(value)
    if gate.dimension != DIMENSIONLESS or not gate.scalar or not np.isfinite(gate.value):
        raise ParameterError(
            f"Circuit: gate {name!r} is {value!r}; it must be one number without unit"
        )
    return float(gate.value)


def _same_unit(where: str, value: Quantity | Initial, text: str) -> None:
    dimension: Dimension
    with _located(where):
        dimension, _ = unit(text)
    zero = isinstance(value, Fixed) and not np.any(value.value.value)
    if value.dimension != dimension and not zero:
        raise UnitError(
            f"{where} is in {unit_name(value.dimension)}; it must be in {unit_name(dimension)}"
        )


def _check_fixed(where: str, value: Initial, shape: tuple[int, ...]) -> None:
    if isinstance(value, Fixed):
        given = np.shape(value.value.value)
        if given not in ((), shape):
            raise ShapeError(
                f"{where} has shape {given}; it must be one number or of shape {shape}"
            )
        if not np.all(np.isfinite(value.value.value)):
            raise ParameterError(f"{where} is not finite")


def _check_name(where: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        raise SpecError(
            f"{where}: a name is lower case letters, digits and underscores, starting with a letter"
        )


def _check_symbol(where: str, name: str) -> None:
    if not _SYMBOL.match(name):
        raise SpecError(
            f"{where}: {name!r} is not a valid symbol; use letters, digits and underscores"
        )
    if name in _RESERVED or name.startswith("ds_") or name.endswith(("_pre", "_post")):
        raise SpecError(f"{where}: the symbol {name!r} is reserved; choose another name")


class _located:
    """Put the place in front of the message of a spec error raised inside."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, SpecError):
            error.args = (f"{self.where}: {error}",)
