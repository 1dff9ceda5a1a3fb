"""Calcium-based plasticity: spikes of both cells raise calcium, whose thresholds decide how the weight changes.

    dc/dt = -c/tau_calcium,  a presynaptic spike adds C1 to c, a postsynaptic one C2
    tau_rho drho/dt = -rho (1 - rho)(1/2 - rho) + gamma_p (1 - rho) [c > theta_p] - gamma_d rho [c > theta_d]
                      + sigma sqrt(tau_rho) sqrt([c > theta_p] + [c > theta_d]) xi(t)

[...] is 1 if the condition holds and 0 otherwise, and xi is white noise. The weight is w_max rho. Without
calcium, rho has the stable fixed points 0 and 1, and 1/2 is unstable; noise acts only while calcium is above a
threshold and may take the weight slightly out of its range. Where c remains between theta_d and theta_p, and
gamma_d is large, rho decays with tau_rho/gamma_d; where it remains above theta_p, rho approaches a fixed point
near gamma_p/(gamma_p + gamma_d).

Calcium is solved exactly from spike to spike. rho takes a step of Euler and Maruyama in each time step: that is
the event `step` of the postsynaptic cell, which happens in every time step; `SynapseRule.add_to` adds it.
Presynaptic spikes raise calcium after the delay of the pathway, which is D of the table below.

    set                    tau_calcium    C1     C2  theta_d  theta_p  gamma_d  gamma_p  sigma  tau_rho        D
    dp                           20 ms     1      2        1      1.3      200    321.8   2.83    150 s  13.7 ms
    cortical_slices            22.7 ms  .562   1.24        1      1.3    331.9    725.1   3.35    346 s   4.6 ms
    hippocampal_cultures       12.0 ms  .582   1.76        1      1.3     61.1    113.7   2.57   33.8 s    10 ms

C1 and C2 are `pre_calcium` and `post_calcium`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from dendrosim.checks import as_time, one_of
from dendrosim.circuit.event import Event
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.errors import ParameterError
from dendrosim.rules.rule_values import as_factor, as_weight_bound

SOURCES = """
Graupner & Brunel (2012), PNAS 109:3991: the rule and the values; `dp` is that of its figure with depression and
potentiation, the others are fits to data.
"""
EQUATIONS = """
dcalcium/dt = -calcium/tau_calcium : 1 (event-driven)
"""
ON_STEP = """
above_d = int(calcium > theta_d)
above_p = int(calcium > theta_p)
rho = weight/weight_max
drift = -rho*(1 - rho)*(0.5 - rho) + gamma_p*(1 - rho)*above_p - gamma_d*rho*above_d
weight += weight_max*(drift*dt/tau_rho{noise})
"""
NOISE = " + sigma*sqrt((above_d + above_p)*dt/tau_rho)*randn()"
NAMES = (
    "tau_calcium", "pre_calcium", "post_calcium", "theta_d", "theta_p", "gamma_d", "gamma_p", "sigma",
    "tau_rho",
)  # fmt: skip
SETS: Mapping[str, tuple[Any, ...]] = {
    "dp": ("20 ms", 1.0, 2.0, 1.0, 1.3, 200.0, 321.808, 2.8284, "150 s"),
    "cortical_slices": (
        "22.6936 ms", 0.5617539, 1.23964, 1.0, 1.3, 331.909, 725.085, 3.3501, "346.3615 s",
    ),
    "hippocampal_cultures": (
        "11.9536 ms", 0.58156, 1.76444, 1.0, 1.3, 61.141, 113.6545, 2.5654, "33.7596 s",
    ),
}  # fmt: skip
DELAYS: Mapping[str, str] = {
    "dp": "13.7 ms",
    "cortical_slices": "4.6098 ms",
    "hippocampal_cultures": "10 ms",
}
"""The delay with which a presynaptic spike raises calcium, by set."""


def calcium(
    values: Literal["dp", "cortical_slices", "hippocampal_cultures"] = "dp",
    *,
    weight_max: Any = 1,
    **changes: Any,
) -> SynapseRule:
    """Return the rule of learning by calcium.

    The postsynaptic population must have the event `step`, which happens in every time step:
    `rule.add_to(population)` returns a copy that has it. The delay of the pathway should be the one of
    `dendrosim.rules._calcium.DELAYS`.

    Parameters
    ----------
    values : {"dp", "cortical_slices", "hippocampal_cultures"}, optional
        A set of values (default `dp`).
    weight_max : quantity, optional
        The weight where rho is 1, above 0, in the unit of the weights (default 1).
    **changes
        Other values of `tau_calcium` and `tau_rho` (times), `pre_calcium`, `post_calcium`, `theta_d`, `theta_p`,
        `gamma_d`, `gamma_p` and `sigma` (numbers, at least 0). With `sigma=0`, no random numbers are drawn.

    Returns
    -------
    SynapseRule
        The rule, with the variable `calcium`.

    Raises
    ------
    UnknownMemberError
        If there is no such set.
    ParameterError
        If a value is out of range, or there is no value of this name. `Circuit` raises UnknownMemberError, which
        names the population, if it lacks the event.
    UnitError
        If a time constant is not a time.

    References
    ----------
    Graupner & Brunel (2012), PNAS 109:3991.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.calcium("dp", sigma=0)
    >>> cell = rule.add_to(ds.Population("cell", 1, "dv/dt = -v/(20*ms) : 1", threshold="v > 1", reset="v = 0"))
    >>> sorted(cell.events)
    ['step']
    """
    given = dict(zip(NAMES, SETS[one_of(*SETS)("calcium: values", values)], strict=True))
    for name in changes:
        if name not in given:
            raise ParameterError(
                f"calcium: {name!r} is no value of the rule; it has {', '.join(NAMES)}"
            )
    given |= changes
    parameters = {
        name: (as_time if name.startswith("tau_") else as_factor)(f"calcium: {name}", value)
        for name, value in given.items()
    }
    noise = given["sigma"] != 0
    if not noise:
        del parameters["sigma"]
    return SynapseRule(
        "calcium",
        EQUATIONS,
        on_pre="calcium += pre_calcium\n",
        on_post={
            "spike": "calcium += post_calcium\n",
            "step": ON_STEP.format(noise=NOISE if noise else ""),
        },
        parameters={"weight_max": as_weight_bound("calcium: weight_max", weight_max), **parameters},
        post_events={"step": Event("t >= 0*second")},
        sources=SOURCES,
    )
