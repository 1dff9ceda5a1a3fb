"""One expression of an equation: its value and its exact partial derivatives, on arrays.

The value is computed from the text itself. SymPy computes the derivatives, from the tree that Brian2's parser
makes of the text. Functions with a corner (abs, sign, clip, and a comparison inside int) have a derivative on
either side, and the expression knows where their corners are. A function that has no derivative, such as floor,
is refused if its argument depends on a variable.
"""

import ast
import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from dendrosim.arrays import Booleans
from dendrosim.equations.evaluation import CACHED_TEXTS, compile_expression, evaluate, exprel
from dendrosim.equations.real_numbers import is_condition
from dendrosim.equations.rewriting import find_symbols, parse_expression
from dendrosim.errors import DifferentiationError
from dendrosim.machine import brian_import as brian
from dendrosim.machine.cached_property import cached_property

Values = Mapping[str, Any]
"""A number or an array for every symbol; the arrays of one expression broadcast against each other."""

_ORDER = "_ds_order"
"""Part of the names of symbols for derivatives along a curve."""

_JUMPS = {"int": "truncation", "floor": "floor", "ceil": "ceil", "timestep": "a number of steps"}


def _exprel_derivative(order: int, x: Any) -> Any:
    """Return a derivative of exprel, which is the integral of u^order exp(u x) over u from 0 to 1."""
    # Near zero the recursion divides rounding errors by x^order; the next term of the series is below 1e-17.
    small = np.abs(x) < 0.5
    safe = np.where(small, 1.0, x)
    series = sum(x**j / (math.factorial(j) * (j + order + 1)) for j in range(16))
    found = np.expm1(safe) / safe
    for k in range(1, order + 1):
        found = (np.exp(safe) - k * found) / safe
    return np.where(small, series, found)


class Expression:
    """An expression in which transfer functions are already replaced by their text.

    Parameters
    ----------
    text : str
        The expression in Brian2's syntax.
    variables : iterable of str
        The symbols with respect to which derivatives may be taken.
    where : str
        The place of the expression, for error messages.

    Notes
    -----
    All methods but `value` raise DifferentiationError if the expression depends on one of `variables` through a
    function that has no derivative.
    """

    def __init__(self, text: str, variables: Iterable[str], where: str) -> None:
        self.text, self.where = text, where
        tree = parse_expression(text)
        self.symbols = frozenset(find_symbols(tree))
        self.variables = tuple(sorted(self.symbols & frozenset(variables)))
        self._code = compile_expression(text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.text, self.variables, self.where)  # code objects cannot be pickled

    def value(self, values: Values) -> Any:
        """Return the value, a number or an array; complex if the value of a symbol is complex."""
        return evaluate(self._code, values)

    def depends_on(self, symbol: str) -> bool:
        """Return whether the derivative with respect to a symbol is not identically zero."""
        return symbol in self.symbols and _differentiate(self._smooth.text, symbol) != 0

    def partial(self, symbol: str, values: Values) -> Any:
        """Return the derivative with respect to a symbol, a number or an array; at a corner, that on one side."""
        arguments, function = _compile_derivative(self._smooth.text, symbol)
        own = {n: evaluate(code, values) for n, code in self._smooth.switches.items()}
        return np.asarray(
            function(*(own[a] if a in own else values[a] for a in arguments)), dtype=float
        )

    def along(
        self, values: Values, curve: Mapping[str, tuple[Any, Any, Any]]
    ) -> tuple[Any, Any, Any]:
        """Return the first three derivatives of the value while variables move along a curve.

        Parameters
        ----------
        values : mapping
            The value of every symbol.
        curve : mapping of str to (array, array, array)
            The first three derivatives of each variable that moves.
        """
        moving = tuple(sorted(self.symbols & frozenset(curve)))
        arguments, function = _compile_curve(self._smooth.text, moving)
        known = {n: evaluate(code, values) for n, code in self._smooth.switches.items()}
        for name in moving:
            known |= {f"{name}{_ORDER}{k}": curve[name][k - 1] for k in (1, 2, 3)}
        found = function(*(known[a] if a in known else values[a] for a in arguments))
        first, second, third = (np.asarray(d, dtype=float) for d in found)
        return first, second, third

    def at_corner(self, values: Values) -> Booleans | bool:
        """Return for each element whether the expression is exactly at a corner, where a derivative jumps."""
        flagged: Any = False
        for code in self._smooth.corners:
            flagged = np.logical_or(flagged, np.asarray(evaluate(code, values)) == 0)
        if not np.any(flagged):
            return False
        # Two corners may cancel, as in softplus, so the derivatives on both sides are compared. Variables move
        # one at a time: if they moved together, x and y would not leave the corner of abs(x - y).
        jumps: Any = False
        for variable in self.variables:
            sides = [self._move_beside(values, variable, sign) for sign in (-1, 1)]
            for symbol in self.variables:
                left, right = (np.asarray(self.partial(symbol, side)) for side in sides)
                # From one side to the other, a smooth slope changes by about the step, 1e-8.
                jumps = np.logical_or(jumps, abs(left - right) > 1e-5 * (1 + abs(left)))
        return np.logical_and(flagged, jumps)

    def sides_of_corners(self, values: Values) -> list[Any]:
        """Return for each corner on which of its sides the values are: -1, 0 or 1."""
        return [np.sign(np.asarray(evaluate(c, values))) for c in self._smooth.corners]

    def _move_beside(self, values: Values, variable: str, sign: int) -> dict[str, Any]:
        """Return the values with one variable moved by 1e-8 times (its absolute value + 1e-3).

        The step is about the square root of the rounding error, so that rounding does not hide it and a smooth
        slope hardly changes. The summand moves a variable that is 0, where most corners are.
        """
        value = values[variable]
        return {**values, variable: value + sign * 1e-8 * (abs(value) + 1e-3)}

    def check(self) -> None:
        """Raise DifferentiationError if the expression has no derivative with respect to one of its variables."""
        _ = self._smooth

    @cached_property
    def _smooth(self) -> "_Smooth":
        switches = _ReplaceSwitches(frozenset(self.variables), self.where)
        text = ast.unparse(switches.visit(parse_expression(self.text)))
        compiled = {name: compile_expression(text) for name, text in switches.values.items()}
        return _Smooth(text, compiled, [compile_expression(c) for c in switches.corners])


