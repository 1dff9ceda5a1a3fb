"""What kind of matrix update a plasticity rule is.

A right-hand side is taken apart by its syntax tree into products of factors, each of which depends on the
weight only, on the postsynaptic unit only, on the presynaptic unit only, or on shared numbers only. Such
products are outer products, which run as matrix products over the batch. Whatever cannot be taken apart
is left whole, for an element-wise pass. The analysis knows nothing of particular rules.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from dendrosim.equations.rewriting import names, parse

_MOST_PRODUCTS = 64


@dataclass(frozen=True)
class Outer:
    """`weight(w)` o mean over the batch of `post` x `pre`; texts, None for a factor of 1."""

    weight: str | None
    post: str | None
    pre: str | None


@dataclass(frozen=True)
class Rule:
    """A plasticity rule, dw/dt = decay w + sum of outer products + local(w) + general.

    `decay` is the shared coefficient of a term linear in the weight. Of `outer`, those with a weight
    factor scale an outer product element by element. `local` depends on the weight and shared numbers,
    `general` on anything. Texts are as written by the user, suffixes included; None means absent.
    """

    decay: str | None
    outer: tuple[Outer, ...]
    local: str | None
    general: str | None

    @property
    def blas_only(self) -> bool:
        """Whether the whole rule is matrix products and a scaling of the matrix."""
        return (
            self.local is None
            and self.general is None
            and all(o.weight is None for o in self.outer)
        )


@dataclass(frozen=True)
class _Product:
    """A product of syntax trees by what they depend on; `mixed` could not be taken apart."""

    factors: tuple[tuple[str, ast.expr], ...]

    def times(self, other: "_Product") -> "_Product":
        return _Product(self.factors + other.factors)

    def of(self, kind: str) -> list[ast.expr]:
        return [node for k, node in self.factors if k == kind]


def analyse(rate: str, weight: str) -> Rule:
    """Take a rule apart.

    Parameters
    ----------
    rate : str
        Right-hand side, transfer functions already put in place.
    weight : str
        The weight's own name in it.
    """
    products = _expand(parse(rate), weight)
    decay, local, general = [], [], []
    outer: dict[tuple[str | None, str | None], list[ast.expr | None]] = {}
    for product in products:
        shared = product.of("shared")
        if product.of("mixed"):
            general.append(_multiply(node for _, node in product.factors))
        elif product.of("post") or product.of("pre"):
            key = (_text(_multiply(product.of("weight"))), _text(_multiply(product.of("pre"))))
            outer.setdefault(key, []).append(_multiply([*shared, *product.of("post")]))
        elif [ast.unparse(n) for n in product.of("weight")] == [weight]:
            decay.append(_multiply(shared) or parse("1.0"))
        else:
            local.append(_multiply([*shared, *product.of("weight")]) or parse("1.0"))
    return Rule(
        decay=_text(_add(decay)),
        outer=tuple(Outer(w, _text(_add(posts)), pre) for (w, pre), posts in outer.items()),
        local=_text(_add(local)),
        general=_text(_add(general)),
    )


def hoist(expression: str, weight: str) -> tuple[str, dict[str, str]]:
    """Replace what depends on one side only by a symbol, to be computed once per unit.

    Returns the expression and a mapping symbol -> text, with symbols `ds_hoist0_post`, `ds_hoist0_pre`, ...
    """
    finder = _Hoist(weight)
    tree = finder.visit(parse(expression))
    return ast.unparse(tree), finder.found


class _Hoist(ast.NodeTransformer):
    def __init__(self, weight: str) -> None:
        self.weight = weight
        self.found: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
            kinds = _kinds(node, self.weight)
            if kinds in ({"post"}, {"pre"}) and not _is_boolean(node):
                return ast.Name(self._symbol(ast.unparse(node), kinds.pop()), ctx=ast.Load())
        if isinstance(node, ast.Call):
            node.args = [self.visit(a) for a in node.args]  # type: ignore[misc]
            return node
        return super().generic_visit(node)

    def _symbol(self, text: str, kind: str) -> str:
        for symbol, known in self.found.items():
            if known == text:
                return symbol
        symbol = f"ds_hoist{len(self.found)}_{kind}"
        self.found[symbol] = text
        return symbol


def _is_boolean(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _kinds(node: ast.AST, weight: str) -> set[str]:
    found = set()
    for name in names(node):
        if name == weight:
            found.add("weight")
        elif name.endswith("_post"):
            found.add("post")
        elif name.endswith("_pre"):
            found.add("pre")
    return found


def _expand(node: ast.expr, weight: str) -> list[_Product]:
    kinds = _kinds(node, weight)
    if len(kinds) < 2 and not (kinds == {"weight"} and isinstance(node, ast.BinOp)):
        return [_Product(((kinds.pop() if kinds else "shared", node),))]
    whole = [_Product((("mixed" if len(kinds) > 1 else "weight", node),))]
    parts: list[_Product] | None = None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        parts = _negated(_expand(node.operand, weight))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        parts = _expand(node.operand, weight)
    elif isinstance(node, ast.BinOp):
        parts = _expand_binary(node, weight)
    if parts is None or len(parts) > _MOST_PRODUCTS:
        return whole
    return parts


def _expand_binary(node: ast.BinOp, weight: str) -> list[_Product] | None:
    if isinstance(node.op, ast.Pow):
        return _expand_power(node, weight)
    if not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        return None
    left, right = _expand(node.left, weight), _expand(node.right, weight)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left + _negated(right)
    if isinstance(node.op, ast.Mult):
        return [a.times(b) for a in left for b in right]
    if len(right) != 1 or right[0].of("mixed"):
        return None  # a sum below the line stays whole
    inverse = _Product(tuple((k, _binary(parse("1.0"), ast.Div(), n)) for k, n in right[0].factors))
    return [a.times(inverse) for a in left]


def _expand_power(node: ast.BinOp, weight: str) -> list[_Product] | None:
    exponent = node.right.value if isinstance(node.right, ast.Constant) else None
    base = _expand(node.left, weight)
    if len(base) == 1 and not base[0].of("mixed") and exponent is not None:
        integral = isinstance(exponent, int)
        if not integral and len(base[0].factors) > 1:
            return None  # (a b)^0.5 is not a^0.5 b^0.5 for negative factors
        return [_Product(tuple((k, _binary(n, ast.Pow(), node.right)) for k, n in base[0].factors))]
    if isinstance(exponent, int) and 2 <= exponent <= 4 and len(base) ** exponent <= _MOST_PRODUCTS:
        return reduce(lambda x, y: [a.times(b) for a in x for b in y], [base] * exponent)
    return None


def _negated(products: list[_Product]) -> list[_Product]:
    minus = _Product((("shared", parse("-1.0")),))
    return [minus.times(p) for p in products]


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, op, right)


def _multiply(nodes: Iterable[ast.expr]) -> ast.expr | None:
    factors = list(nodes)
    return reduce(lambda a, b: _binary(a, ast.Mult(), b), factors) if factors else None


def _add(nodes: Iterable[ast.expr | None]) -> ast.expr | None:
    terms = [parse("1.0") if n is None else n for n in nodes]
    return reduce(lambda a, b: _binary(a, ast.Add(), b), terms) if terms else None


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(ast.fix_missing_locations(node))
