"""An SST (somatostatin-positive) interneuron: adaptive exponential integrate-and-fire, low rheobase.

It fires on weak input, adapts, and is meant to inhibit apical dendrites.

    dV/dt = (E_L - V + D exp((V - V_T)/D) + S)/tau + (I - w)/C                      V is `soma`
    S = (g_exc + background_exc) (E_exc - V) + (g_inh + background_inh) (E_inh - V)   synapses
    dw/dt = (a (V - E_L) - w)/tau_w                                                 adaptation
    dg_exc/dt = -g_exc/tau_exc,  dg_inh/dt = -g_inh/tau_inh
    spike where V > v_peak, then V = v_reset and w <- w + b

Synaptic conductances are in units of the leak g_L = C/tau. For t_refractory after a spike V stands still;
adaptation and conductances go on.

V_T follows from the rheobase. The current that holds V is I(V) = (g_L + a)(V - E_L) - g_L D exp((V - V_T)/D).
It is largest where exp((V - V_T)/D) = 1 + a/g_L; there it equals I_rh if

    V_T = I_rh/(g_L + a) + E_L + D - D ln(1 + a/g_L)

That is a saddle-node. If a/g_L > tau/tau_w, as with the defaults, rest already loses stability in a Hopf
bifurcation, where exp((V - V_T)/D) = 1 + tau/tau_w: 0.034 pA below 25 pA. From 22.7 pA on, a sudden step makes
the cell spike once, before the adaptation has built up: with w = 0 alone the saddle-node lies at
g_L (V_T - E_L - D) = 20.8 pA.

Above V_T the voltage explodes, so where it is cut off hardly matters: from v_peak it would take
tau exp(-(v_peak - V_T)/D) more to infinity, 0.6 us with the defaults, far below a time step of 0.1 ms. One Euler
step from just below v_peak ends at a finite 0.7 V, which no one sees: the reset is in the same step. Moving
v_peak moves a spike by a step or two.

Sources
-------
Brette & Gerstner (2005), J Neurophysiol 94:3637: the equations. Touboul & Brette (2008), Biol Cybern 99:319:
its bifurcations. Payeur et al. (2021), Nature Neuroscience 24:1010: parameters and synapses, as in their published
simulation code.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds

CELL = """
dsoma/dt = (e_leak - soma + d_spike*exp((soma - v_threshold)/d_spike) + synapses)/tau_soma + (current - adaptation)/c_soma : volt (unless refractory)
dadaptation/dt = (a_adaptation*(soma - e_leak) - adaptation)/tau_adaptation : amp
synapses = exc*(e_exc - soma) + inh*(e_inh - soma)                          : volt
exc = g_exc + background_exc                                                : 1
inh = g_inh + background_inh                                                : 1
dg_exc/dt = -g_exc/tau_exc                                                  : 1     # in units of the leak, fed by pathways
dg_inh/dt = -g_inh/tau_inh                                                  : 1
background_exc                                                              : 1     # input, in units of the leak
background_inh                                                              : 1
current                                                                     : amp   # input
"""  # noqa: E501

RESET = "soma = v_reset\nadaptation += b_adaptation"


def circuit(
    *,
    cells: int = 1,
    c_soma: ds.Quantity = "100 pF",
    tau_soma: ds.Quantity = "20 ms",
    e_leak: ds.Quantity = "-70 mV",
    rheobase: ds.Quantity = "25 pA",
    d_spike: ds.Quantity = "4 mV",
    v_peak: ds.Quantity = "-20 mV",
    v_reset: ds.Quantity = "-65 mV",
    t_refractory: ds.Quantity = "2 ms",
    a_adaptation: ds.Quantity = "0.5 nS",
    b_adaptation: ds.Quantity = "10 pA",
    tau_adaptation: ds.Quantity = "500 ms",
    tau_exc: ds.Quantity = "5 ms",
    tau_inh: ds.Quantity = "10 ms",
    e_exc: ds.Quantity = "0 mV",
    e_inh: ds.Quantity = "-80 mV",
) -> ds.Circuit:
    """Return one population `sst`.

    Parameters
    ----------
    cells
        Number of cells.
    c_soma
        Capacitance, C.
    tau_soma
        Membrane time constant, tau; the leak conductance g_L is C/tau.
    e_leak
        Reversal potential of the leak, E_L.
    rheobase
        Current I_rh at the saddle-node of the resting state; places V_T.
    d_spike
        Sharpness of the onset of a spike, D.
    v_peak
        Where a spike is cut off; must lie well above V_T.
    v_reset
        Voltage after a spike.
    t_refractory
        Refractory period.
    a_adaptation
        Adaptation by voltage, a.
    b_adaptation
        Jump of the adaptation current at a spike, b.
    tau_adaptation
        Time constant of the adaptation current, tau_w.
    tau_exc
        Decay of excitatory conductances.
    tau_inh
        Decay of inhibitory conductances.
    e_exc
        Reversal potential of excitation.
    e_inh
        Reversal potential of inhibition.
    """
    ds.positive(c_soma=c_soma, tau_soma=tau_soma, d_spike=d_spike, tau_adaptation=tau_adaptation)
    ds.positive(tau_exc=tau_exc, tau_inh=tau_inh)
    leak, a = c_soma.value / tau_soma.value, a_adaptation.value
    if not leak + a > 0:
        raise ds.errors.ParameterError(
            f"a_adaptation is {a_adaptation}; it must exceed minus the leak conductance, {-leak:g} S, "
            "or there is no rheobase"
        )
    v_threshold = (
        rheobase.value / (leak + a) + e_leak.value + d_spike.value * (1 - np.log1p(a / leak))
    )
    if not max(v_threshold, v_reset.value) < v_peak.value:
        raise ds.errors.ParameterError(
            f"v_peak is {v_peak}; it must lie above v_reset, {v_reset}, and above V_T, which the rheobase "
            f"{rheobase} places at {v_threshold:g} V"
        )
    cell = ds.Population(
        "sst",
        cells,
        CELL,
        inputs={"current": "0 pA", "background_exc": 0.0, "background_inh": 0.0},
        initial={"soma": e_leak},
        threshold="soma > v_peak",
        reset=RESET,
        refractory="t_refractory",
    )
    parameters = {
        "c_soma": c_soma, "tau_soma": tau_soma, "e_leak": e_leak, "v_threshold": f"{float(v_threshold)!r} V",
        "d_spike": d_spike, "v_peak": v_peak, "v_reset": v_reset, "t_refractory": t_refractory,
        "a_adaptation": a_adaptation, "b_adaptation": b_adaptation, "tau_adaptation": tau_adaptation,
        "tau_exc": tau_exc, "tau_inh": tau_inh, "e_exc": e_exc, "e_inh": e_inh,
    }  # fmt: skip
    return ds.Circuit((cell,), parameters=parameters)
