"""Three-factor rule: pairs of spikes leave an eligibility, which a modulator turns into a change of the weight.

    dx/dt = -x/tau_plus,   a presynaptic spike adds 1 to x and -a_minus y to e
    dy/dt = -y/tau_minus,  a postsynaptic spike adds 1 to y and +a_plus x to e
    de/dt = -e/tau_eligibility,    dw/dt = w_max e M

The modulator M is local, such as a dendritic plateau, or global, such as a reward: the postsynaptic cell has an
event, and each event is an impulse of M. Without `tau_modulator`, the weight changes at once by w_max R e, where R
is the size of the impulse. With it, M decays exponentially after each event, with area R,

    dM/dt = -M/tau_modulator,  an event adds R/tau_modulator to M

Then the product p = e M and its integral q have exact equations between events, so that the weight needs no time
steps: dp/dt = -p (1/tau_eligibility + 1/tau_modulator), dq/dt = p. Spikes and events add w_max q to the weight and
set q to 0. So a pair of spikes that leaves the eligibility a, and an impulse a time T later, change the weight by

    w_max a R exp(-T/tau_eligibility)                                                                at once
    w_max a R exp(-T/tau_eligibility) tau_eligibility/(tau_eligibility + tau_modulator)     in the long run

The weight is kept between 0 and w_max. A presynaptic spike acts after the delay of the pathway. If several act in
one time step, the order is presynaptic spike, postsynaptic spike, event.
"""

from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.rule_values import as_factor, as_weight_bound

SOURCES = """
Izhikevich (2007), Cerebral Cortex 17:2443: pairs of spikes, eligibility and dopamine.
Fremaux & Gerstner (2016), Frontiers in Neural Circuits 9:85: three-factor rules.
"""
EQUATIONS = """
dtrace_plus/dt = -trace_plus/tau_plus          : 1 (event-driven)
dtrace_minus/dt = -trace_minus/tau_minus       : 1 (event-driven)
deligibility/dt = -eligibility/tau_eligibility : 1 (event-driven)
"""
ON_PRE = """
trace_plus += 1
eligibility -= a_minus*trace_minus
"""
ON_POST = """
trace_minus += 1
eligibility += a_plus*trace_plus
"""
ON_EVENT = """
weight = clip(weight + weight_max*({size})*eligibility, 0*weight_max, weight_max)
"""
# The modulator that decays: its product with the eligibility, and what the weight has not got yet.
SLOW = """
dmodulator/dt = -modulator/tau_modulator                             : Hz (event-driven)
dproduct/dt = -product*(1/tau_eligibility + 1/tau_modulator)         : Hz (event-driven)
dpending/dt = product                                                : 1 (event-driven)
"""
APPLY = """
weight = clip(weight + weight_max*pending, 0*weight_max, weight_max)
pending = 0
"""
SLOW_PRE = """
product -= modulator*a_minus*trace_minus
"""
SLOW_POST = """
product += modulator*a_plus*trace_plus
"""
SLOW_EVENT = """
modulator += ({size})/tau_modulator
product += ({size})/tau_modulator*eligibility
"""


def three_factor_stdp(
    event: str = "reward",
    *,
    size: str | float = 1.0,
    weight_max: Any = 1,
    a_plus: float = 0.005,
    a_minus: float = 0.00525,
    tau_plus: Any = "20 ms",
    tau_minus: Any = "20 ms",
    tau_eligibility: Any = "1 s",
    tau_modulator: Any = None,
) -> SynapseRule:
    """Return the rule of learning by pairs of spikes and a modulator.

    Parameters
    ----------
    event : str, optional
        The event of the postsynaptic population that is an impulse of the modulator, such as `plateau` for a local
        one (default `reward`).
    size : str or float, optional
        Size R of the impulse: a number, or a text that may read variables of the postsynaptic cell, such as
        `reward_post` (default 1).
    weight_max : quantity, optional
        Upper bound of the weights, above 0, in their unit (default 1); the lower bound is 0.
    a_plus, a_minus : float, optional
        Eligibility that a pair of spikes at the same time leaves, at least 0: a_plus if the presynaptic spike
        comes first (default 0.005), a_minus if it comes last (default 0.00525).
    tau_plus, tau_minus : time, optional
        Time constants with which it decreases with the time between the spikes (default 20 ms).
    tau_eligibility : time, optional
        Time constant of the eligibility (default 1 s).
    tau_modulator : time or None, optional
        Time constant with which the modulator decays after an event (default None: it acts at once).

    Returns
    -------
    SynapseRule
        The rule, with the variables `trace_plus`, `trace_minus` and `eligibility`; with `tau_modulator` also
        `modulator`, `product` and `pending`, the change since the last spike or event as a fraction of
        `weight_max`.

    Raises
    ------
    ParameterError
        If a bound, factor or time constant is out of range. `Circuit` raises UnknownMemberError, which names the
        population, if it lacks the event.
    UnitError
        If a time constant is not a time.

    References
    ----------
    Izhikevich (2007), Cerebral Cortex 17:2443; Fremaux & Gerstner (2016), Frontiers in Neural Circuits 9:85.

    Examples
    --------
    >>> import dendrosim as ds
    >>> learn = ds.Pathway(
    ...     "learn", "sender", "cell", "g_post += weight", connect=ds.InDegree(100), weight=0.5,
    ...     rule=ds.rules.three_factor_stdp("plateau", tau_eligibility="0.5 s"),
    ... )
    """
    where = "three_factor_stdp"
    event, text = as_symbol(f"{where}: event", event), str(size)
    times = {"tau_plus": tau_plus, "tau_minus": tau_minus, "tau_eligibility": tau_eligibility}
    slow = tau_modulator is not None
    if slow:
        times["tau_modulator"] = tau_modulator
    on_event = (APPLY + SLOW_EVENT if slow else ON_EVENT).format(size=text)
    return SynapseRule(
        where,
        EQUATIONS + SLOW if slow else EQUATIONS,
        before=APPLY if slow else "",
        on_pre=ON_PRE + SLOW_PRE if slow else ON_PRE,
        on_post={"spike": APPLY + ON_POST + SLOW_POST if slow else ON_POST, event: on_event},
        parameters={
            "weight_max": as_weight_bound(f"{where}: weight_max", weight_max),
            "a_plus": as_factor(f"{where}: a_plus", a_plus),
            "a_minus": as_factor(f"{where}: a_minus", a_minus),
            **{n: as_time(f"{where}: {n}", v) for n, v in times.items()},
        },
        sources=SOURCES,
    )
