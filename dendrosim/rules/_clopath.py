"""Voltage-based plasticity: presynaptic spikes and the voltage of the postsynaptic cell change the weight.

    a presynaptic spike changes w by -w_max a_ltd [u_slow - theta_minus]+
    dw/dt = w_max a_ltp x/tau_x [u - theta_plus]+ [u_fast - theta_minus]+

    du_slow/dt = (u - u_slow)/tau_slow,   du_fast/dt = (u - u_fast)/tau_fast,
    dx/dt = -x/tau_x, each presynaptic spike adds 1 to x

u is the voltage of the postsynaptic cell, and [a]+ is the larger of a and 0. The second line is done in each
time step in which both brackets are above 0: that is the event `depolarised` of the postsynaptic cell, whose
synapses then change by its right-hand side times dt. So the cell needs the two filtered voltages and the event,
which `SynapseRule.add_to` adds, and the voltage must have a spike: a cell that is reset at a threshold below
theta_plus has no potentiation. The weight is kept between 0 and w_max. A presynaptic spike acts after the delay of
the pathway.

Homeostasis of a_ltd and the delay of the filtered voltages, which simulators have for the duration of a spike, are
left out.
"""

from typing import Any

from dendrosim.checks import as_time, as_value
from dendrosim.circuit.event import Event
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.errors import ParameterError, UnitError
from dendrosim.rules.rule_values import as_weight_bound
from dendrosim.units import Quantity, quantity

SOURCES = """
Clopath, Buesing, Vasilaki & Gerstner (2010), Nature Neuroscience 13:344: the rule. The default values are
those for the visual cortex; the time constants of the filtered voltages are those of common implementations.
"""
EQUATIONS = """
dtrace_x/dt = -trace_x/tau_x : 1 (event-driven)
"""
ON_PRE = """
excess = u_slow_post - theta_minus
weight = clip(weight - weight_max*a_ltd*excess*int(excess > 0*volt), 0*weight_max, weight_max)
trace_x += 1
"""
DEPOLARISED = """
drive = ({voltage}_post - theta_plus)*(u_fast_post - theta_minus)
weight = clip(weight + weight_max*a_ltp*trace_x*drive*dt/tau_x, 0*weight_max, weight_max)
"""
POST_EQUATIONS = """
du_slow/dt = ({voltage} - u_slow)/tau_slow : volt
du_fast/dt = ({voltage} - u_fast)/tau_fast : volt
"""
CONDITION = "{voltage} > theta_plus and u_fast > theta_minus"
UNITS = {"a_ltd": "1/V", "a_ltp": "1/V**2", "theta_minus": "V", "theta_plus": "V"}


def clopath(
    voltage: str = "v",
    *,
    weight_max: Any = 1,
    a_ltd: Any = "14e-5 mV**-1",
    a_ltp: Any = "8e-5 mV**-2",
    theta_minus: Any = "-70.6 mV",
    theta_plus: Any = "-45.3 mV",
    tau_slow: Any = "10 ms",
    tau_fast: Any = "7 ms",
    tau_x: Any = "15 ms",
    start: Any = "-70.6 mV",
) -> SynapseRule:
    """Return the rule of learning by presynaptic spikes and postsynaptic voltage.

    The postsynaptic population must have the filtered voltages `u_slow` and `u_fast` and the event `depolarised`:
    `rule.add_to(population)` returns a copy that has them.

    Parameters
    ----------
    voltage : str, optional
        Name of the voltage of the postsynaptic cell (default `v`).
    weight_max : quantity, optional
        Upper bound of the weights, above 0, in their unit (default 1); the lower bound is 0.
    a_ltd : quantity, optional
        Size of depression per voltage, as a fraction of `weight_max`, at least 0 (default 14e-5 /mV).
    a_ltp : quantity, optional
        Size of potentiation per voltage squared, likewise (default 8e-5 /mV^2).
    theta_minus, theta_plus : voltage, optional
        Thresholds of the filtered voltages (default -70.6 mV) and of the voltage itself (default -45.3 mV), which
        must be above the other.
    tau_slow, tau_fast : time, optional
        Time constants of the filtered voltages of depression (default 10 ms) and potentiation (default 7 ms).
    tau_x : time, optional
        Time constant of the trace of presynaptic spikes (default 15 ms).
    start : voltage, optional
        Both filtered voltages at the start, the resting potential of the cell (default -70.6 mV).

    Returns
    -------
    SynapseRule
        The rule, with the variable `trace_x`.

    Raises
    ------
    ParameterError
        If a number is out of range, or `theta_plus` is not above `theta_minus`. `Circuit` raises
        UnknownMemberError or EquationError, which name what the postsynaptic population lacks.
    UnitError
        If a number has another unit.

    References
    ----------
    Clopath, Buesing, Vasilaki & Gerstner (2010), Nature Neuroscience 13:344.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.clopath()
    >>> cell = rule.add_to(ds.Population("cell", 1, "dv/dt = (-70*mV - v)/(20*ms) : volt"))
    >>> cell.states
    ('v', 'u_slow', 'u_fast')
    """
    voltage = as_symbol("clopath: voltage", voltage)
    numbers = {
        "a_ltd": a_ltd, "a_ltp": a_ltp, "theta_minus": theta_minus, "theta_plus": theta_plus
    }  # fmt: skip
    values = {n: _as_unit(f"clopath: {n}", v, UNITS[n]) for n, v in numbers.items()}
    for name in ("a_ltd", "a_ltp"):
        if values[name].value < 0:
            raise ParameterError(f"clopath: {name} is {numbers[name]}; it must be at least 0")
    if values["theta_plus"].value <= values["theta_minus"].value:
        raise ParameterError(
            f"clopath: theta_plus is {theta_plus}; it must be above theta_minus, {theta_minus}"
        )
    at_start = _as_unit("clopath: start", start, "V")
    thresholds = {n: values[n] for n in ("theta_minus", "theta_plus")}
    filters = {"tau_slow": tau_slow, "tau_fast": tau_fast}
    return SynapseRule(
        "clopath",
        EQUATIONS,
        on_pre=ON_PRE,
        on_post={"depolarised": DEPOLARISED.format(voltage=voltage)},
        parameters={
            "weight_max": as_weight_bound("clopath: weight_max", weight_max),
            "tau_x": as_time("clopath: tau_x", tau_x),
            **values,
        },
        post_equations=POST_EQUATIONS.format(voltage=voltage),
        post_events={"depolarised": Event(CONDITION.format(voltage=voltage))},
        post_parameters={
            **thresholds,
            **{n: as_time(f"clopath: {n}", v) for n, v in filters.items()},
        },
        post_initial={"u_slow": at_start, "u_fast": at_start},
        sources=SOURCES,
    )


def _as_unit(where: str, value: Any, unit: str) -> Quantity:
    given = as_value(where, value)
    if given.dimension != quantity(f"1 {unit}").dimension:
        raise UnitError(f"{where} is {given}; it must be in {unit}")
    return given