@dataclass(frozen=True)
class _Smooth:
    """A text that can be differentiated.

    Symbols replace its switches, the terms that are constant between jumps. `switches` has the code of the switch
    for each symbol, `corners` the code of each difference that is zero at a corner.
    """

    text: str
    switches: Mapping[str, Any]
    corners: list[Any]


# Layers have the same texts, and so have fields of one circuit with other numbers; SymPy reads each text once.
@lru_cache(CACHED_TEXTS)
def find_expression(text: str, variables: frozenset[str], where: str) -> Expression:
    """Return the expression of a text; circuits that differ in the values of parameters share it."""
    return Expression(text, variables, where)


@lru_cache(CACHED_TEXTS)
def _parse_symbolically(text: str) -> Any:
    """Return the SymPy expression of a text."""
    own = _own_exprel()
    with brian.alone():
        from brian2.parsing.sympytools import str_to_sympy

        return str_to_sympy(text).replace(
            lambda e: type(e).__name__ == "exprel", lambda e: own(*e.args)
        )


@lru_cache(CACHED_TEXTS)
def _differentiate(text: str, symbol: str) -> Any:
    import sympy

    return sympy.diff(_parse_symbolically(text), sympy.Symbol(symbol, real=True))


@lru_cache(CACHED_TEXTS)
def _compile_curve(text: str, moving: tuple[str, ...]) -> tuple[list[str], Any]:
    """Return the names of symbols, and the function of their values that computes three derivatives along a curve.

    The symbol of the k-th derivative of a variable has the suffix `_ORDER` and k.
    """
    import sympy

    def symbol(name: str, order: int) -> Any:
        return sympy.Symbol(f"{name}{_ORDER}{order}" if order else name, real=True)

    found, last = [], _parse_symbolically(text)
    for done in range(3):
        last = sum(
            (
                sympy.diff(last, symbol(name, order)) * symbol(name, order + 1)
                for name in moving
                for order in range(done + 1)
            ),
            sympy.Integer(0),
        )
        found.append(last)
    symbols = sorted(set().union(*(d.free_symbols for d in found)), key=lambda s: s.name)
    compiled = sympy.lambdify(symbols, found, [_FUNCTIONS, "numpy"], cse=True)
    return [s.name for s in symbols], compiled


@lru_cache(CACHED_TEXTS)
def _compile_derivative(text: str, symbol: str) -> tuple[list[str], Any]:
    """Return the names of the symbols in a derivative, and the function that computes it from their values."""
    import sympy

    derivative = _differentiate(text, symbol)
    symbols = sorted(derivative.free_symbols, key=lambda s: s.name)
    return [s.name for s in symbols], sympy.lambdify(symbols, derivative, [_FUNCTIONS, "numpy"])


_FUNCTIONS = {"ds_exprel": exprel, "ds_exprel_derivative": _exprel_derivative}


