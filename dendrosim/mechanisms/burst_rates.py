"""Event rates, burst probabilities and burst rates of pyramidal cells in layers, and errors of their outputs.

Cells of layer i have the event rate e_i and the burst probability p_i, so the burst rate is b_i = p_i e_i. Their
basal voltage is v_i, s is a transfer function and h_i its value, which layers send up:

    tau dh_i/dt = -h_i + s(v_i)
    e_i = h_i,                        g_i = 1 - e_i            transfer=sigmoid
    e_i = max(baseline + h_i, LEAST), g_i = s'(v_i)/e_i        other transfer functions
    p_L = P_b (1 + g_L (target - h_L)), within 0 and 1         outputs that are taught; without a teacher P_b

So g_i e_i = s'(v_i) in the steady state, and b_L - P_b e_L is P_b times the error of the squared loss with respect
to v_L, unless p_L is at a limit. The baseline has no effect on the layer above.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010; Greedy et al. (2022), NeurIPS 35: the rates for the logistic
function. The baseline, with which other transfer functions have event rates as well, is a choice made here.
"""

from typing import Literal

from dendrosim.circuit.declaration import parameter
from dendrosim.errors import ParameterError
from dendrosim.units import Quantity

LEAST = 0.05
"""Smallest event rate: cells with fewer events can hardly burst, so they learn little."""

EVENTS = """
dh/dt = (-h + s(basal))/tau                       : 1   # event rate above the baseline, sent up
basal                                             : 1   # basal voltage, fed by w
burst = burst_probability*event                   : 1   # burst rate
"""
EVENT = {
    True: """
event = h                                         : 1   # event rate
gain = 1 - event                                  : 1   # effect of apical input on bursts, over events
""",
    False: """
event = clip(baseline + h, least, 1e9)            : 1   # event rate
gain = ds(basal)/event                            : 1   # effect of apical input on bursts, over events
""",
}
OUTPUT = """
burst_probability = clip(p_b*(1 + teach*gain*(target - h)), 0, 1) : 1
target                                            : 1   # input
"""


class BurstRates:
    """Parameters of event rates."""

    transfer: Literal["sigmoid", "smooth_leaky", "tanh", "linear"] = parameter(
        "sigmoid", "transfer function of all layers"
    )
    baseline: float | None = parameter(
        None, "event rate without input; not with transfer=sigmoid (default: 2)", above=0
    )
    tau: Quantity = parameter("10 ms", "time constant of event rates and dendrites", above=0)
    gain: float = parameter(1.0, "sd of initial weights times sqrt(units below)", above=0)


def event_equations(p: BurstRates) -> str:
    """Return the equations of a layer but `burst_probability`."""
    return EVENTS + EVENT[p.transfer == "sigmoid"]


def event_values(p: BurstRates) -> dict[str, float]:
    """Return the values that the equations need in addition to the parameters.

    Raises
    ------
    ParameterError
        If a baseline is given that the equations do not have.
    """
    if p.transfer != "sigmoid":
        return {"baseline": 2.0 if p.baseline is None else p.baseline, "least": LEAST}
    if p.baseline is not None:
        raise ParameterError(
            f"baseline is {p.baseline}, but transfer is sigmoid, whose rates are positive without a baseline; "
            "leave it out"
        )
    return {}
