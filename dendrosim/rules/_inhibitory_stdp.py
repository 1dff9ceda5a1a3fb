"""Inhibitory plasticity that holds the rate of the postsynaptic cell.

    dx/dt = -x/tau,  a presynaptic spike adds 1 to x and changes w by  eta (y - alpha),   alpha = 2 rate tau
    dy/dt = -y/tau,  a postsynaptic spike adds 1 to y and changes w by eta x

Spikes of both cells close in time strengthen the synapse in either order, and each presynaptic spike weakens it.
With independent trains of rates r_pre and r_post, the mean drift is eta r_pre (2 tau r_post - alpha): it is zero
where the postsynaptic cell fires at `rate`. The weight is kept between 0 and w_max. A presynaptic spike acts
after the delay of the pathway; if it acts in the same time step as a postsynaptic one, it is first.
"""

from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.rules.rule_values import as_learning_rate, as_rate, as_weight_bound

SOURCES = """
Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569.
"""
EQUATIONS = """
dtrace_x/dt = -trace_x/tau_trace : 1 (event-driven)
dtrace_y/dt = -trace_y/tau_trace : 1 (event-driven)
"""
ON_PRE = """
trace_x += 1
weight = clip(weight + eta*(trace_y - 2*target_rate*tau_trace), 0*weight_max, weight_max)
"""
ON_POST = """
trace_y += 1
weight = clip(weight + eta*trace_x, 0*weight_max, weight_max)
"""


def inhibitory_stdp(
    *,
    weight_max: Any = 1,
    eta: Any = 0.01,
    rate: Any = "5 Hz",
    tau_trace: Any = "20 ms",
) -> SynapseRule:
    """Return the rule by which inhibitory synapses hold the rate of their postsynaptic cell.

    The weights are positive; the effect of a presynaptic spike inhibits, as in `g_inh_post += weight`.

    Parameters
    ----------
    weight_max : quantity, optional
        Upper bound of the weights, above 0, in their unit (default 1); the lower bound is 0. It must be so high
        that inhibition can hold the rate.
    eta : quantity, optional
        Change of a weight by two spikes at the same time, at least 0, in the unit of the weight (default 0.01).
    rate : rate, optional
        The rate of the postsynaptic cell that the rule holds, above 0 (default 5 Hz).
    tau_trace : time, optional
        Time constant with which the effect of a pair decreases with the time between its spikes (default 20 ms).

    Returns
    -------
    SynapseRule
        The rule, with the variables `trace_x` and `trace_y`.

    Raises
    ------
    ParameterError
        If the learning rate is negative, or another number is not above 0.
    UnitError
        If the time constant is not a time, or the rate is not a rate.

    References
    ----------
    Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569.

    Examples
    --------
    >>> import dendrosim as ds
    >>> balance = ds.Pathway(
    ...     "balance", "inhibitory", "cell", "g_inh_post += weight", connect=ds.InDegree(100), weight="0 nS",
    ...     rule=ds.rules.inhibitory_stdp(weight_max="20 nS", eta="0.1 nS", rate="3 Hz"),
    ... )
    """
    where = "inhibitory_stdp"
    parameters = {
        "weight_max": as_weight_bound(f"{where}: weight_max", weight_max),
        "eta": as_learning_rate(f"{where}: eta", eta),
        "target_rate": as_rate(f"{where}: rate", rate),
        "tau_trace": as_time(f"{where}: tau_trace", tau_trace),
    }
    return SynapseRule(
        where,
        EQUATIONS,
        on_pre=ON_PRE,
        on_post=ON_POST,
        parameters=parameters,
        sources=SOURCES,
    )
