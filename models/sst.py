"""An SST (somatostatin-positive) interneuron: adaptive exponential integrate-and-fire, low rheobase.

It fires on weak input, adapts, and is meant to inhibit apical dendrites.

    dV/dt = (E_L - V + D exp((V - V_T)/D) + S)/tau + (I - w)/C                      V is `soma`
    dw/dt = (a (V - E_L) - w)/tau_w                                                 adaptation
    spike where V > v_peak, then V = v_reset and w <- w + b

S is the drive of the conductance synapses, in units of the leak g_L = C/tau; `dendrosim.mechanisms` has their
equations and parameters. For t_refractory after a spike V is held at v_reset, while adaptation and conductances
evolve.

V_T follows from the rheobase. The current that keeps V constant is I(V) = (g_L + a)(V - E_L) - g_L D exp((V -
V_T)/D). It is largest where exp((V - V_T)/D) = 1 + a/g_L; there it equals I_rh if

    V_T = I_rh/(g_L + a) + E_L + D - D ln(1 + a/g_L)

That is a saddle-node. If a/g_L > tau/tau_w, as with the defaults, rest loses stability earlier, in a Hopf
bifurcation at exp((V - V_T)/D) = 1 + tau/tau_w; with the defaults, 0.034 pA below 25 pA. A sudden step to 22.7 pA
or more makes the cell spike once, before the adaptation has built up: with w held at 0, the saddle-node is at
g_L (V_T - E_L - D) = 20.8 pA.

Above V_T the voltage explodes, so the cut-off v_peak hardly matters: from v_peak the voltage would reach infinity
after tau exp(-(v_peak - V_T)/D), 0.6 us with the defaults, far less than a time step of 0.1 ms. An Euler step
that begins just below v_peak ends at a finite 0.7 V, and the reset follows within the same step. Moving v_peak
moves a spike by a step or two.

Sources
-------
Brette & Gerstner (2005), J Neurophysiol 94:3637: the equations. Touboul & Brette (2008), Biol Cybern 99:319:
the bifurcations. Payeur et al. (2021), Nature Neuroscience 24:1010: parameters and synapses, as in their published
simulation code.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.conductance_synapses import (
    ConductanceSynapses,
    synapse_equations,
    synapse_inputs,
)

CELL = """
dsoma/dt = (e_leak - soma + d_spike*exp((soma - v_threshold)/d_spike) + synapses)/tau_soma + (current - adaptation)/c_soma : volt (unless refractory)
dadaptation/dt = (a_adaptation*(soma - e_leak) - adaptation)/tau_adaptation : amp
current                                                                     : amp   # input
"""  # noqa: E501
RESET = "soma = v_reset\nadaptation += b_adaptation"


class Parameters(ConductanceSynapses, ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    c_soma: ds.Quantity = ds.parameter("100 pF", "capacitance C", above=0)
    tau_soma: ds.Quantity = ds.parameter("20 ms", "membrane time constant tau", above=0)
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential of the leak, E_L")
    rheobase: ds.Quantity = ds.parameter("25 pA", "current at the saddle-node of rest, I_rh")
    d_spike: ds.Quantity = ds.parameter("4 mV", "sharpness of the onset of a spike, D", above=0)
    v_peak: ds.Quantity = ds.parameter("-20 mV", "cut-off of a spike, well above V_T")
    v_reset: ds.Quantity = ds.parameter("-65 mV", "voltage after a spike")
    t_refractory: ds.Quantity = ds.parameter("2 ms", "refractory period")
    a_adaptation: ds.Quantity = ds.parameter("0.5 nS", "conductance of the adaptation, a")
    b_adaptation: ds.Quantity = ds.parameter("10 pA", "jump of the adaptation at a spike, b")
    tau_adaptation: ds.Quantity = ds.parameter("500 ms", "decay of the adaptation, tau_w", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `sst`."""
    leak, a = p.c_soma.value / p.tau_soma.value, p.a_adaptation.value
    if not leak + a > 0:
        raise ds.errors.ParameterError(
            f"a_adaptation is {p.a_adaptation}; it must be above minus the leak conductance, {-leak:g} S, "
            "or there is no rheobase"
        )
    v_threshold = float(
        p.rheobase.value / (leak + a) + p.e_leak.value + p.d_spike.value * (1 - np.log1p(a / leak))
    )
    if not max(v_threshold, p.v_reset.value) < p.v_peak.value:
        raise ds.errors.ParameterError(
            f"v_peak is {p.v_peak}; it must be above v_reset, {p.v_reset}, and above V_T, {v_threshold:g} V "
            f"with the rheobase {p.rheobase}"
        )
    cell = ds.Population(
        "sst",
        p.cells,
        CELL + synapse_equations("soma"),
        inputs={"current": "0 pA", **synapse_inputs()},
        initial={"soma": p.e_leak},
        threshold="soma > v_peak",
        reset=RESET,
        refractory="t_refractory",
    )
    return ds.Circuit((cell,), parameters=p.with_values(v_threshold=f"{v_threshold!r} V"))
