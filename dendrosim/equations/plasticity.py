"""Analysis of a plasticity rule: which terms are matrix products, and which are computed element by element.

The syntax tree of a rule's right-hand side is expanded into a sum of products. Each factor depends on weights
only, on the postsynaptic unit only, on the presynaptic unit only, or on shared numbers only. Such a product is an
outer product over postsynaptic and presynaptic units; its mean over the batch is a matrix product. A term that
cannot be separated in this way is not expanded, and is computed element by element. The analysis works on any rule
and treats no rule specially.
"""

import ast
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import reduce

from dendrosim.equations.rewriting import find_symbols, parse_expression

# Largest number of products into which an expression such as (a + b + c)**4 is expanded; an expression with more
# products is computed element by element.
_MOST_PRODUCTS = 64


@dataclass(frozen=True)
class OuterProduct:
    """The term `gain` times `weight` times the mean over the batch of the outer product of `post` and `pre`.

    All fields are expressions as text; None means a factor of 1. `weight` multiplies element by element; it
    depends on the weight and on the weights of other matrices. `gain` depends on shared numbers only.
    """

    weight: str | None
    post: str | None
    pre: str | None
    gain: str | None = None

    @property
    def scaled_post(self) -> str | None:
        """The text of gain times `post`."""
        return _text(_multiply(parse_expression(t) for t in (self.gain, self.post) if t))


@dataclass(frozen=True)
class PlasticityRule:
    """A plasticity rule as a sum: dw/dt = decay w + outer products + local + general.

    Parameters
    ----------
    decay : str or None
        Coefficient of the term that is linear in the weight; it depends on shared numbers only.
    outer : tuple of OuterProduct
        Outer products.
    local : str or None
        Terms that depend on weights and on shared numbers only.
    general : str or None
        Terms that could not be separated.

    Texts use the symbols that the user wrote, with their suffixes `_post` and `_pre`; None means that the rule has
    no such term.
    """

    decay: str | None
    outer: tuple[OuterProduct, ...]
    local: str | None
    general: str | None

    @property
    def blas_only(self) -> bool:
        """Whether the rule consists only of matrix products and a scaling of the matrix."""
        return (
            self.local is None
            and self.general is None
            and all(o.weight is None for o in self.outer)
        )


@dataclass(frozen=True)
class _Product:
    """A product of factors; each is a syntax tree with a word that says what it depends on.

    The word is `shared`, `weight`, `post` or `pre`, or `mixed` for a factor that could not be separated.
    """

    factors: tuple[tuple[str, ast.expr], ...]

    def times(self, other: "_Product") -> "_Product":
        return _Product(self.factors + other.factors)

    def factors_of(self, side: str) -> list[ast.expr]:
        return [node for s, node in self.factors if s == side]


def analyse_rule(rate: str, weight: str, others: Iterable[str] = ()) -> PlasticityRule:
    """Return a rule as a sum of outer products and other terms.

    Parameters
    ----------
    rate : str
        Right-hand side of the rule, with the formulas of transfer functions in place of their calls.
    weight : str
        Name of the weight in `rate`.
    others : iterable of str, optional
        Symbols of the weights of other matrices in `rate` (default: none).
    """
    weights = frozenset((weight, *others))
    products = _expand(parse_expression(rate), weights)
    decay, local, general = [], [], []
    outer: dict[tuple[str | None, str | None], list[tuple[list[ast.expr], list[ast.expr]]]] = {}
    for product in products:
        shared = product.factors_of("shared")
        if product.factors_of("mixed"):
            general.append(_multiply(node for _, node in product.factors))
        elif product.factors_of("post") or product.factors_of("pre"):
            key = (
                _text(_multiply(product.factors_of("weight"))),
                _text(_multiply(product.factors_of("pre"))),
            )
            outer.setdefault(key, []).append((shared, product.factors_of("post")))
        elif [ast.unparse(n) for n in product.factors_of("weight")] == [weight]:
            decay.append(_multiply(shared) or parse_expression("1.0"))
        else:
            local.append(
                _multiply([*shared, *product.factors_of("weight")]) or parse_expression("1.0")
            )
    return PlasticityRule(
        decay=_text(_add(decay)),
        outer=tuple(_outer_product(w, pre, terms) for (w, pre), terms in outer.items()),
        local=_text(_add(local)),
        general=_text(_add(general)),
    )


def _outer_product(
    weight: str | None, pre: str | None, terms: list[tuple[list[ast.expr], list[ast.expr]]]
) -> OuterProduct:
    """Return a sum of terms, given by their shared and postsynaptic factors, with the same `weight` and `pre`."""
    gains = {_text(_multiply(shared)) for shared, _ in terms}
    if len(gains) == 1:
        return OuterProduct(
            weight, _text(_add(_multiply(post) for _, post in terms)), pre, gains.pop()
        )
    posts = _add(_multiply([*shared, *post]) for shared, post in terms)
    return OuterProduct(weight, _text(posts), pre)


