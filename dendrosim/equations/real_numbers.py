"""All numbers of a text are real numbers: the form in which programs get an expression.

Brian2 distinguishes integers from real numbers: it computes `10**-3` as 0 in some texts, `int(x)` has 32 bits on
some back ends, and a quotient of two integers has single precision on others. `with_real_numbers` leaves no
integers that Brian2 could see. An expression then has the value that Python gives to it, in every text and on
every back end.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dendrosim.equations.rewriting import parse_expression

TRUNCATE, QUOTIENT, REMAINDER = "ds_truncate", "ds_quotient", "ds_remainder"
"""Functions of programs for `int(x)`, `x//y` and `x % y` of real numbers; `dendrosim.engine` defines them."""
CLIP = "ds_clip"
"""Function of programs for `clip(x, low, high)`: the smaller of `high` and the larger of x and `low`."""

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip
_WHOLE = {"sign", "timestep"}  # functions that return integers in C++


@lru_cache(maxsize=4096)
def with_real_numbers(expression: str) -> str:
    """Return an expression in which every number is a real number, and parts without symbols are numbers.

    Python computes the parts without symbols, exactly if they consist of integers. A literal exponent may stay an
    integer, because its base is a real number.

    Parameters
    ----------
    expression : str
        The expression, with the formulas of transfer functions in place of their calls.
    """
    tree = _MakeReal().visit(_Fold().visit(parse_expression(expression)))
    if isinstance(tree, ast.Name):
        # With NumPy, `y = x` would make both names the same array, which a later `x += 1` changes.
        tree = ast.UnaryOp(ast.UAdd(), tree)
    return ast.unparse(ast.fix_missing_locations(tree))


def is_condition(node: ast.expr) -> bool:
    """Return whether a part of an expression is true or false, not a number."""
    return (
        isinstance(node, ast.Compare | ast.BoolOp)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
        or (isinstance(node, ast.Constant) and isinstance(node.value, bool))
    )


def number_value(node: ast.expr) -> Any:
    """Return the value that Python gives to a part without symbols and functions; None for other parts.

    Raises
    ------
    ArithmeticError
        If Python cannot compute it, such as `0**-1`.
    """
    if isinstance(node, ast.Constant):
        return int(node.value) if isinstance(node.value, bool) else node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = number_value(node.operand)
        return -value if isinstance(node.op, ast.USub) and value is not None else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = number_value(node.left), number_value(node.right)
        if left is not None and right is not None:
            return _OPERATORS[type(node.op)](left, right)
    return None


class _Fold(ast.NodeTransformer):
    """Replace parts without symbols by their values."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _folded(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _folded(node)


def _folded(node: ast.expr) -> ast.expr:
    try:
        value = number_value(node)
    except ArithmeticError:
        return node  # the check of the circuit refuses it if it is in the user's text
    if value is None or isinstance(value, complex):
        return node
    # A negative number has to be an operation, because `ast.unparse` writes no parentheses around a constant.
    number = ast.Constant(abs(value))
    negative = value < 0 or str(value).startswith("-")
    return ast.UnaryOp(ast.USub(), number) if negative else number


class _MakeReal(ast.NodeTransformer):
    """Make all numbers real numbers, and replace operations that have another meaning for integers."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node
        return ast.Constant(float(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node.left = self._number(node.left)
        if not (isinstance(node.op, ast.Pow) and isinstance(_as_number(node.right), int)):
            node.right = self._number(node.right)
        if isinstance(node.op, ast.FloorDiv):
            return _call(QUOTIENT, node.left, node.right)
        return _call(REMAINDER, node.left, node.right) if isinstance(node.op, ast.Mod) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.left = self._number(node.left)
        node.comparators = [self._number(c) for c in node.comparators]
        return node

    def _number(self, node: ast.expr) -> ast.expr:
        """Return an operand of an operation on numbers; `True` is 1 there."""
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return ast.Constant(float(node.value))
        return self.visit(node)  # type: ignore[no-any-return]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        node.args = [self.visit(a) if name == "int" else self._number(a) for a in node.args]
        if name == "int" and not is_condition(node.args[0]):
            return _call(TRUNCATE, node.args[0])
        if name == "clip":
            return _call(CLIP, *node.args)
        if name == "int" or name in _WHOLE:
            return ast.BinOp(ast.Constant(1.0), ast.Mult(), node)
        return node


def _as_number(node: ast.expr) -> Any:
    try:
        return number_value(node)
    except ArithmeticError:
        return None


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ctx=ast.Load()), list(arguments), [])
