"""Synapses with exponentially decaying conductances, in units of the leak, each with a background conductance.

    S = (g_exc + background_exc) (E_exc - V) + (g_inh + background_inh) (E_inh - V)
    dg_exc/dt = -g_exc/tau_exc,  dg_inh/dt = -g_inh/tau_inh

The equation of the membrane adds S to E_L - V and divides the sum by the membrane's time constant. Pathways add to
g_exc and g_inh; the backgrounds are inputs.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010: parameters, as in their published simulation code.
"""

from dendrosim.circuit.declaration import parameter
from dendrosim.units import Quantity

EQUATIONS = """
synapses{at} = exc{at}*(e_exc - {voltage}) + inh{at}*(e_inh - {voltage}) : volt
exc{at} = g_exc{at} + background_exc{at} : 1
inh{at} = g_inh{at} + background_inh{at} : 1
dg_exc{at}/dt = -g_exc{at}/tau_exc : 1     # in units of the leak, fed by pathways
dg_inh{at}/dt = -g_inh{at}/tau_inh : 1
background_exc{at} : 1                     # input, in units of the leak
background_inh{at} : 1
"""


class ConductanceSynapses:
    """Parameters of the synapses, which are the same for all compartments of a cell."""

    tau_exc: Quantity = parameter("5 ms", "decay of excitatory conductances", above=0)
    tau_inh: Quantity = parameter("10 ms", "decay of inhibitory conductances", above=0)
    e_exc: Quantity = parameter("0 mV", "reversal potential of excitation")
    e_inh: Quantity = parameter("-80 mV", "reversal potential of inhibition")


def synapse_equations(voltage: str, at: str = "") -> str:
    """Return the equations of the synapses; `at` is the suffix of their variables, `voltage` the symbol of V."""
    return EQUATIONS.format(voltage=voltage, at=at)


def synapse_inputs(at: str = "") -> dict[str, float]:
    """Return the inputs of these equations; an input is 0 unless a signal drives it."""
    return {f"background_exc{at}": 0.0, f"background_inh{at}": 0.0}
