"""A PV (parvalbumin-positive) interneuron: exponential integrate-and-fire, fast, without adaptation.

It follows its input at high rates and is meant to inhibit somata.

    dV/dt = (E_L - V + D exp((V - V_T)/D) + S)/tau + I/C                            V is `soma`
    spike where V > v_peak, then V = v_reset

S is the drive of the conductance synapses, in units of the leak g_L = C/tau; `dendrosim.mechanisms` has their
equations and parameters. For t_refractory after a spike V is held at v_reset, while conductances evolve.

V_T follows from the rheobase. The current that keeps V constant is I(V) = g_L (V - E_L) - g_L D exp((V - V_T)/D).
It is largest at V = V_T, a saddle-node; there it equals I_rh if

    V_T = I_rh/g_L + E_L + D

Above V_T the voltage explodes, so the cut-off v_peak hardly matters: from v_peak the voltage would reach infinity
after tau exp(-(v_peak - V_T)/D), 8 ns with the defaults, far less than a time step of 0.1 ms. An Euler step that
begins just below v_peak ends at a finite 24 V, and the reset follows within the same step. Moving v_peak moves a
spike by a step or two. Explicit Euler itself lags one to four steps behind the upstroke: with steps of 0.1 ms
the cell fires 1 to 4 % slower than in continuous time.

Sources
-------
Fourcaud-Trocme et al. (2003), J Neurosci 23:11628, and Brette & Gerstner (2005), J Neurophysiol 94:3637: the
equations, with a = b = 0 in the latter. Payeur et al. (2021), Nature Neuroscience 24:1010: parameters and
synapses, as in their published simulation code.

Errata applied
--------------
None.
"""

import dendrosim as ds
from dendrosim.mechanisms.conductance_synapses import (
    ConductanceSynapses,
    synapse_equations,
    synapse_inputs,
)

CELL = """
dsoma/dt = (e_leak - soma + d_spike*exp((soma - v_threshold)/d_spike) + synapses)/tau_soma + current/c_soma : volt (unless refractory)
current : amp   # input
"""  # noqa: E501


class Parameters(ConductanceSynapses, ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    c_soma: ds.Quantity = ds.parameter("100 pF", "capacitance C", above=0)
    tau_soma: ds.Quantity = ds.parameter("10 ms", "membrane time constant tau", above=0)
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential of the leak, E_L")
    rheobase: ds.Quantity = ds.parameter("200 pA", "current above which the cell keeps firing")
    d_spike: ds.Quantity = ds.parameter("2 mV", "sharpness of the onset of a spike, D", above=0)
    v_peak: ds.Quantity = ds.parameter("-20 mV", "cut-off of a spike, well above V_T")
    v_reset: ds.Quantity = ds.parameter("-55 mV", "voltage after a spike")
    t_refractory: ds.Quantity = ds.parameter("1 ms", "refractory period")


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `pv`."""
    leak = p.c_soma.value / p.tau_soma.value
    v_threshold = p.rheobase.value / leak + p.e_leak.value + p.d_spike.value
    if not max(v_threshold, p.v_reset.value) < p.v_peak.value:
        raise ds.errors.ParameterError(
            f"v_peak is {p.v_peak}; it must be above v_reset, {p.v_reset}, and above V_T, {v_threshold:g} V "
            f"with the rheobase {p.rheobase}"
        )
    cell = ds.Population(
        "pv",
        p.cells,
        CELL + synapse_equations("soma"),
        inputs={"current": "0 pA", **synapse_inputs()},
        initial={"soma": p.e_leak},
        threshold="soma > v_peak",
        reset="soma = v_reset",
        refractory="t_refractory",
    )
    return ds.Circuit((cell,), parameters=p.with_values(v_threshold=f"{v_threshold!r} V"))
