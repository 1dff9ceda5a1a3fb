"""Mean rate of change by a rule of spiking synapses, for Poisson trains at both ends.

Traces that decay exponentially, and to which each spike of one end adds a number, are shot noise. At a spike of
a Poisson train, the traces of the other train have their stationary distribution, and so have those of the same
train before they jump. The mean of a product of traces follows from their joint cumulants, which for the traces
of one train of rate r and jumps J is r J_1 J_2 .../(1/tau_1 + 1/tau_2 + ...). Traces that a spike sets to a
number belong to the last spike alone: the mean of a product of such traces of one train is r J_1 J_2 .../(r +
1/tau_1 + 1/tau_2 + ...).

Trains may have common spikes, with a lag between the two ends. Of the spikes of one end, the part that has an
earlier partner at the other end finds the jump of the partner in the traces, decayed over the lag.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp
from typing import Any

import numpy as np

from dendrosim.analysis.weight_drift.symbolic import check_known, parse, polynomial
from dendrosim.arrays import AnyArray
from dendrosim.circuit.effects import texts_by_event
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.display.short import ShortRepr
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.equations.declarations import parse_declarations
from dendrosim.errors import ParameterError

WEIGHT = "weight"
Partition = list[list[int]]


@dataclass(frozen=True)
class Trace:
    """A trace: the end whose spikes change it, its time constant, its jump, and whether a spike sets it."""

    side: str
    tau: float
    jump: float
    nearest: bool


@dataclass(frozen=True)
class Change(ShortRepr):
    """What the spikes of one end do to a weight: coefficients by the powers of the traces before the spike."""

    side: str
    terms: Mapping[tuple[int, ...], Any]


@dataclass(frozen=True)
class PoissonRule(ShortRepr):
    """A rule of synapses for frozen weights: its traces by name, and the changes by spikes of both ends."""

    traces: Mapping[str, Trace]
    changes: tuple[Change, ...]


def read_rule(rule: SynapseRule, values: Mapping[str, float]) -> PoissonRule:
    """Return the traces and changes of a rule.

    Raises
    ------
    ParameterError
        If a variable is not a trace of one train, or the rule reads something besides weights and traces.
    """
    where = f"drift: rule {rule.name!r}"
    given = {n: float(q.value) for n, q in rule.parameters.items()} | dict(values)
    texts = {}
    for side, text in (("pre", rule.on_pre), ("post", rule.on_post)):
        effects = texts_by_event(text)
        other = next((e for e, t in effects.items() if e != SPIKE and t.strip()), None)
        if other is not None:
            raise ParameterError(
                f"{where}: it acts at the event {other!r}, which Poisson trains do not have; measure its drift "
                "in a run"
            )
        texts[side] = parse_assignments(effects.get(SPIKE, ""))
    if rule.before.strip():
        raise ParameterError(
            f"{where}: it changes the effect of spikes, but no weight by itself; give a rule that changes "
            "weights"
        )
    traces = {
        d.name: _read_trace(where, d.name, d.expression, texts, given)
        for d in parse_declarations(rule.equations)
    }
    return PoissonRule(
        traces,
        tuple(_read_change(where, side, lines, traces, given) for side, lines in texts.items()),
    )


def _read_trace(
    where: str,
    name: str,
    rate: str,
    texts: Mapping[str, Sequence[Assignment]],
    given: Mapping[str, float],
) -> Trace:
    import sympy

    decay = sympy.simplify(parse(rate, given) / sympy.Symbol(name))
    changed = [(side, x) for side, lines in texts.items() for x in lines if x.target == name]
    jump: Any = parse(changed[0][1].expression, given) if changed else None
    if (
        len(changed) != 1
        or not decay.is_number
        or not decay < 0
        or not jump.is_number
        or changed[0][1].operator not in ("=", "+=")
    ):
        raise ParameterError(
            f"{where}: {name!r} is no trace of one train, which decays exponentially and to which each spike of "
            "one end adds a number; measure the drift of this rule in a run"
        )
    side, line = changed[0]
    return Trace(side, float(-1 / decay), float(jump), line.operator == "=")


def _read_change(
    where: str,
    side: str,
    lines: Sequence[Assignment],
    traces: Mapping[str, Trace],
    given: Mapping[str, float],
) -> Change:
    """Return the change of a weight by a spike, in terms of the traces before the spike."""
    import sympy

    weight = sympy.Symbol(WEIGHT)
    now: dict[str, Any] = {name: sympy.Symbol(name) for name in traces} | {WEIGHT: weight}
    for line in lines:
        value = parse(line.expression, {**given, **now})
        old = now.get(line.target)
        steps = {"=": lambda a, b: b, "+=": lambda a, b: a + b, "-=": lambda a, b: a - b}
        steps |= {"*=": lambda a, b: a * b, "/=": lambda a, b: a / b}
        if old is None and line.operator != "=":
            raise ParameterError(f"{where}: {line.target!r} has no value before {line}")
        now[line.target] = steps[line.operator](old, value)
    change = sympy.expand(now[WEIGHT] - weight)
    check_known(where, change, {WEIGHT, *traces})
    terms = polynomial(change, traces)
    if terms is None:
        raise ParameterError(
            f"{where}: the change of a weight is no polynomial in the traces; use method='simulation'"
        )
    return Change(side, {powers: c for powers, c in terms.items() if c != 0})


@dataclass(frozen=True)
class Trains:
    """Rates of both trains, and of their common spikes, whose postsynaptic ones come after a lag, in SI units."""

    pre: Any
    post: Any
    common: Any
    lag: float

    def rate(self, side: str) -> Any:
        """Return the rate of one train."""
        return self.pre if side == "pre" else self.post


def mean_rate(rule: PoissonRule, weight: AnyArray, trains: Trains) -> AnyArray | None:
    """Return the mean rate of change of frozen weights; None if it is not known in closed form."""
    import sympy

    total: Any = 0.0
    traces = list(rule.traces.values())
    for change in rule.changes:
        for powers, coefficient in change.terms.items():
            factors = [trace for trace, n in zip(traces, powers, strict=True) for _ in range(n)]
            mean = _mean_at_spike(change.side, factors, trains)
            if mean is None:
                return None
            value = sympy.lambdify([sympy.Symbol(WEIGHT)], coefficient, "numpy")(weight)
            total = total + trains.rate(change.side) * value * mean
    return np.asarray(total, dtype=float)


def _mean_at_spike(side: str, factors: Sequence[Trace], trains: Trains) -> Any:
    """Return the mean of a product of traces at a spike of one end; None if it is not known."""
    stationary = _stationary_mean(factors, trains)
    others = [f for f in factors if f.side != side]
    lag = abs(trains.lag)
    partner_is_earlier = trains.lag >= 0 if side == "post" else trains.lag < 0
    if (
        stationary is None
        or not others
        or not partner_is_earlier
        or np.all(np.asarray(trains.common) == 0)
    ):
        return stationary
    if any(f.nearest for f in factors):
        return None
    part = trains.common / np.maximum(trains.rate(side), 1e-300)
    jumped: Any = 0.0
    for chosen in product((False, True), repeat=len(factors)):
        if any(c and f.side == side for c, f in zip(chosen, factors, strict=True)):
            continue
        kept = [f for c, f in zip(chosen, factors, strict=True) if not c]
        added = np.prod(
            [f.jump * exp(-lag / f.tau) for c, f in zip(chosen, factors, strict=True) if c]
        )
        jumped = jumped + added * _stationary_mean(kept, trains)
    return (1 - part) * stationary + part * jumped


def _stationary_mean(factors: Sequence[Trace], trains: Trains) -> Any:
    """Return the mean of a product of traces at any time; None if it is not known."""
    if not factors:
        return 1.0
    if any(f.nearest for f in factors):
        return _nearest_mean(factors, trains)
    total: Any = 0.0
    for partition in _partitions(list(range(len(factors)))):
        term: Any = 1.0
        for block in partition:
            term = term * _cumulant([factors[k] for k in block], trains)
        total = total + term
    return total


def _nearest_mean(factors: Sequence[Trace], trains: Trains) -> Any:
    if not all(f.nearest for f in factors) or np.any(np.asarray(trains.common) != 0):
        return None
    found: Any = 1.0
    for side in ("pre", "post"):
        own = [f for f in factors if f.side == side]
        rate = trains.rate(side)
        if own:
            decay = sum(1 / f.tau for f in own)
            found = found * np.prod([f.jump for f in own]) * rate / (rate + decay)
    return found


def _cumulant(block: Sequence[Trace], trains: Trains) -> Any:
    """Return the joint cumulant of traces of shot noise."""
    jumps = float(np.prod([f.jump for f in block]))
    decay = sum(1 / f.tau for f in block)
    sides = {f.side for f in block}
    if len(sides) == 1:
        return trains.rate(sides.pop()) * jumps / decay
    # The traces of the end whose common spikes are earlier have decayed over the lag when the later ones come.
    earlier = "pre" if trains.lag >= 0 else "post"
    lost = sum(abs(trains.lag) / f.tau for f in block if f.side == earlier)
    return trains.common * jumps * exp(-lost) / decay


def _partitions(items: list[int]) -> Iterator[Partition]:
    """Return all partitions of a list into blocks."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for partition in _partitions(rest):
        yield [[first], *partition]
        for k, block in enumerate(partition):
            yield [*partition[:k], [first, *block], *partition[k + 1 :]]