def hoist_sides(
    expression: str, weight: str, others: Iterable[str] = ()
) -> tuple[str, dict[str, str]]:
    """Move parts that depend on `_post` or on `_pre` only out of an expression, to be computed once per unit.

    `weight` and `others` are the symbols of weights, as in `analyse_rule`.

    Returns
    -------
    str
        The expression, with symbols `ds_hoist0_post`, `ds_hoist1_pre`, ... in place of these parts.
    dict
        For each of these symbols, the expression that it replaces.
    """
    finder = _Hoist(frozenset((weight, *others)))
    tree = finder.visit(parse_expression(expression))
    return ast.unparse(tree), finder.found


class _Hoist(ast.NodeTransformer):
    def __init__(self, weights: Set[str]) -> None:
        self.weights = weights
        self.found: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
            sides = _dependence(node, self.weights)
            if sides in ({"post"}, {"pre"}) and not _is_boolean(node):
                return ast.Name(self._symbol(ast.unparse(node), sides.pop()), ctx=ast.Load())
        if isinstance(node, ast.Call):
            node.args = [self.visit(a) for a in node.args]  # type: ignore[misc]
            return node
        return super().generic_visit(node)

    def _symbol(self, text: str, side: str) -> str:
        for symbol, known in self.found.items():
            if known == text:
                return symbol
        symbol = f"ds_hoist{len(self.found)}_{side}"
        self.found[symbol] = text
        return symbol


def _is_boolean(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _dependence(node: ast.AST, weights: Set[str]) -> set[str]:
    """Return on which of `weight`, `post` and `pre` a tree depends; shared numbers do not count."""
    found = set()
    for name in find_symbols(node):
        if name in weights:
            found.add("weight")
        elif name.endswith("_post"):
            found.add("post")
        elif name.endswith("_pre"):
            found.add("pre")
    return found


def _expand(node: ast.expr, weights: Set[str]) -> list[_Product]:
    sides = _dependence(node, weights)
    if len(sides) < 2 and not (sides == {"weight"} and isinstance(node, ast.BinOp)):
        return [_Product(tuple(_factors(node, weights)))]
    whole = [_Product((("mixed" if len(sides) > 1 else "weight", node),))]
    parts: list[_Product] | None = None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        parts = _negated(_expand(node.operand, weights))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        parts = _expand(node.operand, weights)
    elif isinstance(node, ast.BinOp):
        parts = _expand_binary(node, weights)
    if parts is None or len(parts) > _MOST_PRODUCTS:
        return whole
    return parts


def _factors(node: ast.expr, weights: Set[str]) -> list[tuple[str, ast.expr]]:
    """Return the factors of a tree that depends on at most one side: its shared numbers, and the rest."""
    sides = _dependence(node, weights)
    if not sides:
        return [("shared", node)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [("shared", parse_expression("-1.0")), *_factors(node.operand, weights)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _factors(node.left, weights) + _factors(node.right, weights)
    shared_divisor = isinstance(node, ast.BinOp) and not _dependence(node.right, weights)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and shared_divisor:
        inverse = _binary(parse_expression("1.0"), ast.Div(), node.right)
        return [*_factors(node.left, weights), ("shared", inverse)]
    return [(sides.pop(), node)]


def _expand_binary(node: ast.BinOp, weights: Set[str]) -> list[_Product] | None:
    if isinstance(node.op, ast.Pow):
        return _expand_power(node, weights)
    if not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        return None
    left, right = _expand(node.left, weights), _expand(node.right, weights)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left + _negated(right)
    if isinstance(node.op, ast.Mult):
        return [a.times(b) for a in left for b in right]
    if len(right) != 1 or right[0].factors_of("mixed"):
        return None  # a sum in the denominator cannot be expanded
    inverse = _Product(
        tuple((k, _binary(parse_expression("1.0"), ast.Div(), n)) for k, n in right[0].factors)
    )
    return [a.times(inverse) for a in left]


def _expand_power(node: ast.BinOp, weights: Set[str]) -> list[_Product] | None:
    exponent = node.right.value if isinstance(node.right, ast.Constant) else None
    base = _expand(node.left, weights)
    if len(base) == 1 and not base[0].factors_of("mixed") and exponent is not None:
        integral = isinstance(exponent, int)
        if not integral and len(base[0].factors) > 1:
            return None  # (a b)^0.5 is not a^0.5 b^0.5 for negative factors
        return [_Product(tuple((k, _binary(n, ast.Pow(), node.right)) for k, n in base[0].factors))]
    if isinstance(exponent, int) and 2 <= exponent <= 4 and len(base) ** exponent <= _MOST_PRODUCTS:
        return reduce(lambda x, y: [a.times(b) for a in x for b in y], [base] * exponent)
    return None


def _negated(products: list[_Product]) -> list[_Product]:
    minus = _Product((("shared", parse_expression("-1.0")),))
    return [minus.times(p) for p in products]


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, op, right)


def _multiply(nodes: Iterable[ast.expr]) -> ast.expr | None:
    factors = list(nodes)
    return reduce(lambda a, b: _binary(a, ast.Mult(), b), factors) if factors else None


def _add(nodes: Iterable[ast.expr | None]) -> ast.expr | None:
    terms = [parse_expression("1.0") if n is None else n for n in nodes]
    return reduce(lambda a, b: _binary(a, ast.Add(), b), terms) if terms else None


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(ast.fix_missing_locations(node))
