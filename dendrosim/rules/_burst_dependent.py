"""Burst-dependent plasticity: postsynaptic bursts strengthen a synapse, all other postsynaptic events weaken it.

    dw/dt = eta x_pre [B(t) - p E(t)]

E and B are the postsynaptic events and bursts, as sums of delta functions; a burst counts at its second spike.
x_pre is the trace of presynaptic events: dx_pre/dt = -x_pre/tau_trace, and each event adds 1. So presynaptic
bursts count as single spikes. The expected burst probability p is a moving average, or a constant number p_start:

    p = min(r_B/r_E, 1),   dr_E/dt = -r_E/tau_average + E/tau_average,   dr_B/dt = -r_B/tau_average + B/tau_average

An event changes weights with the averages before this event. If the trains of both cells are independent, the mean
rate of change is eta <x_pre> R (P - p), where R is the rate of postsynaptic events and P their burst probability:
weights grow if P is above p, shrink if it is below, and change in proportion to the event rate.

Homeostasis, if its limits are given: while r_E is above `rate_high`, each postsynaptic event and burst also
changes the weight by -eta x_pre (r_E - rate_high)/r_E; while r_E is below `rate_low`, each presynaptic event adds
eta times (rate_low - r_E) in Hz.

The events `event` and `burst` belong to the cells: `dendrosim.mechanisms.burst_events` has them, and models of
bursting cells have them if their parameter `burst_interval` is given. A presynaptic event acts after the delay of
the pathway, a postsynaptic one at once.
"""

from collections.abc import Mapping
from typing import Any

from dendrosim.checks import as_time, number, optional
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.errors import ParameterError
from dendrosim.rules.rule_values import as_learning_rate, as_rate, as_weight_bound
from dendrosim.units import Quantity

SOURCES = """
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, and what is public of its
simulations: the order of updates, the limit of p and the form of homeostasis. That homeostasis is scaled by eta
is a choice.
"""
TRACE = "dtrace/dt = -trace/tau_trace : 1 (event-driven)\n"
AVERAGES = """
devent_rate/dt = -event_rate/tau_average : Hz (event-driven)
dburst_rate/dt = -burst_rate/tau_average : Hz (event-driven)
"""
# Averages of a cell that is silent for very long become 0; the limit keeps their ratio finite.
SOME = "clip(event_rate, 1e-9*Hz, 1e9*Hz)"
EXPECTED = {True: f"clip(burst_rate/{SOME}, 0, 1)", False: "p_start"}
EXCESS = f" - clip((event_rate - rate_high)/{SOME}, 0, 1)"

_as_probability = number("from 0 to 1", lambda x: 0 <= x <= 1)


def burst_dependent(
    *,
    eta: Any = 0.1,
    weight_max: Any = None,
    p_start: float = 0.15,
    tau_trace: Any = "50 ms",
    tau_average: Any = "15 s",
    rate_start: Any = "5 Hz",
    rate_low: Any = None,
    rate_high: Any = None,
    gate: str | None = None,
) -> SynapseRule:
    """Return the rule of learning by bursts.

    Both populations must have the event `event`, and the postsynaptic one the event `burst`; see
    `dendrosim.mechanisms.burst_events`.

    Parameters
    ----------
    eta : quantity, optional
        Change of the weight by a burst if the trace is 1, at least 0, in the unit of the weight (default 0.1).
    weight_max : quantity, optional
        Upper bound of the weights, above 0; the lower bound is then 0 (default: no bounds).
    p_start : float, optional
        Expected burst probability at the start, from 0 to 1 (default 0.15).
    tau_trace : time, optional
        Time constant of the trace of presynaptic events (default 50 ms).
    tau_average : time or None, optional
        Time constant of the averages of postsynaptic events and bursts (default 15 s). With None, the expected
        burst probability remains `p_start`.
    rate_start : rate, optional
        Average of the event rate at the start (default 5 Hz); that of the burst rate is `p_start` times it.
    rate_low, rate_high : rate, optional
        Limits of the average event rate, beyond which homeostasis acts (default: no homeostasis).
    gate : str, optional
        Name of a gate or parameter of the circuit that multiplies `eta` (default: none).

    Returns
    -------
    SynapseRule
        The rule, with the variables `trace`, `event_rate` and `burst_rate`.

    Raises
    ------
    ParameterError
        If a number is out of range, or a limit of homeostasis is given without averages. `Circuit` raises
        UnknownMemberError, which names the population, if one has no events or no bursts.
    UnitError
        If a time constant is not a time, or a rate is not a rate.

    References
    ----------
    Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.burst_dependent(weight_max=1, eta=3.5e-3, tau_trace="100 ms", tau_average="5 s")
    >>> learn = ds.Pathway(
    ...     "learn", "sender", "cell", "g_exc_soma_post += weight", ds.InDegree(100), weight=0.08, rule=rule
    ... )
    """
    where, averages = "burst_dependent", tau_average is not None
    values: dict[str, Any] = {
        "eta": as_learning_rate(f"{where}: eta", eta),
        "tau_trace": as_time(f"{where}: tau_trace", tau_trace),
        "p_start": _as_probability(f"{where}: p_start", p_start),
        "rate_start": as_rate(f"{where}: rate_start", rate_start),
        "rate_low": optional(as_rate)(f"{where}: rate_low", rate_low),
        "rate_high": optional(as_rate)(f"{where}: rate_high", rate_high),
        "tau_average": optional(as_time)(f"{where}: tau_average", tau_average),
        "weight_max": optional(as_weight_bound)(f"{where}: weight_max", weight_max),
    }
    for limit in ("rate_low", "rate_high"):
        if values[limit] is not None and not averages:
            raise ParameterError(
                f"{where}: {limit} is a limit of the average event rate, but tau_average is None, so there is no "
                "average; give tau_average, or leave the limit out"
            )
    initial: dict[str, Any] = {}
    if averages:
        rate = values["rate_start"]
        bursts = Quantity(values["p_start"] * rate.value, rate.dimension)
        initial = {"event_rate": rate, "burst_rate": bursts}
    unused = {"rate_start", "p_start"} if averages else {"rate_start"}
    parameters = {n: v for n, v in values.items() if n not in unused and v is not None}
    on_pre, on_post = _event_effects(parameters, gate)
    return SynapseRule(
        "burst_dependent",
        TRACE + (AVERAGES if averages else ""),
        on_pre={"event": on_pre},
        on_post=on_post,
        parameters=parameters,
        initial=initial,
        sources=SOURCES,
    )


def _event_effects(parameters: Mapping[str, Any], gate: str | None) -> tuple[str, dict[str, str]]:
    """Return the effect of a presynaptic event, and those of postsynaptic events and bursts."""
    eta = "eta" if gate is None else f"{gate}*eta"
    averages = "tau_average" in parameters
    excess = EXCESS if "rate_high" in parameters else ""

    def change(text: str) -> str:
        new = f"weight + {eta}*{text}"
        return f"weight = {f'clip({new}, 0*weight_max, weight_max)' if 'weight_max' in parameters else new}\n"

    on_pre = "trace += 1\n"
    if "rate_low" in parameters:
        on_pre += change("clip((rate_low - event_rate)/Hz, 0, 1e9)")
    on_post = {
        "event": change(f"trace*(-{EXPECTED[averages]}{excess})"),
        "burst": change(f"trace*(1{excess})"),
    }
    if averages:
        on_post["event"] += "event_rate += 1/tau_average\n"
        on_post["burst"] += "burst_rate += 1/tau_average\n"
    return on_pre, on_post
