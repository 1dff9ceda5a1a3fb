"""Common parts of bursting pyramidal cells: the plateau of the apical dendrite, adaptation, a basal dendrite.

    f(V) = 1/(1 + exp(-(V - E_d)/D_d))                                   how far the plateau is open
    I_d = g_d f(V_d) + c_d K(t) + w_d + current_apical                   into the apical dendrite
    dw_d/dt = (a_wd (V_d - E_L) - w_d)/tau_wd                            recovery
    I_s = g_s f(V_d) + w_s + current_soma + (basal dendrite)             into the soma
    dw_s/dt = -w_s/tau_ws,  w_s <- w_s + b_ws at a spike                 adaptation

K is 1 for the time `bap_duration`, which begins `bap_delay` after a somatic spike and begins anew with each
further spike; otherwise K is 0. g_s, g_d and c_d are currents. A basal dendrite is passive. With `basal=ohmic`, a
conductance couples it to the soma in both directions; with `basal=passive`, it drives the soma, but the soma does
not act on it. The apical dendrite acts on the soma in one direction, too. If `burst_interval` is given, the cell
has the events `event` and `burst`, see `dendrosim.mechanisms.burst_events`.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329; parameters as in public implementations of this model. Basal compartment:
textbook passive cable lumped to one compartment; not in the paper.
"""

from typing import Literal

from dendrosim.circuit.declaration import parameter
from dendrosim.circuit.event import Event
from dendrosim.errors import ParameterError
from dendrosim.mechanisms import burst_events
from dendrosim.units import Quantity

EQUATIONS = """
into_apical = g_apical*plateau + c_bap*bap + current_apical + recovery  : amp
dadaptation/dt = -adaptation/tau_adaptation                             : amp   # by somatic spikes
drecovery/dt = (a_recovery*(apical - e_leak) - recovery)/tau_recovery   : amp   # ends the plateau
plateau = 1/(1 + exp(-(apical - e_plateau)/d_plateau))                  : 1     # how far it is open
bap = int(t - lastspike > bap_delay + dt/2)*int(t - lastspike < bap_delay + bap_duration + dt/2) : 1
current_soma                                                            : amp   # input
current_apical                                                          : amp   # input
"""
INTO_SOMA = "into_soma = g_soma*plateau + adaptation + current_soma"
BASAL = {
    "none": " : amp\n",
    "passive": """ + g_basal*(basal - e_leak) : amp
dbasal/dt = -(basal - e_leak)/tau_basal + current_basal/c_basal                   : volt
current_basal                                                                     : amp   # input
""",
    "ohmic": """ + g_basal*(basal - soma) : amp
dbasal/dt = -(basal - e_leak)/tau_basal + (current_basal + g_basal*(soma - basal))/c_basal : volt
current_basal                                                                              : amp   # input
""",
}
# Defaults of parameters that a cell without basal dendrite does not have. They are None in the declarations, so
# that a value that is given to such a cell can be refused.
BASAL_DEFAULTS = {"c_basal": "170 pF", "tau_basal": "7 ms", "g_basal": "20 nS"}
RESET = "soma = v_reset\nadaptation += b_adaptation"


