"""The check of equation text by Brian2's own parser: symbols and physical dimensions.

This is the only part of the specification that needs Brian2; `dendrosim.verdicts` remembers what has
passed, so that an unchanged circuit is not checked twice.
"""

import ast
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Constant, Variable
from brian2.equations.equations import EquationError as BrianEquationError
from brian2.equations.equations import Equations
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import (
    DimensionMismatchError,
    get_dimensions,
    get_or_create_dimension,
)

from dendrosim.circuit import Circuit, Matrix, Population
from dendrosim.errors import EquationError, UnitError, suggestion
from dendrosim.ordering import evaluation_order
from dendrosim.syntax import inline, names, parse
from dendrosim.units import Dimension, unit, unit_name
from dendrosim.validation import located

FUNCTIONS = {
    k: v for k, v in DEFAULT_FUNCTIONS.items() if k not in ("rand", "randn", "poisson", "timestep")
}
CONSTANTS = {
    k: Constant(k, value=float(v.value)) for k, v in DEFAULT_CONSTANTS.items() if k != "-inf"
}
TIME = {"t": Variable("t", dimensions=get_or_create_dimension((0, 0, 1, 0, 0, 0, 0)))}


def brian_dimension(dimension: Dimension) -> Any:
    """Return Brian2's dimension object."""
    return get_or_create_dimension(tuple(dimension))


def model_text(population: Population) -> str:
    """Return a population's equations with transfer functions put in place: plain Brian2 text."""
    lines = []
    for d in population.variables.values():
        where = f"{population.name}.{d.name}"
        flags = f" ({', '.join(d.flags)})" if d.flags else ""
        expression = inline(d.expression, population.transfer, where) if d.expression else ""
        left = f"d{d.name}/dt = " if d.kind == "state" else f"{d.name} = " if expression else d.name
        lines.append(f"{left}{expression} : {_brian_unit(unit(d.unit)[0])}{flags}")
    return "\n".join(lines)


def _brian_unit(dimension: Dimension) -> str:
    """Return a unit as Brian2 wants it behind an equation: SI base units by their long names."""
    bases = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
    powers = [f"{base}**{p:g}" for base, p in zip(bases, dimension, strict=True) if p]
    return "*".join(powers) or "1"


def check(circuit: Circuit) -> None:
    """Check every equation of a circuit.

    Raises
    ------
    EquationError
        For text that cannot be parsed, undefined symbols, and symbols that nothing uses.
    UnitError
        If two sides of an equation, or two summands, have different dimensions.
    LoopError
        If variables depend on each other within one step.
    """
    used: set[str] = set()
    for population in circuit.populations:
        used |= _check_population(circuit, population)
    for matrix in circuit.matrices:
        used |= _check_matrix(circuit, matrix)
    _check_projections(circuit)
    _check_unused(circuit, used)
    evaluation_order(circuit)


def population_scope(circuit: Circuit, population: Population, suffix: str = "") -> dict[str, Any]:
    """Return the variables of a population as Brian2 variables by name, with a suffix."""
    return {
        name + suffix: Variable(name, dimensions=brian_dimension(unit(d.unit)[0]))
        for name, d in population.variables.items()
    }


def _check_population(circuit: Circuit, population: Population) -> set[str]:
    where = f"Population {population.name!r}"
    for name, line in population.variables.items():
        if line.expression:
            _check_operators(f"{population.name}.{name}", line.expression)
    try:
        parsed = Equations(model_text(population))
    except (BrianEquationError, SyntaxError, ValueError, TypeError, KeyError) as error:
        raise EquationError(f"{where}: {_innermost(error)}") from None
    declared = population.variables
    if set(parsed.names) != set(declared):
        raise EquationError(
            f"{where}: cannot read the equations line by line; write one declaration a line"
        )
    flags = sorted({f for d in declared.values() for f in d.flags} - {"constant"})
    if flags:
        raise EquationError(f"{where}: the flag ({flags[0]}) has no meaning here; remove it")
    local = population_scope(circuit, population)
    used: set[str] = set()
    for name, line in declared.items():
        if line.kind == "parameter":
            continue
        expected = brian_dimension(unit(line.unit)[0])
        if line.kind == "state":
            expected = expected / get_dimensions(TIME["t"])
        expression = inline(line.expression, population.transfer, f"{population.name}.{name}")
        used |= _check_expression(
            circuit,
            population,
            f"{population.name}.{name}",
            line.expression,
            expression,
            local,
            expected,
        )
    own = {s for d in declared.values() for s in d.symbols}
    _check_own_parameters(where, population, own | set(declared))
    return used


def _check_matrix(circuit: Circuit, matrix: Matrix) -> set[str]:
    where = f"Matrix {matrix.name!r}"
    if not matrix.plasticity:
        _check_own_parameters(where, matrix, set())
        return set()
    post, pre = circuit.population(matrix.post), circuit.population(matrix.pre)
    dimension = brian_dimension(unit(matrix.unit)[0])
    local = {
        **population_scope(circuit, post, "_post"),
        **population_scope(circuit, pre, "_pre"),
        matrix.weight: Variable(matrix.weight, dimensions=dimension),
    }
    expression = inline(matrix.rate, post.transfer, where)
    _check_own_parameters(where, matrix, names(parse(expression)))
    expected = dimension / get_dimensions(TIME["t"])
    return _check_expression(circuit, matrix, where, matrix.rate, expression, local, expected)


