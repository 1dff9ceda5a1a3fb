"""Spike-timing-dependent plasticity of pairs of spikes, with bounded weights.

    dx/dt = -x/tau_plus,   a presynaptic spike adds 1 to x and changes w by -F_minus(w) y
    dy/dt = -y/tau_minus,  a postsynaptic spike adds 1 to y and changes w by +F_plus(w) x

The variants differ in how the change depends on the weight, whose upper bound is w_max:

    additive         F_plus = a_plus w_max                         F_minus = a_minus w_max
    multiplicative   F_plus = a_plus w_max (1 - w/w_max)^mu        F_minus = a_minus w_max (w/w_max)^mu
    power            F_plus = a_plus w_0 (w/w_0)^mu                F_minus = a_minus w

All pairs of spikes count, or only nearest ones: then a spike sets its trace to 1, so that each spike forms pairs
with the last spike of the other cell alone. The weight is kept between 0 and w_max. A presynaptic spike acts
after the delay of the pathway: on the target, with the weight before its change, then on the weight. A
postsynaptic spike acts at once. If both act in one time step, the presynaptic one is first.
"""

from typing import Any, Literal

from dendrosim.checks import as_time, one_of
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.errors import ParameterError
from dendrosim.rules.rule_values import as_factor, as_weight_bound

SOURCES = """
Song, Miller & Abbott (2000), Nature Neuroscience 3:919: the additive rule with bounds, and the default values.
Rubin, Lee & Sompolinsky (2001), Physical Review Letters 86:364: the multiplicative rule (mu = 1).
Guetig, Aharonov, Rotter & Sompolinsky (2003), Journal of Neuroscience 23:3697: mu between 0 and 1.
Morrison, Aertsen & Diesmann (2007), Neural Computation 19:1437: the power law.
Morrison, Diesmann & Gerstner (2008), Biological Cybernetics 98:459: traces for all or nearest pairs of spikes.
"""
EQUATIONS = """
dtrace_plus/dt = -trace_plus/tau_plus    : 1 (event-driven)
dtrace_minus/dt = -trace_minus/tau_minus : 1 (event-driven)
"""
ON_PRE = """
trace_plus {count}
weight = clip(weight - {change}*trace_minus, 0*weight_max, weight_max)
"""
ON_POST = """
trace_minus {count}
weight = clip(weight + {change}*trace_plus, 0*weight_max, weight_max)
"""
CHANGES = {
    "additive": ("a_plus*weight_max", "a_minus*weight_max"),
    "multiplicative": ("a_plus*(weight_max - weight)", "a_minus*weight"),
    "soft": ("a_plus*weight_max*(1 - weight/weight_max)**mu", "a_minus*weight_max*(weight/weight_max)**mu"),
    "power": ("a_plus*weight_reference*(weight/weight_reference)**mu", "a_minus*weight"),
}  # fmt: skip
"""Sizes of potentiation and depression; `soft` is the multiplicative rule with another exponent than 1."""
COUNTS = {"all": "+= 1", "nearest": "= 1"}
POWER = 0.4


def pair_stdp(
    variant: Literal["additive", "multiplicative", "power"] = "additive",
    *,
    weight_max: Any = 1,
    a_plus: float = 0.005,
    a_minus: float = 0.00525,
    tau_plus: Any = "20 ms",
    tau_minus: Any = "20 ms",
    pairing: Literal["all", "nearest"] = "all",
    mu: float | None = None,
    weight_reference: Any = None,
) -> SynapseRule:
    """Return the rule of learning by pairs of spikes.

    Parameters
    ----------
    variant : {"additive", "multiplicative", "power"}, optional
        How changes depend on the weight (default additive: not at all).
    weight_max : quantity, optional
        Upper bound of the weights, above 0, in their unit (default 1); the lower bound is 0.
    a_plus, a_minus : float, optional
        Change of a weight by one pair whose spikes are at the same time, at least 0: a_plus if the presynaptic
        spike comes first (default 0.005), a_minus if it comes last (default 0.00525). It is a fraction of
        `weight_max`; of the weight or its distance from the bound with `multiplicative`; and with `power`, see
        `mu`.
    tau_plus, tau_minus : time, optional
        Time constants with which the effect of a pair decreases with the time between its spikes (default 20 ms).
    pairing : {"all", "nearest"}, optional
        Whether each spike forms pairs with all earlier spikes of the other cell (default), or with the last one.
    mu : float, optional
        Exponent, at least 0. With `multiplicative` (default 1), potentiation is in proportion to
        (1 - w/w_max)^mu, depression to (w/w_max)^mu. With `power` (default 0.4), potentiation is in proportion to
        w^mu, depression to w. The additive rule has none.
    weight_reference : quantity, optional
        w_0 of `power`, the weight at which potentiation is a_plus w_0 (default `weight_max`).

    Returns
    -------
    SynapseRule
        The rule, with the variables `trace_plus` and `trace_minus`.

    Raises
    ------
    ParameterError
        If a bound, factor or time constant is out of range, or `mu` or `weight_reference` has no effect.
    UnknownMemberError
        If there is no such variant or pairing.
    UnitError
        If a time constant is not a time.

    References
    ----------
    Song, Miller & Abbott (2000), Nature Neuroscience 3:919; Rubin, Lee & Sompolinsky (2001), Physical Review
    Letters 86:364; Morrison, Aertsen & Diesmann (2007), Neural Computation 19:1437.

    Examples
    --------
    >>> import dendrosim as ds
    >>> learn = ds.Pathway(
    ...     "learn", "sender", "cell", "g_post += weight", connect=ds.InDegree(100), delay="1.5 ms",
    ...     weight=ds.Uniform("0 nS", "0.5 nS"), rule=ds.rules.pair_stdp(weight_max="1 nS"),
    ... )
    """
    variant = one_of(*CHANGES.keys() - {"soft"})("pair_stdp: variant", variant)
    count = COUNTS[one_of(*COUNTS)("pair_stdp: pairing", pairing)]
    parameters: dict[str, Any] = {
        "weight_max": as_weight_bound("pair_stdp: weight_max", weight_max),
        "a_plus": as_factor("pair_stdp: a_plus", a_plus),
        "a_minus": as_factor("pair_stdp: a_minus", a_minus),
        "tau_plus": as_time("pair_stdp: tau_plus", tau_plus),
        "tau_minus": as_time("pair_stdp: tau_minus", tau_minus),
    }
    if variant == "power":
        reference = parameters["weight_max"] if weight_reference is None else weight_reference
        parameters["weight_reference"] = as_weight_bound("pair_stdp: weight_reference", reference)
        parameters["mu"] = as_factor("pair_stdp: mu", POWER if mu is None else mu)
    elif weight_reference is not None:
        raise ParameterError(
            f"pair_stdp: weight_reference has no effect with variant {variant!r}; leave it out"
        )
    elif variant == "additive" and mu is not None:
        raise ParameterError("pair_stdp: mu has no effect with variant 'additive'; leave it out")
    elif mu not in (None, 1):
        parameters["mu"] = as_factor("pair_stdp: mu", mu)
    plus, minus = CHANGES["soft" if variant == "multiplicative" and "mu" in parameters else variant]
    return SynapseRule(
        "pair_stdp",
        EQUATIONS,
        on_pre=ON_PRE.format(count=count, change=minus),
        on_post=ON_POST.format(count=count, change=plus),
        parameters=parameters,
        sources=SOURCES,
    )