class BurstingCell:
    """Parameters of a bursting cell, without those of its synapses."""

    basal: Literal["none", "passive", "ohmic"] = parameter("none", "kind of basal dendrite")
    c_soma: Quantity = parameter("370 pF", "capacitance of the soma, C_s", above=0)
    tau_soma: Quantity = parameter("16 ms", "membrane time constant of the soma, tau_s", above=0)
    c_apical: Quantity = parameter("170 pF", "capacitance of the apical dendrite, C_d", above=0)
    tau_apical: Quantity = parameter(
        "7 ms", "membrane time constant of the apical dendrite, tau_d", above=0
    )
    e_leak: Quantity = parameter("-70 mV", "reversal potential of all leaks, E_L")
    v_threshold: Quantity = parameter("-50 mV", "spike threshold at rest, V_T")
    v_reset: Quantity = parameter("-70 mV", "somatic voltage after a spike")
    g_soma: Quantity = parameter(
        "1300 pA", "current of an open plateau into the soma, g_s", least=0
    )
    g_apical: Quantity = parameter(
        "1200 pA", "regenerative current of an open plateau, g_d", least=0
    )
    c_bap: Quantity = parameter("2600 pA", "current of a back-propagating spike, c_d", least=0)
    bap_duration: Quantity = parameter(
        "2 ms", "duration of the current of a back-propagating spike", least=0
    )
    e_plateau: Quantity = parameter("-38 mV", "voltage of a half-open plateau, E_d")
    d_plateau: Quantity = parameter("6 mV", "width of the plateau's activation, D_d", above=0)
    b_adaptation: Quantity = parameter("-200 pA", "jump of adaptation at a spike, b_ws")
    tau_adaptation: Quantity = parameter("100 ms", "time constant of adaptation, tau_ws", above=0)
    a_recovery: Quantity = parameter("-13 nS", "conductance of recovery, a_wd")
    tau_recovery: Quantity = parameter("30 ms", "time constant of recovery, tau_wd", above=0)
    burst_interval: Quantity | None = parameter(
        None,
        "intervals below it belong to a burst; 16 ms is usual; gives the cell the events `event` and `burst`",
        unit="ms",
        above=0,
    )
    c_basal: Quantity | None = parameter(
        None, "capacitance of a basal dendrite (default: 170 pF)", unit="pF", above=0
    )
    tau_basal: Quantity | None = parameter(
        None, "membrane time constant of a basal dendrite (default: 7 ms)", unit="ms", above=0
    )
    g_basal: Quantity | None = parameter(
        None, "coupling of a basal dendrite to the soma (default: 20 nS)", unit="nS", least=0
    )


def cell_equations(p: BurstingCell) -> str:
    """Return all equations except those of the two membranes; these have to use `into_soma` and `into_apical`.

    Raises
    ------
    ParameterError
        If the reset is not below the threshold, or if the cell has no basal dendrite but a parameter of the basal
        dendrite is given.
    """
    if float(p.v_reset.value) >= float(p.v_threshold.value):
        raise ParameterError(
            f"v_reset is {p.v_reset}; it must lie below v_threshold, {p.v_threshold}"
        )
    for name in BASAL_DEFAULTS:
        if p.basal == "none" and getattr(p, name) is not None:
            raise ParameterError(f"{name} has no effect with basal=none; leave it out")
    marks = "" if p.burst_interval is None else burst_events.EQUATIONS
    return EQUATIONS + INTO_SOMA + BASAL[p.basal] + marks


def cell_events(p: BurstingCell, threshold: str) -> dict[str, Event]:
    """Return the events `event` and `burst` of a cell with this threshold, if `burst_interval` is given."""
    return {} if p.burst_interval is None else burst_events.burst_events(threshold)


def refuse_undriven_basal(basal: str | None) -> None:
    """Refuse a passive basal dendrite in a protocol that gives it no current.

    Raises
    ------
    ParameterError
        If `basal` is "passive": without current, the dendrite rests and the soma gets nothing from it.
    """
    if basal == "passive":
        raise ParameterError(
            "basal is passive, but this protocol gives the basal dendrite no current, so that it changes nothing; "
            "choose basal=ohmic, or leave it out"
        )


def basal_defaults(p: BurstingCell) -> dict[str, str]:
    """Return the defaults of those parameters of a basal dendrite that the cell needs but that are not given."""
    if p.basal == "none":
        return {}
    return {name: value for name, value in BASAL_DEFAULTS.items() if getattr(p, name) is None}


def cell_inputs(p: BurstingCell) -> dict[str, str]:
    """Return the input currents of the compartments; an input is 0 unless a signal drives it."""
    return {f"current_{name}": "0 pA" for name in resting_voltages(p)}


def resting_voltages(p: BurstingCell) -> dict[str, Quantity]:
    """Return the voltage of each compartment at the start."""
    names = ("soma", "apical") if p.basal == "none" else ("soma", "apical", "basal")
    return dict.fromkeys(names, p.e_leak)
