"""Expressions that say something about each pair of a presynaptic and a postsynaptic unit.

They are evaluated in Python when a run begins, and may use the indices `i` (presynaptic) and `j` (postsynaptic),
`N_pre` and `N_post`, their own parameters, the functions of equations, and the random numbers `rand()` (from 0 to
1) and `randn()` (standard normal). Each call draws a number for every pair.
"""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.equations.evaluation import NAMES, compile_expression, evaluate
from dendrosim.equations.operator_check import check_operators
from dendrosim.equations.real_numbers import is_condition
from dendrosim.equations.rewriting import find_symbols, parse_expression
from dendrosim.errors import EquationError, abbreviate, suggestion
from dendrosim.units import UNITS

PRE, POST, SIZES = "i", "j", ("N_pre", "N_post")
_CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf}
_RANDOM = {"rand": "random", "randn": "standard_normal"}
_FUNCTIONS = [n for n in NAMES if n != "timestep"]


def check_pair_text(
    where: str, text: str, parameters: Mapping[str, float], condition: bool
) -> None:
    """Check an expression for pairs of units.

    Parameters
    ----------
    where : str
        The object to which it belongs, for messages.
    text : str
        The expression.
    parameters : mapping of str to float
        Values of further symbols; the expression must use all of them.
    condition : bool
        Whether it must be a condition; otherwise it must be a number.

    Raises
    ------
    EquationError
        If the expression cannot be read or evaluated.
    """
    check_operators(where, text)
    tree = parse_expression(text)
    known = [PRE, POST, *SIZES, *parameters, *_CONSTANTS]
    for symbol in sorted(find_symbols(tree) - set(known)):
        unit = "; numbers have no unit here, see the argument unit" if symbol in UNITS else ""
        raise EquationError(
            f"{where}: undefined symbol {symbol!r} in {abbreviate(text)}; it may use {', '.join(known)}"
            f"{unit or suggestion(symbol, known)}"
        )
    for name in parameters:
        if name not in find_symbols(tree):
            raise EquationError(
                f"{where}: {abbreviate(text)} does not use the parameter {name!r}; remove it"
            )
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        name, functions = ast.unparse(call.func), [*_FUNCTIONS, *_RANDOM]
        if name not in functions:
            raise EquationError(
                f"{where}: unknown function {name!r} in {abbreviate(text)}{suggestion(name, functions)}"
            )
        needed = 0 if name in _RANDOM else 3 if name == "clip" else 1
        if len(call.args) != needed:
            raise EquationError(
                f"{where}: in {abbreviate(text)}, {name}() takes {needed or 'no'} argument{'s' * (needed > 1)}, "
                f"not {len(call.args)}"
            )
    if condition != is_condition(tree):
        form = (
            "a condition, such as 'i != j'"
            if condition
            else "a number; write int(...) around a condition"
        )
        raise EquationError(f"{where}: {abbreviate(text)} must be {form}")


def pair_values(
    text: str, parameters: Mapping[str, float], pre: Integers, post: Integers, sizes: tuple[int, int],
    rng: np.random.Generator,
) -> Any:  # fmt: skip
    """Return the values of an expression that has passed `check_pair_text`.

    Parameters
    ----------
    text : str
        The expression.
    parameters : mapping of str to float
        Values of its own symbols.
    pre, post : array of int
        The presynaptic and the postsynaptic units, arrays that broadcast against each other.
    sizes : tuple of int
        Numbers of presynaptic and of postsynaptic units.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    array
        Its numbers or truth values, in the shape to which `pre` and `post` broadcast.
    """
    shape = np.broadcast_shapes(pre.shape, post.shape)
    random = _NameCalls()
    named = ast.unparse(random.visit(parse_expression(text)))
    values: dict[str, Any] = {
        **_CONSTANTS,
        **parameters,
        **dict(zip(SIZES, map(float, sizes), strict=True)),
    }
    values |= {PRE: pre.astype(float), POST: post.astype(float)}
    values |= {name: getattr(rng, _RANDOM[call])(shape) for name, call in random.found.items()}
    with np.errstate(all="ignore"):
        return np.broadcast_to(evaluate(compile_expression(named), values), shape)


class _NameCalls(ast.NodeTransformer):
    """Replace each call of a random number by a symbol of its own."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        call = ast.unparse(node.func)
        if call not in _RANDOM:
            return node
        name = f"ds_random{len(self.found)}"
        self.found[name] = call
        return ast.Name(name, ctx=ast.Load())
