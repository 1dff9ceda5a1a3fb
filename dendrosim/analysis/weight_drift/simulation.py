"""Mean rate of change by a rule of spiking synapses, by simulation of Poisson trains with frozen weights."""

from typing import Any

import numpy as np

from dendrosim.analysis.weight_drift.poisson import WEIGHT, PoissonRule

BLOCKS = 20
"""Number of equal parts of a train whose means give the standard error."""


def simulate(
    rule: PoissonRule, weight: float, rates: tuple[float, float], common: float, lag: float,
    duration: float, seed: int,
) -> tuple[float, float]:  # fmt: skip
    """Return the mean rate of change of a frozen weight, and its standard error."""
    times, sides = _trains(rates, common, lag, duration, np.random.default_rng(seed))
    names = list(rule.traces)
    traces = [rule.traces[n] for n in names]
    decay = np.array([1 / t.tau for t in traces])
    changes = {c.side: _compiled(c.terms, weight) for c in rule.changes}
    jumps = {
        side: [(k, t.jump, t.nearest) for k, t in enumerate(traces) if t.side == side]
        for side in ("pre", "post")
    }
    now, last = np.zeros(len(traces)), 0.0
    sums = np.zeros(BLOCKS)
    for time, side in zip(times, sides, strict=True):
        now = now * np.exp(-(time - last) * decay)
        last = time
        end = "post" if side else "pre"
        sums[min(BLOCKS - 1, int(time / duration * BLOCKS))] += changes[end](now)
        for k, jump, nearest in jumps[end]:
            now[k] = jump if nearest else now[k] + jump
    means = sums / (duration / BLOCKS)
    return float(means.mean()), float(means.std(ddof=1) / BLOCKS**0.5)


def _trains(
    rates: tuple[float, float], common: float, lag: float, duration: float, rng: np.random.Generator
) -> tuple[Any, Any]:
    """Return times of the spikes of both trains in their order, and whether each is postsynaptic."""
    shared = rng.uniform(0, duration, rng.poisson(common * duration))
    found = []
    for rate, shift in zip(rates, (0.0, lag), strict=True):
        own = rng.uniform(0, duration, rng.poisson(max(rate - common, 0.0) * duration))
        both = np.concatenate([own, shared + shift])
        found.append(both[(both >= 0) & (both < duration)])
    times = np.concatenate(found)
    order = np.argsort(times, kind="stable")
    return times[order], np.repeat([False, True], [len(f) for f in found])[order]


def _compiled(terms: Any, weight: float) -> Any:
    """Return the change of a weight as a function of the traces."""
    import sympy

    known = [(powers, float(sympy.N(c.subs(WEIGHT, weight)))) for powers, c in terms.items()]

    def change(now: Any) -> float:
        return float(sum(c * np.prod(now ** np.array(powers)) for powers, c in known))

    return change
