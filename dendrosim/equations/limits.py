"""Limits of the texts of equations, so that reading, checking and compiling a text takes a bounded time.

Python's parser, Brian2 and SymPy work recursively, replace subexpressions by their expressions, and compute powers
of integers exactly. Without limits, a short text can cause a RecursionError, or take hours.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from dendrosim.errors import EquationError, abbreviate

MOST_CHARACTERS = 100_000
MOST_NESTED = 150
"""Largest depth to which operations and calls are nested; Brian2 fails above about 180."""
MOST_PARTS = 20_000
"""Largest number of parts of an expression. Brian2 takes seconds for an expression of this size, and the time
grows with the square of the size."""
MOST_POWER = 1000
_MOST_BITS = 4096  # largest size of an integer that SymPy computes exactly
_LARGEST_INTEGER = 2**63 - 1  # in C++
# No control characters besides tabs and ends of lines, and no halves of surrogate pairs.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTES = "'\"`\\"  # SymPy executes quoted texts as Python
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "abs": abs, "ceil": math.ceil, "exp": math.exp, "floor": math.floor, "int": int, "log": math.log,
    "log10": math.log10, "sqrt": math.sqrt,
}  # fmt: skip
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip


class Extent(NamedTuple):
    """How large an expression is.

    `parts` is the number of its parts, and `nested` the largest number of parts inside each other. For a sum or
    product (`chain` is "+" or "*"), `links` is the number of operands, and `inner` the largest `nested` of them.
    Brian2 removes parentheses between sums, and computes a sum of n terms as n - 1 sums inside each other.
    """

    parts: int
    nested: int
    chain: str = ""
    links: int = 1
    inner: int = 0

    @property
    def too_large(self) -> str:
        """The end of a message that says which limit the expression exceeds, or an empty text."""
        if self.nested > MOST_NESTED:
            return (
                f"has {self.nested} operations inside each other (a sum of n terms has n of them); at most "
                f"{MOST_NESTED} are possible: make parts of it states, or feed the variable by projections"
            )
        if self.parts > MOST_PARTS:
            return f"has {self.parts:.4g} parts; at most {MOST_PARTS} are possible: make parts of it states"
        return ""


class _Number(NamedTuple):
    value: float
    bits: int


def read_lines(text: str) -> list[str]:
    """Return the lines of an equation text without comments, empty lines and repeated spaces.

    Raises
    ------
    EquationError
        If the text is too long, or has a character that an equation cannot have.
    """
    if len(text) > MOST_CHARACTERS:
        raise EquationError(
            f"the text {abbreviate(text)} has {len(text)} characters; at most {MOST_CHARACTERS} are possible"
        )
    found = _UNREADABLE.search(text.replace("\r\n", "\n"))
    lines = [" ".join(line.split("#", 1)[0].split()) for line in text.splitlines()]
    code = next(
        (c for line in lines for c in line if not c.isascii() or c in _QUOTES), found and found[0]
    )
    if code:
        raise EquationError(
            f"the text {abbreviate(text)} has the character {code!a}; equations are written with letters, "
            "digits and signs of ASCII, without quotation marks"
        )
    return [line for line in lines if line]


def check_expression_limits(tree: ast.AST, expression: str) -> None:
    """Raise EquationError if an expression is too large, too deep, or has a number that is too large."""
    if said := measure(tree).too_large:
        raise EquationError(f"{abbreviate(expression)} {said}")
    _number(tree, expression)


def measure(tree: ast.AST, known: Mapping[str, Extent] | None = None) -> Extent:
    """Return the extent of a syntax tree in which symbols are replaced by expressions of `known` extent."""
    nodes = [tree]
    for node in nodes:  # grows while it is read, so that each node follows its parent
        nodes += ast.iter_child_nodes(node)
    found: dict[int, Extent] = {}
    for node in reversed(nodes):
        below = [found[id(child)] for child in ast.iter_child_nodes(node) if id(child) in found]
        if isinstance(node, ast.expr):
            found[id(node)] = _extent(node, below, known or {})
    return found[id(tree)]


_CHAINS = {ast.Add: "+", ast.Sub: "+", ast.Mult: "*", ast.Div: "*"}


def _extent(node: ast.expr, below: list[Extent], known: Mapping[str, Extent]) -> Extent:
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    parts = 1 + sum(e.parts for e in below)
    chain = _CHAINS.get(type(node.op), "") if isinstance(node, ast.BinOp) else ""
    if chain:
        links = sum(e.links for e in below if e.chain == chain)
        links += sum(1 for e in below if e.chain != chain)
        inner = max(e.inner if e.chain == chain else e.nested for e in below)
        return Extent(parts, inner + links - 1, chain, links, inner)
    return Extent(parts, 1 + max((e.nested for e in below), default=0))


def _number(node: ast.AST, expression: str) -> _Number | None:
    """Return the value of a part that has no symbols, None for other parts; may raise EquationError."""
    if isinstance(node, ast.Constant):
        return _constant(node.value, expression)
    below = [_number(child, expression) for child in ast.iter_child_nodes(node)]
    if isinstance(node, ast.BinOp):
        return _operation(node, below[0], below[2], expression)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and below[1]:
        return _Number(-below[1].value, below[1].bits)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(below) == 2:
        function, given = _FUNCTIONS.get(node.func.id), below[1]
        try:
            return _Number(float(function(given.value)), 64) if function and given else None
        except (ArithmeticError, ValueError):
            return None  # such as the logarithm of -1
    return None


def _operation(
    node: ast.BinOp, left: _Number | None, right: _Number | None, expression: str
) -> _Number | None:
    power = isinstance(node.op, ast.Pow)
    if power and right is not None and abs(right.value) > MOST_POWER:
        raise EquationError(
            f"{abbreviate(expression)} has a power of {right.value:g}; at most {MOST_POWER} is possible"
        )
    function = _OPERATORS.get(type(node.op))
    if left is None or right is None or function is None:
        return None
    bits = int(left.bits * max(1, abs(right.value))) if power else left.bits + right.bits
    try:
        value = function(left.value, right.value)
    except OverflowError:
        value = math.inf
    except ArithmeticError:
        return None  # a division by 0
    if isinstance(value, complex):
        return None
    if bits > _MOST_BITS or math.isinf(value):
        raise EquationError(
            f"{abbreviate(expression)} has the number {abbreviate(ast.unparse(node))}, which is too large; "
            "use the symbol 'inf', or write it as one number such as 1e20"
        )
    return _Number(value, bits)


def _constant(value: object, expression: str) -> _Number | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        return _Number(value, 64)
    if value > _LARGEST_INTEGER:
        raise EquationError(
            f"{abbreviate(expression)} has an integer of more than 18 digits; write it as 1e20, for instance"
        )
    return _Number(float(value), value.bit_length())
