"""Random numbers in texts: each call of `rand()` or `randn()` becomes a number of a stream of its own."""

import ast
from collections.abc import Iterable

from dendrosim.equations.assignments import Assignment
from dendrosim.equations.rewriting import parse_expression

CALLS = {"rand": "ds_uniform", "randn": "ds_normal"}
"""For each function of texts, the function of programs that draws its number from a key and an index."""


def replace_calls(
    text: str, prefix: str, index: str, first: int = 0
) -> tuple[str, tuple[str, ...]]:
    """Replace calls of random functions in an expression.

    Parameters
    ----------
    text : str
        The expression.
    prefix : str
        Beginning of the names of the keys; call k has the key named `prefix` and `first` + k.
    index : str
        Symbol of the index of the number in the stream of a step.
    first : int, optional
        Number of calls in expressions with the same prefix before this one.

    Returns
    -------
    str
        The expression with calls such as `ds_uniform(ds_rand_pre0, ds_synapse)`.
    tuple of str
        The names of the keys, in the order of the calls.
    """
    if not any(f"{call}(" in text.replace(" ", "") for call in CALLS):
        return text, ()
    replaced = _Replace(prefix, index, first)
    tree = replaced.visit(parse_expression(text))
    return ast.unparse(ast.fix_missing_locations(tree)), tuple(replaced.keys)


def replace_calls_in_lines(
    lines: Iterable[Assignment], prefix: str, index: str
) -> tuple[tuple[Assignment, ...], tuple[str, ...]]:
    """Replace calls of random functions in assignments; see `replace_calls`."""
    found: list[Assignment] = []
    keys: tuple[str, ...] = ()
    for line in lines:
        text, more = replace_calls(line.expression, prefix, index, len(keys))
        found.append(Assignment(line.target, line.operator, text))
        keys += more
    return tuple(found), keys


class _Replace(ast.NodeTransformer):
    def __init__(self, prefix: str, index: str, first: int) -> None:
        self.prefix, self.index, self.first = prefix, index, first
        self.keys: list[str] = []

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        call = node.func.id if isinstance(node.func, ast.Name) else ""
        if call not in CALLS or node.args:
            return node
        key = f"{self.prefix}{self.first + len(self.keys)}"
        self.keys.append(key)
        arguments: list[ast.expr] = [ast.Name(n, ctx=ast.Load()) for n in (key, self.index)]
        return ast.Call(ast.Name(CALLS[call], ctx=ast.Load()), arguments, [])
