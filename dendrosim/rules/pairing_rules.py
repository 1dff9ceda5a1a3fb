"""The rules that protocols of pairing compare, by name, and what a pair of spikes does by each in closed form."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import one_of
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.rules._calcium import DELAYS, calcium
from dendrosim.rules._clopath import clopath
from dendrosim.rules._inhibitory_stdp import inhibitory_stdp
from dendrosim.rules._pair_stdp import pair_stdp
from dendrosim.rules._triplet_stdp import triplet_stdp
from dendrosim.units import Quantity

NAMES = (
    "pair_additive", "pair_multiplicative", "pair_power", "triplet", "clopath", "calcium", "vogels"
)  # fmt: skip


def pairing_rule(name: str) -> SynapseRule:
    """Return a rule with its default values and weights from 0 to 1, and without noise.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Raises
    ------
    UnknownMemberError
        If there is no such rule.
    """
    name = one_of(*NAMES)("rule", name)
    if name.startswith("pair_"):
        return pair_stdp(name.removeprefix("pair_"))  # type: ignore[arg-type]
    if name == "calcium":
        return calcium("dp", sigma=0)
    if name == "triplet":
        return triplet_stdp()
    return clopath() if name == "clopath" else inhibitory_stdp()


def arrival(name: str) -> str:
    """Return the time after which a presynaptic spike acts, as a text with unit."""
    return DELAYS["dp"] if name == "calcium" else "0 ms"


def single_pair(name: str, lags: Array, weight: float) -> Array | None:
    """Return the change of a weight by one pair of spikes in closed form.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    lags : array of shape (n,)
        Time of the postsynaptic spike minus that of the presynaptic one, in seconds.
    weight : float
        The weight before the pair, from 0 to 1.

    Returns
    -------
    array of shape (n,) or None
        The change, or None if the rule has no closed form here (`clopath`, `calcium`).
    """
    if name in ("clopath", "calcium"):
        return None
    p: Mapping[str, Any] = {n: float(v.value) for n, v in pairing_rule(name).parameters.items()}
    if name == "vogels":
        change = p["eta"] * (
            np.exp(-np.abs(lags) / p["tau_trace"]) - 2 * p["target_rate"] * p["tau_trace"]
        )
        return np.clip(weight + change, 0, 1) - weight
    sizes = {
        "pair_additive": lambda: (p["a_plus"], p["a_minus"]),
        "pair_multiplicative": lambda: (p["a_plus"] * (1 - weight), p["a_minus"] * weight),
        "pair_power": lambda: (p["a_plus"] * weight ** p["mu"], p["a_minus"] * weight),
        "triplet": lambda: (p["a2_plus"], p["a2_minus"]),
    }
    up, down = sizes[name]()
    before = np.exp(-np.abs(lags) / p["tau_plus"])
    after = np.exp(-np.abs(lags) / p["tau_minus"])
    return np.clip(weight + np.where(lags >= 0, up * before, -down * after), 0, 1) - weight


def unbounded(rule: SynapseRule, top: float = 10.0) -> SynapseRule:
    """Return a rule whose upper bound is `top`, with the same absolute changes of a weight as with the bound 1.

    The factors `a...` of the rule are fractions of its bound, so they are divided by `top`.
    """
    changed = {
        name: Quantity(value.value / top, value.dimension)
        for name, value in rule.parameters.items()
        if name.startswith("a")
    }
    return rule.replace(parameters={**rule.parameters, **changed, "weight_max": top})


def triplet_factors(name: str) -> Mapping[str, float]:
    """Return factors and time constants of `pair_additive` or `triplet`, in the notation of triplets."""
    p = {n: float(v.value) for n, v in pairing_rule(name).parameters.items()}
    if name == "triplet":
        return p
    pair = {"a2_plus": p["a_plus"], "a2_minus": p["a_minus"], "a3_plus": 0.0, "a3_minus": 0.0}
    return {**p, **pair, "tau_x": 1.0, "tau_y": 1.0}