@cache
def _own_exprel() -> Any:
    """Return exprel as a SymPy function; the derivative of Brian2's own exprel is 0/0 at 0."""
    import sympy

    def further(self: Any, argindex: int = 2) -> Any:
        return derivative(self.args[0] + 1, self.args[1])

    def first(self: Any, argindex: int = 1) -> Any:
        return derivative(sympy.Integer(1), self.args[0])

    derivative = type("ds_exprel_derivative", (sympy.Function,), {"fdiff": further, "nargs": 2})
    return type("ds_exprel", (sympy.Function,), {"fdiff": first, "nargs": 1})


class _ReplaceSwitches(ast.NodeTransformer):
    """Replace terms that are constant between jumps by symbols, and record where the jumps are.

    Attributes
    ----------
    values : mapping
        The text that each symbol replaces.
    corners : list of str
        Expressions that are zero at a corner.
    """

    def __init__(self, variables: frozenset[str], where: str) -> None:
        self.variables, self.where = variables, where
        self.values: dict[str, str] = {}
        self.corners: list[str] = []

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(float(node.value)) if isinstance(node.value, bool) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("int", "floor", "ceil", "timestep", "sign") and not self._varies(node):
            return self._symbol_for(ast.unparse(node))
        if name == "int" and is_condition(node.args[0]):
            self._record_condition(node.args[0])
            return self._symbol_for(ast.unparse(node))
        if name in _JUMPS:
            raise DifferentiationError(
                f"{self.where}: {ast.unparse(node)!r} ({_JUMPS[name]}) has no derivative; analyse a circuit "
                "without it"
            )
        if name == "sign":
            self._record_corner(node.args[0], parse_expression("0.0"))
            return self._symbol_for(ast.unparse(node))
        if name == "abs":
            return self._abs(node)
        if name == "sqrt":  # Brian2's conversion to SymPy does not know sqrt
            return ast.BinOp(self.visit(node.args[0]), ast.Pow(), parse_expression("1/2"))
        if name == "clip":
            return self._clip(node)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Mod | ast.FloorDiv) and self._varies(node):
            raise DifferentiationError(
                f"{self.where}: {ast.unparse(node)!r} (a remainder or whole quotient) has no derivative; analyse "
                "a circuit without it"
            )
        if isinstance(node.op, ast.Mod | ast.FloorDiv):
            return self._symbol_for(ast.unparse(node))
        return self.generic_visit(node)

    def _abs(self, node: ast.Call) -> ast.AST:
        """Return x times a symbol that stands for its sign."""
        (argument,) = node.args
        text = ast.unparse(argument)
        self._record_corner(argument, parse_expression("0.0"))
        sign = self._symbol_for(f"2*int({text} > 0) - 1")
        return ast.BinOp(self.visit(copy.deepcopy(argument)), ast.Mult(), sign)

    def _clip(self, node: ast.Call) -> ast.AST:
        """Return clip as a sum of its argument and both bounds.

        Each term is multiplied by a symbol that is 1 where that term is the result, and 0 elsewhere. If the lower
        bound is above the upper one, the result is the upper one.
        """
        x, low, high = node.args
        texts = [f"({ast.unparse(a)})" for a in node.args]
        self._record_corner(x, low)
        self._record_corner(x, high)
        self._record_corner(low, high)
        above = f"int({texts[0]} > {texts[2]} or {texts[1]} > {texts[2]})"
        below = f"int({texts[0]} < {texts[1]})*(1 - {above})"
        chosen = [f"1 - {below} - {above}", below, above]
        terms: list[ast.expr] = [
            ast.BinOp(self.visit(copy.deepcopy(a)), ast.Mult(), self._symbol_for(c))
            for a, c in zip(node.args, chosen, strict=True)
        ]
        return ast.BinOp(ast.BinOp(terms[0], ast.Add(), terms[1]), ast.Add(), terms[2])

    def _symbol_for(self, text: str) -> ast.expr:
        """Return the symbol that replaces a text; equal texts have one symbol."""
        for name, known in self.values.items():
            if known == text:
                return ast.Name(name, ctx=ast.Load())
        name = f"ds_switch{len(self.values)}"
        self.values[name] = text
        return ast.Name(name, ctx=ast.Load())

    def _record_condition(self, condition: ast.expr) -> None:
        """Record the corners of all comparisons in a condition."""
        for node in ast.walk(condition):
            if isinstance(node, ast.Compare):
                self._record_corner(node.left, node.comparators[0])

    def _record_corner(self, left: ast.expr, right: ast.expr) -> None:
        """Record a corner where two expressions are equal, if their difference depends on a variable."""
        difference = ast.unparse(ast.BinOp(copy.deepcopy(left), ast.Sub(), copy.deepcopy(right)))
        if self._varies(parse_expression(difference)):
            self.corners.append(difference)

    def _varies(self, node: ast.AST) -> bool:
        return bool(find_symbols(node) & self.variables)
