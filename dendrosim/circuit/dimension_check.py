"""The check of one expression with Brian2's parser: its symbols, functions and physical dimensions."""

import ast
from collections.abc import Iterable, Mapping, Set
from math import inf
from typing import Any

from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Constant, Variable
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.allunits import second
from brian2.units.fundamentalunits import (
    DimensionMismatchError,
    get_dimensions,
    get_or_create_dimension,
)

from dendrosim.circuit.brian_text import brian_dimension
from dendrosim.circuit.circuit_data import CircuitData, Owner
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.pathway import PAIR_NAMES, Pathway
from dendrosim.circuit.population import COUNT, INDEX, LAST_SPIKE, UNIT, Population
from dendrosim.equations.operator_check import check_operators
from dendrosim.equations.random_calls import CALLS
from dendrosim.equations.rewriting import parse_expression, read_symbols
from dendrosim.equations.transfer.lookup import transfer_functions
from dendrosim.errors import EquationError, UnitError, abbreviate, suggestion
from dendrosim.units import be_in, is_in, same_letters, unit, unit_name

FUNCTIONS = {k: v for k, v in DEFAULT_FUNCTIONS.items() if k not in ("rand", "randn", "poisson")}
CONSTANTS = {
    k: Constant(k, value=float(v.value)) for k, v in DEFAULT_CONSTANTS.items() if k != "-inf"
}
RANDOM = {k: DEFAULT_FUNCTIONS[k] for k in CALLS}
"""Functions that draw random numbers; only texts about spikes may call them."""
TIME = {"t": Variable("t", dimensions=get_or_create_dimension((0, 0, 1, 0, 0, 0, 0)))}


def population_scope(population: Population, suffix: str = "") -> dict[str, Any]:
    """Return the variables of a population as Brian2 variables, by their names followed by `suffix`."""
    scope = {
        name + suffix: Variable(name, dimensions=brian_dimension(unit(d.unit)[0]))
        for name, d in population.variables.items()
    }
    if not suffix:
        scope[UNIT] = Variable(UNIT)
    if population.spiking and (not suffix or population.refractory_text is not None):
        # With dt, an equation can express the time since a spike as an exact number of steps. A pathway can read
        # lastspike only if the population has a refractory period or uses lastspike itself, because otherwise the
        # program does not keep it.
        for name in (LAST_SPIKE, *(["dt"] if not suffix else [])):
            scope[name + suffix] = Variable(name, dimensions=TIME["t"].dim)
    return scope


def check_expression(
    circuit: CircuitData,
    owner: Owner,
    where: str,
    written: str,
    expression: str,
    local: Mapping[str, Any],
    expected: Any,
) -> set[str]:
    """Check that an expression has the dimension that it must have.

    Parameters
    ----------
    circuit : CircuitData
        The circuit, whose parameters and gates the expression may use.
    owner : Population, Matrix or Pathway
        The object to which the expression belongs.
    where : str
        The place of the expression, for messages.
    written : str
        The expression as the user wrote it, for messages.
    expression : str
        The expression with the formulas of transfer functions in place of their calls.
    local : mapping of str to Brian2 variable
        Variables that the expression may use besides parameters and gates.
    expected : Brian2 dimension
        The dimension that the expression must have.

    Returns
    -------
    set of str
        The parameters and gates of the circuit that the expression uses.

    Raises
    ------
    EquationError
        If the expression cannot be read, or uses an undefined symbol or function.
    UnitError
        If parts of the expression have incompatible dimensions, or the whole does not have the expected dimension.
    """
    found, used = dimension_of(circuit, owner, where, written, expression, local)
    if found is not expected:
        raise UnitError(
            f"{where}: {abbreviate(written)} {is_in(unit_text(found))}, but must {be_in(unit_text(expected))}"
            f"{_RATE_OF_CHANGE if found / second.dim is expected else ''}"
        )
    return used


