"""Mean rate of change by a rule of a matrix, for activities with a joint Gaussian distribution.

The rate of change is a polynomial in the two activities for most rules; its mean follows from the moments,

    <x^a y^b> = m_x <x^(a-1) y^b> + (a - 1) s_x^2 <x^(a-2) y^b> + b c <x^(a-1) y^(b-1)>,

with the means m, the standard deviations s and the covariance c. States that the rule needs, such as a sliding
threshold, and eligibilities are slow: they have the value at which the mean of their own rate is 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.analysis.weight_drift.symbolic import check_known, parse, polynomial
from dendrosim.arrays import AnyArray
from dendrosim.circuit.matrix_rule import MatrixRule, read_plasticity
from dendrosim.equations.declarations import find_identifiers, parse_declarations
from dendrosim.equations.rewriting import put_transfer_in_place
from dendrosim.errors import ParameterError

DRAWS = 100_000
"""Number of random pairs of activities for a rule that is no polynomial."""


@dataclass(frozen=True)
class Activities:
    """Means, standard deviations and covariance of the presynaptic and the postsynaptic activity."""

    pre: Any
    post: Any
    pre_sd: Any
    post_sd: Any
    covariance: Any

    def moment(self, a: int, b: int) -> Any:
        """Return the mean of x^a y^b."""
        if a == 0 and b == 0:
            return 1.0
        if a == 0:
            found = self.post * self.moment(0, b - 1)
            return found + ((b - 1) * self.post_sd**2 * self.moment(0, b - 2) if b > 1 else 0)
        found = self.pre * self.moment(a - 1, b)
        if a > 1:
            found = found + (a - 1) * self.pre_sd**2 * self.moment(a - 2, b)
        return found + (b * self.covariance * self.moment(a - 1, b - 1) if b else 0)


def mean_rate(
    rule: MatrixRule,
    weight: AnyArray,
    activities: Activities,
    values: Mapping[str, float],
    transfer: str | None,
    seed: int,
) -> tuple[AnyArray, AnyArray, bool]:
    """Return the mean rate of change, its standard error, and whether it is exact; see `drift`."""
    where = f"drift: rule {rule.name!r}"
    line = read_plasticity(where, rule.plasticity)
    states: dict[str, str] = {}
    given: dict[str, Any] = {n: float(q.value) for n, q in rule.parameters.items()} | dict(values)
    inner: dict[str, str] = {}
    for side, text, parameters in (
        ("post", rule.post_equations, rule.post_parameters),
        ("pre", rule.pre_equations, rule.pre_parameters),
    ):
        given |= {f"{n}_{side}": float(q.value) for n, q in parameters.items()}
        for d in parse_declarations(text):
            if d.kind != "parameter":
                told = states if d.kind == "state" else inner
                told[f"{d.name}_{side}"] = _with_suffix(d.expression, side)
    for trace in rule.traces:
        own = read_plasticity(where, trace.plasticity)
        given |= {f"{trace.name}__{n}": float(q.value) for n, q in trace.parameters.items()}
        names = {n: f"{trace.name}__{n}" for n in trace.parameters} | {own.name: trace.name}
        states[trace.name] = _renamed(own.expression, names)
    inner = {n: t for n, t in inner.items() if n not in given}
    states = {n: t for n, t in states.items() if n not in given}
    texts = {n: put_transfer_in_place(t, transfer, where) for n, t in states.items()}
    rate = put_transfer_in_place(line.expression, transfer, where)
    given |= _subexpressions(inner, given)
    expressions = {n: parse(t, given) for n, t in texts.items()}
    total = parse(rate, given)
    fast = _fast_symbols(where, [total, *expressions.values()], {line.name, *states})
    numbers: dict[str, Any] = {line.name: weight}
    for name in _order(where, expressions):
        _solve(where, name, expressions[name], fast, activities, numbers)
    check_known(where, total, {*fast, *numbers})
    return _mean(total, fast, activities, numbers, seed)


def _with_suffix(text: str, side: str) -> str:
    from dendrosim.analysis.weight_drift.symbolic import CONSTANTS
    from dendrosim.units import UNITS

    names = {n for n in find_identifiers(text) if n not in UNITS and n not in CONSTANTS}
    return _renamed(text, {n: f"{n}_{side}" for n in names if f"{n}(" not in text.replace(" ", "")})


def _renamed(text: str, names: Mapping[str, str]) -> str:
    from dendrosim.equations.rewriting import replace_symbols

    return replace_symbols(text, dict(names))


def _subexpressions(inner: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return subexpressions as expressions of SymPy, with those that they use in place."""
    found: dict[str, Any] = {}
    for _ in inner:
        for name, text in inner.items():
            found[name] = parse(text, {**given, **found})
    return found


