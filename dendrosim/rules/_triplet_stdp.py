"""Spike-timing-dependent plasticity of triplets of spikes, with bounded weights.

    dr1/dt = -r1/tau_plus,    dr2/dt = -r2/tau_x      each presynaptic spike adds 1 to r1 and r2
    do1/dt = -o1/tau_minus,   do2/dt = -o2/tau_y      each postsynaptic spike adds 1 to o1 and o2

    a presynaptic spike changes w by  -w_max o1 (a2_minus + a3_minus r2)
    a postsynaptic spike changes w by +w_max r1 (a2_plus + a3_plus o2)

r2 and o2 are those before the spike itself. All spikes interact, or only nearest ones: then a spike sets its
traces to 1. The weight is kept between 0 and w_max. A presynaptic spike acts after the delay of the pathway; if it
acts in the same time step as a postsynaptic one, it is first.

With independent Poisson trains of rates x and y, all spikes interacting and no bounds, the mean drift is

    d<w>/dt = w_max [ -a2_minus tau_minus x y - a3_minus tau_minus tau_x x^2 y
                      + a2_plus tau_plus x y + a3_plus tau_plus tau_y x y^2 ]
"""

from typing import Any, Literal

from dendrosim.checks import as_time, one_of
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.rules.rule_values import as_factor, as_weight_bound

SOURCES = """
Pfister & Gerstner (2006), Journal of Neuroscience 26:9673: the rule. The default values are those of its minimal
model for pairing experiments in the visual cortex, all spikes interacting.
"""
EQUATIONS = """
dtrace_plus/dt = -trace_plus/tau_plus    : 1 (event-driven)
dtrace_minus/dt = -trace_minus/tau_minus : 1 (event-driven)
dtrace_x/dt = -trace_x/tau_x             : 1 (event-driven)
dtrace_y/dt = -trace_y/tau_y             : 1 (event-driven)
"""
ON_PRE = """
weight = clip(weight - weight_max*trace_minus*(a2_minus + a3_minus*trace_x), 0*weight_max, weight_max)
trace_plus {count}
trace_x {count}
"""
ON_POST = """
weight = clip(weight + weight_max*trace_plus*(a2_plus + a3_plus*trace_y), 0*weight_max, weight_max)
trace_minus {count}
trace_y {count}
"""
COUNTS = {"all": "+= 1", "nearest": "= 1"}


def triplet_stdp(
    *,
    weight_max: Any = 1,
    a2_plus: float = 0.0,
    a3_plus: float = 6.5e-3,
    a2_minus: float = 7.1e-3,
    a3_minus: float = 0.0,
    tau_plus: Any = "16.8 ms",
    tau_minus: Any = "33.7 ms",
    tau_x: Any = "101 ms",
    tau_y: Any = "114 ms",
    interaction: Literal["all", "nearest"] = "all",
) -> SynapseRule:
    """Return the rule of learning by triplets of spikes.

    Parameters
    ----------
    weight_max : quantity, optional
        Upper bound of the weights, above 0, in their unit (default 1); the lower bound is 0.
    a2_plus, a2_minus : float, optional
        Change of a weight by a pair of spikes, as a fraction of `weight_max`, at least 0: potentiation if the
        presynaptic spike comes first (default 0), depression if it comes last (default 0.0071).
    a3_plus, a3_minus : float, optional
        The same for a triplet: potentiation by two postsynaptic spikes and one presynaptic spike between them
        (default 0.0065), depression by two presynaptic ones and one postsynaptic spike between them (default 0).
    tau_plus, tau_minus : time, optional
        Time constants of pairs (defaults 16.8 ms and 33.7 ms).
    tau_x, tau_y : time, optional
        Time constants of the earlier presynaptic and postsynaptic spikes of triplets (defaults 101 ms, with which
        `a3_minus` must be above 0 to have an effect, and 114 ms).
    interaction : {"all", "nearest"}, optional
        Whether all spikes interact (default), or each with the last ones only.

    Returns
    -------
    SynapseRule
        The rule, with the variables `trace_plus`, `trace_minus`, `trace_x` and `trace_y`.

    Raises
    ------
    ParameterError
        If a bound, factor or time constant is out of range.
    UnknownMemberError
        If there is no such interaction.
    UnitError
        If a time constant is not a time.

    References
    ----------
    Pfister & Gerstner (2006), Journal of Neuroscience 26:9673.

    Examples
    --------
    >>> import dendrosim as ds
    >>> learn = ds.Pathway(
    ...     "learn", "sender", "cell", "g_post += weight", connect=ds.InDegree(100), weight=0.5,
    ...     rule=ds.rules.triplet_stdp(weight_max=1),
    ... )
    """
    count = COUNTS[one_of(*COUNTS)("triplet_stdp: interaction", interaction)]
    factors = {"a2_plus": a2_plus, "a3_plus": a3_plus, "a2_minus": a2_minus, "a3_minus": a3_minus}
    times = {"tau_plus": tau_plus, "tau_minus": tau_minus, "tau_x": tau_x, "tau_y": tau_y}
    return SynapseRule(
        "triplet_stdp",
        EQUATIONS,
        on_pre=ON_PRE.format(count=count),
        on_post=ON_POST.format(count=count),
        parameters={
            "weight_max": as_weight_bound("triplet_stdp: weight_max", weight_max),
            **{n: as_factor(f"triplet_stdp: {n}", v) for n, v in factors.items()},
            **{n: as_time(f"triplet_stdp: {n}", v) for n, v in times.items()},
        },
        sources=SOURCES,
    )
