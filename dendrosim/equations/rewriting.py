"""Functions that rewrite expressions: they write out transfer functions and replace symbols."""

import ast
import copy
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import lru_cache

from dendrosim.equations.allowed_syntax import check_syntax
from dendrosim.equations.limits import (
    MOST_NESTED,
    check_expression_limits,
    measure,
    read_lines,
)
from dendrosim.equations.transfer.base import CALLS
from dendrosim.equations.transfer.lookup import bijections, find_transfer
from dendrosim.errors import EquationError, abbreviate, prefix_errors

_QUANTITY = re.compile(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?) +([A-Za-z]\S*)")
"""A quantity as other fields take it, such as `2 ms`, which is no expression."""


@lru_cache(maxsize=4096)
def _check_once(expression: str) -> None:
    """Check that an expression can be read, and that it is within the limits; errors are raised each time."""
    read_lines(expression)
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        quantity = _QUANTITY.fullmatch(expression.strip())
        advice = f"; write '{quantity[1]}*{quantity[2]}'" if quantity else ""
        raise EquationError(
            f"cannot read the expression {abbreviate(expression)}: {reason}{advice}"
        ) from None
    except (RecursionError, MemoryError):
        raise EquationError(
            f"cannot read the expression {abbreviate(expression)}: it nests more than {MOST_NESTED} operations"
        ) from None
    check_expression_limits(tree, expression)
    check_syntax(tree, expression)


def parse_expression(expression: str, where: str = "") -> ast.expr:
    """Return a new syntax tree of an expression.

    Parameters
    ----------
    expression : str
        The expression, in Python's syntax.
    where : str, optional
        Place of the expression, for error messages.

    Raises
    ------
    EquationError
        If the expression cannot be read, or exceeds a limit of `dendrosim.equations.limits`.
    """
    with prefix_errors(where) if where else nullcontext():
        _check_once(expression)
    # Parsing a text anew is several times faster than copying its tree.
    return ast.parse(expression.strip(), mode="eval").body


def find_symbols(node: ast.AST) -> set[str]:
    """Return the symbols in a syntax tree, without the names of functions."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called}


@lru_cache(maxsize=4096)
def read_symbols(expression: str) -> frozenset[str]:
    """Return the symbols of an expression, without the names of functions."""
    return frozenset(find_symbols(parse_expression(expression)))


def replace_symbols(expression: str, mapping: Mapping[str, str]) -> str:
    """Return an expression in which symbols are replaced by other expressions.

    Parameters
    ----------
    expression : str
        The expression.
    mapping : mapping of str to str
        For each symbol, the expression that replaces it.
    """
    trees = {name: parse_expression(text) for name, text in mapping.items()}
    return ast.unparse(_Replace(lambda name: trees.get(name)).visit(parse_expression(expression)))


@lru_cache(maxsize=4096)
def put_transfer_in_place(expression: str, transfer_name: str | None, where: str = "") -> str:
    """Return an expression with the formulas of a transfer function in place of calls of `s`, `ds` and `inv_s`.

    Parameters
    ----------
    expression : str
        The expression.
    transfer_name : str or None
        Name of the transfer function, or None if no transfer function is chosen.
    where : str, optional
        Place of the expression, for messages.

    Raises
    ------
    EquationError
        If a call is not valid: no transfer function is chosen, it has no inverse, or the call does not have one
        argument.
    """
    tree = parse_expression(expression, where)
    if not any(isinstance(n, ast.Call) for n in ast.walk(tree)):
        return expression
    return ast.unparse(_Inline(transfer_name, where).visit(tree))


class _Replace(ast.NodeTransformer):
    def __init__(self, find: Callable[[str], ast.expr | None]) -> None:
        self.find = find

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(a) for a in node.args]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return copy.deepcopy(self.find(node.id) or node)


class _Inline(ast.NodeTransformer):
    def __init__(self, transfer_name: str | None, where: str) -> None:
        self.transfer_name, self.where = transfer_name, where

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        call = node.func.id if isinstance(node.func, ast.Name) else ""
        if call not in CALLS:
            return node
        if self.transfer_name is None:
            raise EquationError(
                f"{self.where}: {call}(...) has no meaning without a transfer function; set `transfer`"
            )
        if len(node.args) != 1:
            raise EquationError(
                f"{self.where}: {call}(...) takes one argument, not {len(node.args)}"
            )
        text = getattr(find_transfer(self.transfer_name), call)
        if text is None:
            raise EquationError(
                f"{self.where}: {self.transfer_name} has no inverse on the real line, so inv_s(...) has no "
                f"meaning; choose a bijection: {', '.join(bijections())}"
            )
        argument, formula = node.args[0], parse_expression(text)
        if said := measure(formula, {"x": measure(argument)}).too_large:
            raise EquationError(
                f"{self.where}: with the formula of {self.transfer_name} in place of {call}(...), the expression "
                f"{said}"
            )
        return _Replace(lambda name: argument if name == "x" else None).visit(formula)
