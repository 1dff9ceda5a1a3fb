"""Linear differential equations, solved exactly from one spike to the next.

A state may depend on itself and on states that depend on themselves only, as the two states of an alpha function
do, or two states may depend on each other. The solution is written with divided differences of the exponential,

    e[p, q] = (exp(p) - exp(q))/(p - q),    e[p, q, r] = (e[p, q] - e[q, r])/(p - r),

which are functions of programs that also work if rates are equal or 0, and with functions for pairs of states.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from dendrosim.equations.rewriting import find_symbols, parse_expression, read_symbols
from dendrosim.errors import EquationError, abbreviate

DIFFERENCE, SECOND_DIFFERENCE = "ds_difference", "ds_second_difference"
"""Functions of programs: e[p, q] and e[p, q, r]; `dendrosim.engine` defines them."""
COUPLED, DRIVEN = "ds_coupled", "ds_driven"
"""Functions of programs for the rates a x + b y and c x + d y: COUPLED(t, a, b, c, d, x, y) is x after the time t,
and DRIVEN(t, a, b, c, d, x, y) the integral of x from now to then."""


@dataclass(frozen=True)
class LinearRate:
    """A rate as a sum: `own` times the state, plus the numbers of `others` times those states, plus `constant`.

    All are expressions as text; None means that there is no such term.
    """

    own: str | None = None
    constant: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)


def split_rates(rates: Mapping[str, str]) -> dict[str, LinearRate]:
    """Return the terms of the rates of several states.

    Parameters
    ----------
    rates : mapping of str to str
        For each state, the right-hand side of its differential equation.

    Raises
    ------
    EquationError
        If a rate is not a sum of numbers times states, or if it depends on states in another way.
    """
    found = {name: _split(name, text, set(rates)) for name, text in rates.items()}
    for name, rate in found.items():
        for other in rate.others:
            deeper = next(iter(found[other].others), None)
            if deeper is not None and not _is_pair(name, other, found):
                raise EquationError(
                    f"{name}: it depends on {other!r}, which depends on {deeper!r}; an event-driven state may "
                    "depend on states that depend on themselves only, or on one state that depends on it in turn; "
                    "write other systems in a population, and read their states in on_pre and on_post"
                )
    return found


def _is_pair(name: str, other: str, split: Mapping[str, LinearRate]) -> bool:
    return set(split[name].others) == {other} and set(split[other].others) == {name}


def solve_rates(rates: Mapping[str, str], time: str) -> list[str]:
    """Return the assignments that bring states to the present.

    First, the new value of each state is assigned to a name with an underscore in front, then to the state.

    Parameters
    ----------
    rates : mapping of str to str
        For each state, the right-hand side of its differential equation; see `split_rates`.
    time : str
        Expression for the time since the last values.
    """
    split = split_rates(rates)
    lines = [f"_{name} = {_solution(name, rates, split, time)}" for name in rates]
    return [*lines, *(f"{name} = _{name}" for name in rates)]


def _solution(
    name: str, rates: Mapping[str, str], split: Mapping[str, LinearRate], time: str
) -> str:
    own, constant, others = split[name].own, split[name].constant, split[name].others
    rate = rates[name]
    power = "0.0" if own is None else f"({own})*({time})"
    if not others and own is None:
        return f"{name} + ({rate})*({time})"
    if not others and constant is None:
        return f"{name}*exp({power})"
    if not others:  # from the rate at the beginning, so that no digits are lost over short times
        return f"{name} + ({rate})*({time})*exprel({power})"
    other = next(iter(others))
    if _is_pair(name, other, split):
        return _pair_solution(name, other, rates, split, time)
    terms = [name if own is None else f"{name}*exp({power})"]
    if constant is not None:
        terms.append(f"({constant})*({time})*exprel({power})")
    for other, factor in others.items():
        of = split[other]
        its = "0.0" if of.own is None else f"({of.own})*({time})"
        terms.append(f"({factor})*{other}*({time})*{DIFFERENCE}({its}, {power})")
        if of.constant is not None:
            terms.append(
                f"({factor})*({of.constant})*({time})*({time})*{SECOND_DIFFERENCE}({its}, {power}, 0.0)"
            )
    return " + ".join(terms)


def _pair_solution(
    name: str, other: str, rates: Mapping[str, str], split: Mapping[str, LinearRate], time: str
) -> str:
    """Return the new value of a state that another one depends on, and that depends on it."""
    one, two = split[name], split[other]
    own = "0.0" if one.own is None else one.own, "0.0" if two.own is None else two.own
    matrix = f"{own[0]}, {one.others[other]}, {two.others[name]}, {own[1]}"
    if one.constant is None and two.constant is None:
        return f"{COUPLED}({time}, {matrix}, {name}, {other})"
    return f"{name} + {DRIVEN}({time}, {matrix}, {rates[name]}, {rates[other]})"


def _split(name: str, text: str, states: set[str]) -> LinearRate:
    terms = _terms(parse_expression(text), states)
    if terms is None:
        shown = sorted(read_symbols(text) & states)
        raise EquationError(
            f"{name}: {abbreviate(text)} is not linear in {', '.join(map(repr, shown))}, so it cannot be solved "
            "from spike to spike; write it as a sum of numbers times states"
        )
    texts = {n: ast.unparse(ast.fix_missing_locations(node)) for n, node in terms.items()}
    own, constant = texts.pop(name, None), texts.pop("", None)
    return LinearRate(own, constant, texts)


def _terms(node: ast.expr, states: set[str]) -> dict[str, ast.expr] | None:
    """Return the factor of each state in a linear expression, and under "" the rest; None if it is not linear."""
    if not find_symbols(node) & states:
        return {"": node}
    if isinstance(node, ast.Name):
        return {node.id: ast.Constant(1.0)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _terms(node.operand, states)
        return inner and {n: ast.UnaryOp(node.op, x) for n, x in inner.items()}
    if not isinstance(node, ast.BinOp):
        return None
    left, right = _terms(node.left, states), _terms(node.right, states)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Add | ast.Sub):
        return _sum(left, right, node.op)
    if isinstance(node.op, ast.Mult) and set(left) == {""}:
        return {n: ast.BinOp(node.left, ast.Mult(), x) for n, x in right.items()}
    if isinstance(node.op, ast.Mult | ast.Div) and set(right) == {""}:
        return {n: ast.BinOp(x, node.op, node.right) for n, x in left.items()}
    return None


def _sum(
    left: Mapping[str, ast.expr], right: Mapping[str, ast.expr], op: ast.operator
) -> dict[str, ast.expr]:
    found = dict(left)
    for name, term in right.items():
        if name in found:
            found[name] = ast.BinOp(found[name], op, term)
        else:
            found[name] = ast.UnaryOp(ast.USub(), term) if isinstance(op, ast.Sub) else term
    return found
