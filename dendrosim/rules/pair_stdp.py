"""Spike-timing-dependent plasticity of pairs of spikes, with bounded weights.

    dx/dt = -x/tau_plus,   a presynaptic spike adds 1 to x and changes w by -a_minus w_max y
    dy/dt = -y/tau_minus,  a postsynaptic spike adds 1 to y and changes w by +a_plus w_max x

All pairs of spikes count. The weight is kept between 0 and w_max. A presynaptic spike acts after the delay of the
pathway: on the target, with the weight before its change, then on the weight. A postsynaptic spike acts at once.

Sources
-------
Song, Miller & Abbott (2000), Nature Neuroscience 3:919: the additive rule with bounds, and the default values.
Morrison, Diesmann & Gerstner (2008), Biological Cybernetics 98:459: traces for all pairs of spikes.
"""

from typing import Any

from dendrosim.checks import as_time, number
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.base import Connections
from dendrosim.circuit.initial_values.coercion import as_initial
from dendrosim.circuit.pathway import Pathway
from dendrosim.rules.weight_bound import as_weight_bound

EQUATIONS = """
dtrace_plus/dt = -trace_plus/tau_plus    : 1 (event-driven)
dtrace_minus/dt = -trace_minus/tau_minus : 1 (event-driven)
"""
ON_PRE = """
{effect}
trace_plus += 1
weight = clip(weight - a_minus*weight_max*trace_minus, 0*weight_max, weight_max)
"""
ON_POST = """
trace_minus += 1
weight = clip(weight + a_plus*weight_max*trace_plus, 0*weight_max, weight_max)
"""

_as_factor = number("at least 0", lambda x: x >= 0)


def pair_stdp(
    name: str,
    pre: str,
    post: str,
    effect: str,
    *,
    weight: Any,
    weight_max: Any,
    a_plus: float = 0.005,
    a_minus: float = 0.00525,
    tau_plus: Any = "20 ms",
    tau_minus: Any = "20 ms",
    connect: Connections | None = None,
    delay: Any = None,
    final: bool = True,
) -> Pathway:
    """Return a pathway whose weights learn by pairs of spikes.

    Parameters
    ----------
    name, pre, post : str
        See `Pathway`.
    effect : str
        What a presynaptic spike does, such as `g_post += weight`.
    weight : quantity, array of shape (synapses,) or Initial
        Weights at the start.
    weight_max : quantity
        Upper bound of the weights, above 0, in their unit; the lower bound is 0.
    a_plus, a_minus : float, optional
        Largest change of a weight by one pair, as a fraction of `weight_max`, at least 0: a_plus if the
        presynaptic spike comes first (default 0.005), a_minus if it comes last (default 0.00525).
    tau_plus, tau_minus : time, optional
        Time constants with which the effect of a pair decreases with the time between its spikes (default 20 ms).
    connect : Connections, optional
        See `Pathway` (default `AllToAll()`).
    delay : time, array of shape (synapses,) or Initial, optional
        See `Pathway`.
    final : bool, optional
        See `Pathway` (default True).

    Returns
    -------
    Pathway
        Synapses with plastic weights.

    Raises
    ------
    ParameterError
        If a bound, factor or time constant is out of range, or if the weights start outside of their bounds.
    SpecError
        If `Pathway` refuses an argument.

    References
    ----------
    Song, Miller & Abbott (2000), Nature Neuroscience 3:919.

    Examples
    --------
    >>> import dendrosim as ds
    >>> learn = ds.pair_stdp(
    ...     "learn", "sender", "cell", "g_post += weight", connect=ds.InDegree(100), delay="1.5 ms",
    ...     weight=ds.Uniform("0 nS", "0.5 nS"), weight_max="1 nS",
    ... )
    """
    where = f"pair_stdp {name!r}"
    start = as_initial(weight)
    top = as_weight_bound(where, start, weight_max)
    return Pathway(
        name, pre, post, ON_PRE.format(effect=effect), connect or AllToAll(), start, delay,
        EQUATIONS, ON_POST,
        {
            "weight_max": top,
            "a_plus": _as_factor(f"{where}: a_plus", a_plus),
            "a_minus": _as_factor(f"{where}: a_minus", a_minus),
            "tau_plus": as_time(f"{where}: tau_plus", tau_plus),
            "tau_minus": as_time(f"{where}: tau_minus", tau_minus),
        },
        final=final,
    )  # fmt: skip
