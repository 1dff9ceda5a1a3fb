"""Functions that rewrite expressions: they write out transfer functions and replace symbols."""

import ast
import copy
from collections.abc import Callable, Mapping
from functools import lru_cache

from dendrosim.equations.transfer.base import CALLS
from dendrosim.equations.transfer.lookup import bijections, find_transfer
from dendrosim.errors import EquationError


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression.strip(), mode="eval").body


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
        If the expression cannot be read.
    """
    try:
        return copy.deepcopy(_parsed(expression))
    except SyntaxError as error:
        place = f"{where}: " if where else ""
        raise EquationError(
            f"{place}cannot read the expression {expression!r}: {error.msg}"
        ) from None


def find_symbols(node: ast.AST) -> set[str]:
    """Return the symbols in a syntax tree, without the names of functions."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called}


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
        argument = node.args[0]
        return _Replace(lambda name: argument if name == "x" else None).visit(
            parse_expression(text)
        )
