"""Values of expressions on arrays of numbers, element by element, without Brian2."""

import ast
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from dendrosim.equations.real_numbers import CLIP, QUOTIENT, REMAINDER, TRUNCATE, with_real_numbers
from dendrosim.equations.rewriting import parse_expression

CACHED_TEXTS = 2048
"""Number of texts that stay compiled; a deep circuit has hundreds."""


def _real_part(x: Any) -> Any:
    return np.real(x)


def _clip(x: Any, low: Any, high: Any) -> Any:
    raised = np.where(_real_part(x) < _real_part(low), low, x)
    return np.where(_real_part(raised) > _real_part(high), high, raised)


def exprel(x: Any) -> Any:
    """Return (exp(x) - 1)/x, which is 1 at 0."""
    small = np.abs(x) < 1e-5  # where the series is exact to rounding: its next term is x**3/24
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 + x / 2 + x**2 / 6, np.expm1(safe) / safe)


# Arguments are complex if a derivative is taken by a complex step; switches depend on their real parts alone.
FUNCTIONS: Mapping[str, Any] = {
    "__builtins__": {},
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "exp": np.exp, "log": np.log, "log10": np.log10, "expm1": np.expm1, "log1p": np.log1p,
    "sqrt": np.sqrt, "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan,
    "exprel": exprel,
    "abs": lambda x: np.where(_real_part(x) < 0, -x, x),
    "sign": lambda x: np.sign(_real_part(x)),
    CLIP: _clip,
    "int": lambda condition: 1.0 * condition,
    TRUNCATE: lambda x: np.trunc(_real_part(x)),
    QUOTIENT: lambda x, y: np.floor_divide(_real_part(x), _real_part(y)),
    REMAINDER: lambda x, y: np.mod(_real_part(x), _real_part(y)),
    "floor": lambda x: np.floor(_real_part(x)),
    "ceil": lambda x: np.ceil(_real_part(x)),
    # As in Brian2, a time just below the beginning of a step belongs to that step.
    "timestep": lambda time, dt: np.floor((time + 1e-3 * dt) / dt),
    "ds_real": _real_part, "ds_and": np.logical_and, "ds_or": np.logical_or, "ds_not": np.logical_not,
}  # fmt: skip
"""The functions of expressions on arrays, by the names that the compiled code uses."""
NAMES = ("clip", *(n for n in FUNCTIONS if not n.startswith(("_", "ds_"))))
"""The names by which texts call these functions."""


def evaluate(code: Any, values: Mapping[str, Any]) -> Any:
    """Return the value of what `compile_expression` returned, for a number or array for each symbol.

    Arrays broadcast against each other. The value is complex if that of a symbol is complex.
    """
    return eval(code, dict(FUNCTIONS), values)


@lru_cache(CACHED_TEXTS)
def compile_expression(text: str) -> Any:
    """Return the code that computes a text on arrays."""
    tree = ast.Expression(_ElementWise().visit(parse_expression(with_real_numbers(text))))
    return compile(ast.fix_missing_locations(tree), f"<{text}>", "eval")


class _ElementWise(ast.NodeTransformer):
    """Replace logical operators by functions that work element by element, and compare real parts."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        name = "ds_and" if isinstance(node.op, ast.And) else "ds_or"
        result = node.values[0]
        for value in node.values[1:]:
            result = _make_call(name, result, value)
        return result

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _make_call("ds_not", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left = _make_call("ds_real", node.left)
        node.comparators = [_make_call("ds_real", c) for c in node.comparators]
        return node


def _make_call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ctx=ast.Load()), list(arguments), [])