def dimension_of(
    circuit: CircuitData,
    owner: Owner,
    where: str,
    written: str,
    expression: str,
    local: Mapping[str, Any],
) -> tuple[Any, set[str]]:
    """Return the dimension of an expression, and the parameters and gates of the circuit that it uses.

    The arguments and errors are those of `check_expression`.
    """
    check_operators(where, written)
    scope: dict[str, Any] = {**FUNCTIONS, **CONSTANTS, **TIME, **local}
    used = set()
    symbols = read_symbols(expression)
    for symbol in symbols & set(DEFAULT_UNITS):
        check_no_unit(
            where, symbol, symbol in local or circuit.symbol_value(owner, symbol) is not None
        )
    for symbol in symbols - set(local):
        value = circuit.symbol_value(owner, symbol)
        if value is not None:
            scope[symbol] = Variable(symbol, dimensions=brian_dimension(value.dimension))
            if symbol not in owner.parameters:
                used.add(circuit.scoped_name(owner, symbol))
        elif symbol in DEFAULT_UNITS and symbol not in scope:
            scope[symbol] = DEFAULT_UNITS[symbol]
        elif symbol not in scope:
            raise EquationError(
                f"{where}: undefined symbol {abbreviate(symbol)} in {abbreviate(written)}"
                f"{_hint(owner, symbol) or _near(circuit, owner, symbol, local)}{_missing(owner, symbol)}"
            )
    if any(
        isinstance(n, ast.Constant) and n.value == inf
        for n in ast.walk(parse_expression(expression))
    ):
        raise EquationError(
            f"{where}: a number in {abbreviate(written)} is too large; use the symbol 'inf'"
        )
    for symbol in _called(expression) - set(FUNCTIONS) - set(local):
        raise EquationError(
            f"{where}: unknown function {abbreviate(symbol)} in {abbreviate(written)}"
            f"{_function_hint(symbol)}"
        )
    try:
        found = parse_expression_dimensions(expression, scope)
    except DimensionMismatchError as error:
        raise UnitError(
            f"{where}: units do not fit in {abbreviate(written)}: {root_message(error)}"
        ) from None
    except (SyntaxError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise EquationError(
            f"{where}: cannot use {abbreviate(written)}: {root_message(error)}"
        ) from None
    return found, used


_RATE_OF_CHANGE = "; a rate of change is divided by a time constant, or multiplied by a rate"


def _function_hint(symbol: str) -> str:
    """Return the end of a message about a function that equations do not have."""
    if symbol in _RANDOM:
        return _RANDOM_NUMBERS
    if symbol in transfer_functions():
        return f"; a transfer function is written s(...) and chosen by its population: transfer={symbol!r}"
    return suggestion(symbol, FUNCTIONS)


_RANDOM = {"rand", "randn", "poisson", "random", "normal"}
_RANDOM_NUMBERS = (
    "; in equations, random numbers come from signals that drive an input, such as ds.OrnsteinUhlenbeck, "
    "ds.ShotNoise and ds.HeldNoise; rand() and randn() are for thresholds, resets, on_pre and on_post"
)


def check_no_unit(where: str, symbol: str, named: bool = True) -> None:
    """Raise EquationError if a unit is also the name of a value, so that texts could mean either."""
    if named and symbol in DEFAULT_UNITS:
        raise EquationError(
            f"{where}: {symbol!r} is a unit in Brian2 and also the name of a parameter, gate or variable; choose "
            "another name"
        )


def _called(expression: str) -> set[str]:
    """Return the names of the functions that an expression calls."""
    return {
        n.func.id if isinstance(n.func, ast.Name) else ast.unparse(n.func)
        for n in ast.walk(parse_expression(expression))
        if isinstance(n, ast.Call)
    }


def _hint(owner: Owner, symbol: str) -> str:
    """Return the end of a message about noise, an index or a number of units; empty for other symbols."""
    if symbol in {*_RANDOM, "xi"} or symbol.startswith("xi_"):
        return _RANDOM_NUMBERS
    if isinstance(owner, Pathway):
        return _pathway_hint(symbol)
    if symbol not in ("i", "j", "N"):
        return ""
    if isinstance(owner, Population):
        return "; the index of a unit is i, and the number of units N"
    return "; declare a subexpression in a population, such as 'place = i : 1', and use place_pre or place_post"


def _pathway_hint(symbol: str) -> str:
    if symbol in PAIR_NAMES:
        return (
            "; the equations of synapses cannot use it: declare a variable of the synapses, such as 'place : 1', "
            f"with initial={{'place': ds.Expression({symbol!r})}}"
        )
    if symbol == "N":
        return "; the numbers of units are N_pre and N_post"
    if symbol in ("N_incoming", "N_outgoing"):
        return (
            "; numbers of synapses are no symbols: give the number as a parameter of the pathway, such as "
            "parameters={'synapses': 20} for connect=ds.InDegree(20)"
        )
    return ""


def _missing(owner: Owner, symbol: str) -> str:
    """Return the end of a message about a variable that a population of a matrix lacks; else an empty text."""
    name, _, side = symbol.rpartition("_")
    if not isinstance(owner, Matrix) or side not in ("post", "pre") or not name:
        return ""
    population = owner.post if side == "post" else owner.pre
    return (
        f"; population {population!r} has no variable {name!r}: declare it in its equations (what a rule of "
        f"ds.rules needs is in its {side}_equations, and its method add_to adds it)"
    )


def _near(circuit: CircuitData, owner: Owner, symbol: str, local: Iterable[str]) -> str:
    """Return the end of a message, which suggests a similar symbol that the expression could use."""
    prefix = f"{owner.scope}_" if owner.scope else ""
    shared = [
        n.removeprefix(prefix)
        for n in (*circuit.parameters, *circuit.gates)
        if n.startswith(prefix)
    ]
    units = {INDEX, COUNT} if isinstance(owner, Population) else set()
    named = {n for n in local if n != UNIT}
    allowed = sorted({*named, *units, *owner.parameters, *shared})
    hint = suggestion(symbol, allowed)
    found = "did you mean" in hint or len(symbol) < 3
    return hint if found else same_letters(symbol) or hint


def check_own_parameters(where: str, owner: Owner, used: Set[str]) -> None:
    """Raise EquationError if an object has a parameter that is not among the symbols `used`."""
    for name in owner.parameters:
        if name not in used:
            raise EquationError(
                f"{where}: parameter {name!r} is used by none of its equations; remove it"
            )


def unit_text(dimension: Any) -> str:
    """Return the SI unit of a Brian2 dimension as text."""
    return unit_name(tuple(float(e) for e in get_dimensions(dimension)._dims))  # type: ignore[arg-type]


def root_message(error: BaseException) -> str:
    """Return, on one line, the message of the original error; Brian2 wraps its errors in others."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = cause.args[0] if isinstance(cause, SyntaxError | KeyError) and cause.args else cause
    return " ".join(str(text).split())