def _fast_symbols(where: str, expressions: list[Any], slow: set[str]) -> tuple[str, str]:
    """Return the symbols of the presynaptic and the postsynaptic activity."""
    symbols = {str(s) for e in expressions for s in e.free_symbols} - slow
    chosen = []
    for side in ("pre", "post"):
        own = sorted(s for s in symbols if s.endswith(f"_{side}"))
        if len(own) > 1:
            raise ParameterError(
                f"{where}: it reads {', '.join(own)}, and only one of them can have the given {side}_rate; give "
                f"the means of the others in values, as in values={{{own[-1]!r}: 0.5}}"
            )
        chosen.append(own[0] if own else f"unused_{side}")
    return chosen[0], chosen[1]


def _order(where: str, expressions: Mapping[str, Any]) -> list[str]:
    """Return slow states in an order in which each can be computed."""
    done: list[str] = []
    while len(done) < len(expressions):
        ready = [
            n
            for n, e in expressions.items()
            if n not in done
            and not ({str(s) for s in e.free_symbols} & set(expressions)) - {n, *done}
        ]
        if not ready:
            raise ParameterError(
                f"{where}: its states {', '.join(set(expressions) - set(done))} depend on each other, so that "
                "their means are not known; give them in values"
            )
        done += ready
    return done


def _solve(
    where: str,
    name: str,
    expression: Any,
    fast: tuple[str, str],
    activities: Activities,
    numbers: dict[str, Any],
) -> None:
    """Add the value of a slow state, at which the mean of its rate is 0."""
    check_known(f"{where}, state {name!r}", expression, {name, *fast, *numbers})
    terms = polynomial(expression, (*fast, name))
    if terms is None or any(k > 1 for _, _, k in terms):
        raise ParameterError(
            f"{where}: the mean of its state {name!r} is not known, because its rate is no polynomial that is "
            f"linear in it; give it in values, as in values={{{name!r}: 0.5}}"
        )
    parts = [0.0, 0.0]
    for (a, b, k), coefficient in terms.items():
        parts[k] = parts[k] + _number(coefficient, numbers) * activities.moment(a, b)
    numbers[name] = -parts[0] / parts[1]


def _mean(
    total: Any, fast: tuple[str, str], activities: Activities, numbers: Mapping[str, Any], seed: int
) -> tuple[AnyArray, AnyArray, bool]:
    terms = polynomial(total, fast)
    if terms is not None:
        value = sum(_number(c, numbers) * activities.moment(a, b) for (a, b), c in terms.items())
        value = np.asarray(value, dtype=float)
        return value, np.zeros_like(value), True
    return _drawn(total, fast, activities, numbers, seed)


def _drawn(
    total: Any, fast: tuple[str, str], activities: Activities, numbers: Mapping[str, Any], seed: int
) -> tuple[AnyArray, AnyArray, bool]:
    """Return the mean over random pairs of activities."""
    rng, a = np.random.default_rng(seed), activities
    u, v = rng.standard_normal((2, DRAWS))
    given = [
        np.asarray(x, float)[..., None] for x in (a.pre, a.post, a.pre_sd, a.post_sd, a.covariance)
    ]
    slope = np.divide(
        given[4], given[2], out=np.zeros_like(given[4] + given[2]), where=given[2] > 0
    )
    x = given[0] + given[2] * u
    y = given[1] + slope * u + np.sqrt(np.maximum(given[3] ** 2 - slope**2, 0)) * v
    own = {n: np.asarray(value, float)[..., None] for n, value in numbers.items()}
    values = np.asarray(_number(total, {**own, fast[0]: x, fast[1]: y}), float)
    return values.mean(-1), values.std(-1) / DRAWS**0.5, False


def _number(expression: Any, numbers: Mapping[str, Any]) -> Any:
    """Return the value of an expression of SymPy."""
    import sympy

    symbols = sorted(expression.free_symbols, key=str)
    function = sympy.lambdify(symbols, expression, "numpy")
    return function(*(numbers[str(s)] for s in symbols))
