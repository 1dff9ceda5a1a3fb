"""The check of the operators of an expression: what has no value, or is easily misread, is refused."""

import ast
from collections.abc import Iterator

from dendrosim.equations.real_numbers import is_condition, number_value
from dendrosim.equations.rewriting import parse_expression
from dendrosim.errors import EquationError, abbreviate, prefix_errors

_OPERATORS = (
    ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow | ast.Mod | ast.FloorDiv
    | ast.UAdd | ast.USub | ast.Not
)  # fmt: skip


def check_operators(where: str, written: str) -> None:
    """Check the operators of an expression.

    Parameters
    ----------
    where : str
        The place of the expression, for messages.
    written : str
        The expression as the user wrote it.

    Raises
    ------
    EquationError
        If the expression has an operator that has no meaning in equations, a part without a real value such as
        `1/0` or `0**-1`, a comparison that is used as a number, or a number that is used as a condition.
    """
    with prefix_errors(where):
        tree = parse_expression(written)
    for node in ast.walk(tree):
        for said in (*_misread(node), *_without_value(node), *_confused(node)):
            raise EquationError(f"{where}: {said.format(abbreviate(written))}")


def _misread(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        yield "in {} a power is written ^; write ** in place of it"
    elif isinstance(node, ast.BinOp | ast.UnaryOp) and not isinstance(node.op, _OPERATORS):
        yield "{} uses an operator that has no meaning here"
    elif isinstance(node, ast.Compare) and len(node.ops) > 1:
        yield "{} compares more than two values at once; write 'a < b and b < c'"


def _without_value(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.BinOp):
        return
    text, by = ast.unparse(node), ast.unparse(node.right)
    if isinstance(node.op, ast.Div | ast.Mod | ast.FloorDiv) and _is_zero(node.right):
        yield f"{{}} divides by 0, by {by!r}"
    elif isinstance(node.op, ast.Pow):
        try:
            exponent, power = number_value(node.right), number_value(node)
        except ZeroDivisionError:
            yield f"{{}} has the power {text!r} of 0, which divides by 0"
            return
        except OverflowError:
            return  # `dendrosim.equations.limits` refuses it
        if isinstance(power, complex):
            yield f"{{}} has the root {text!r} of a negative number, which is not a real number"
        elif exponent is not None and exponent < 0 and _is_zero(node.left):
            yield f"{{}} has the power {text!r} of 0, which divides by 0"


def _confused(node: ast.AST) -> Iterator[str]:
    for operand in _numbers(node):
        if is_condition(operand) and not isinstance(operand, ast.Constant):
            text = ast.unparse(operand)
            yield f"in {{}} the comparison {text!r} is used as a number; write int({text})"
    for operand in _conditions(node):
        if not is_condition(operand):
            text = ast.unparse(operand)
            yield f"in {{}} the number {text!r} is used as a condition; write a comparison, such as {text} > 0"


def _numbers(node: ast.AST) -> list[ast.expr]:
    """Return the operands of an operation on numbers."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        return [node.operand]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "int") != "int":
        return node.args
    return []


def _conditions(node: ast.AST) -> list[ast.expr]:
    """Return the operands of `and`, `or` and `not`."""
    if isinstance(node, ast.BoolOp):
        return node.values
    return [node.operand] if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else []


def _is_zero(node: ast.expr) -> bool:
    """Return whether an expression is 0 for any values of its symbols, such as `0*ms` or `1 - 1`."""
    try:
        value = number_value(node)
    except ArithmeticError:
        return False
    if value is not None:
        return bool(value == 0)
    if isinstance(node, ast.UnaryOp):
        return not isinstance(node.op, ast.Not) and _is_zero(node.operand)
    if not isinstance(node, ast.BinOp):
        return False
    if isinstance(node.op, ast.Mult):
        return _is_zero(node.left) or _is_zero(node.right)
    if isinstance(node.op, ast.Sub) and ast.dump(node.left) == ast.dump(node.right):
        return True
    if isinstance(node.op, ast.Pow):
        return False
    both = isinstance(node.op, ast.Add | ast.Sub)
    return _is_zero(node.left) and (not both or _is_zero(node.right))