def _check_expression(
    circuit: Circuit,
    owner: Population | Matrix,
    where: str,
    written: str,
    expression: str,
    local: Mapping[str, Any],
    expected: Any,
) -> set[str]:
    """Check one right-hand side; return the circuit parameters and gates that it uses."""
    _check_operators(where, written)
    scope: dict[str, Any] = {**FUNCTIONS, **CONSTANTS, **TIME, **local}
    used = set()
    for symbol in names(parse(expression)) - set(local):
        value = circuit.symbol(owner, symbol)
        if value is not None:
            scope[symbol] = Variable(symbol, dimensions=brian_dimension(value.dimension))
            if symbol not in owner.parameters:
                used.add(circuit.scoped(owner, symbol))
        elif symbol in DEFAULT_UNITS and symbol not in scope:
            scope[symbol] = DEFAULT_UNITS[symbol]
        elif symbol not in scope:
            raise EquationError(
                f"{where}: undefined symbol {symbol!r} in {written!r}{_near(circuit, owner, symbol, local)}"
            )
    if any(isinstance(n, ast.Constant) and n.value == inf for n in ast.walk(parse(expression))):
        raise EquationError(f"{where}: a number in {written!r} is too large; use the symbol 'inf'")
    for symbol in _called(expression) - set(FUNCTIONS):
        raise EquationError(
            f"{where}: unknown function {symbol!r} in {written!r}{suggestion(symbol, FUNCTIONS)}"
        )
    try:
        found = parse_expression_dimensions(expression, scope)
    except DimensionMismatchError as error:
        raise UnitError(f"{where}: units do not fit in {written!r}: {_innermost(error)}") from None
    except (SyntaxError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise EquationError(f"{where}: cannot use {written!r}: {_innermost(error)}") from None
    if found is not expected:
        raise UnitError(
            f"{where}: {written!r} is in {_text(found)}, but must be in {_text(expected)}"
        )
    return used


_LOGICAL = ast.Compare | ast.BoolOp
_ARITHMETIC = ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow | ast.Mod | ast.FloorDiv


def _check_operators(where: str, written: str) -> None:
    """Refuse what reads like arithmetic and is not: powers written ^, comparisons used as numbers."""
    with located(where):
        tree = parse(written)
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            raise EquationError(
                f"{where}: in {written!r} a power is written ^; write ** in place of it"
            )
        if isinstance(node, ast.BinOp) and not isinstance(node.op, _ARITHMETIC):
            raise EquationError(f"{where}: {written!r} uses an operator that has no meaning here")
        operands = [node.left, node.right] if isinstance(node, ast.BinOp) else []
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            operands = [node.operand]
        for operand in operands:
            if isinstance(operand, _LOGICAL):
                text = ast.unparse(operand)
                raise EquationError(
                    f"{where}: in {written!r} the comparison {text!r} is used as a number; write int({text})"
                )


def _called(expression: str) -> set[str]:
    return {
        n.func.id if isinstance(n.func, ast.Name) else ast.unparse(n.func)
        for n in ast.walk(parse(expression))
        if isinstance(n, ast.Call)
    }


def _near(circuit: Circuit, owner: Population | Matrix, symbol: str, local: Iterable[str]) -> str:
    prefix = f"{owner.scope}_" if owner.scope else ""
    shared = [
        n.removeprefix(prefix)
        for n in (*circuit.parameters, *circuit.gates)
        if n.startswith(prefix)
    ]
    return suggestion(symbol, sorted({*local, *owner.parameters, *shared}))


def _check_own_parameters(where: str, owner: Population | Matrix, used: set[str]) -> None:
    for name in owner.parameters:
        if name not in used:
            raise EquationError(
                f"{where}: parameter {name!r} is used by none of its equations; remove it"
            )


def _check_projections(circuit: Circuit) -> None:
    for target in dict.fromkeys(p.target for p in circuit.projections):
        _, declared = circuit.variable(target)
        for projection in circuit.projections:
            if projection.target != target:
                continue
            _, source = circuit.variable(projection.source)
            weight = circuit.matrix(projection.matrix)
            product = brian_dimension(unit(source.unit)[0]) * brian_dimension(unit(weight.unit)[0])
            expected = brian_dimension(unit(declared.unit)[0])
            if product is not expected:
                raise UnitError(
                    f"{projection}: delivers {_text(product)}, but {target} is in {_text(expected)}"
                )


def _check_unused(circuit: Circuit, used: set[str]) -> None:
    for name in (*circuit.parameters, *circuit.gates):
        if name not in used:
            kind = "parameter" if name in circuit.parameters else "gate"
            raise EquationError(
                f"Circuit: {kind} {name!r} is used by no equation; remove it or use it"
            )
    read = {p.source for p in circuit.projections}
    for matrix in circuit.matrices:
        symbols = names(parse(matrix.rate)) if matrix.plasticity else set()
        read |= {f"{matrix.post}.{s.removesuffix('_post')}" for s in symbols if s.endswith("_post")}
        read |= {f"{matrix.pre}.{s.removesuffix('_pre')}" for s in symbols if s.endswith("_pre")}
    for population in circuit.populations:
        inside = {s for d in population.variables.values() for s in d.symbols}
        for name, declared in population.variables.items():
            path = f"{population.name}.{name}"
            if declared.kind == "parameter" and name not in inside and path not in read:
                raise EquationError(
                    f"{path} is declared but used by no equation; remove it or use it"
                )


def _text(dimension: Any) -> str:
    return unit_name(tuple(float(e) for e in get_dimensions(dimension)._dims))  # type: ignore[arg-type]


def _innermost(error: BaseException) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = cause.args[0] if isinstance(cause, SyntaxError | KeyError) and cause.args else cause
    return " ".join(str(text).split())
