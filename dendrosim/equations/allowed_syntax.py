"""The syntax that an expression may have, checked before any other package reads the text.

SymPy evaluates quoted texts in an expression as Python; for example, `f('import os')` would execute the import.
Circuits are data that anybody may have written, so only numbers, symbols, operators and calls of functions are
allowed.
"""

import ast

from dendrosim.errors import EquationError, abbreviate

_ALLOWED = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Constant,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def check_syntax(tree: ast.AST, expression: str) -> None:
    """Raise EquationError if a syntax tree has anything but numbers, symbols, operators and plain calls."""
    for node in ast.walk(tree):
        if not _is_allowed(node):
            part = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise EquationError(
                f"{abbreviate(expression)} cannot have {abbreviate(part)}: an expression consists of numbers, "
                "symbols, operators and calls of functions"
            )


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and not node.keywords
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float)
    return isinstance(node, _ALLOWED)
