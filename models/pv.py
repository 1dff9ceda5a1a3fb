"""A PV (parvalbumin-positive) interneuron: exponential integrate-and-fire, fast, without adaptation.

It follows its input at high rates and is meant to inhibit somata.

    dV/dt = (E_L - V + D exp((V - V_T)/D) + S)/tau + I/C                            V is `soma`
    S = (g_exc + background_exc) (E_exc - V) + (g_inh + background_inh) (E_inh - V)   synapses
    dg_exc/dt = -g_exc/tau_exc,  dg_inh/dt = -g_inh/tau_inh
    spike where V > v_peak, then V = v_reset

Synaptic conductances are in units of the leak g_L = C/tau. For t_refractory after a spike V stands still;
conductances go on.

V_T follows from the rheobase. The current that holds V is I(V) = g_L (V - E_L) - g_L D exp((V - V_T)/D). It is
largest at V = V_T, a saddle-node; there it equals I_rh if

    V_T = I_rh/g_L + E_L + D

Above V_T the voltage explodes, so where it is cut off hardly matters: from v_peak it would take
tau exp(-(v_peak - V_T)/D) more to infinity, 8 ns with the defaults, far below a time step of 0.1 ms. One Euler
step from just below v_peak ends at a finite 24 V, which no one sees: the reset is in the same step. Moving
v_peak moves a spike by a step or two. Explicit Euler as such lags one to four steps behind the upstroke: at
0.1 ms the cell fires 1 to 4 % slower than in continuous time.

Sources
-------
Fourcaud-Trocme et al. (2003), J Neurosci 23:11628, and Brette & Gerstner (2005), J Neurophysiol 94:3637: the
equations, the latter with a = b = 0. Payeur et al. (2021), Nature Neuroscience 24:1010: parameters and
synapses, as in their published simulation code.

Errata applied
--------------
None.
"""

import dendrosim as ds

CELL = """
dsoma/dt = (e_leak - soma + d_spike*exp((soma - v_threshold)/d_spike) + synapses)/tau_soma + current/c_soma : volt (unless refractory)
synapses = exc*(e_exc - soma) + inh*(e_inh - soma) : volt
exc = g_exc + background_exc                       : 1
inh = g_inh + background_inh                       : 1
dg_exc/dt = -g_exc/tau_exc                         : 1     # in units of the leak, fed by pathways
dg_inh/dt = -g_inh/tau_inh                         : 1
background_exc                                     : 1     # input, in units of the leak
background_inh                                     : 1
current                                            : amp   # input
"""  # noqa: E501


def circuit(
    *,
    cells: int = 1,
    c_soma: ds.Quantity = "100 pF",
    tau_soma: ds.Quantity = "10 ms",
    e_leak: ds.Quantity = "-70 mV",
    rheobase: ds.Quantity = "200 pA",
    d_spike: ds.Quantity = "2 mV",
    v_peak: ds.Quantity = "-20 mV",
    v_reset: ds.Quantity = "-55 mV",
    t_refractory: ds.Quantity = "1 ms",
    tau_exc: ds.Quantity = "5 ms",
    tau_inh: ds.Quantity = "10 ms",
    e_exc: ds.Quantity = "0 mV",
    e_inh: ds.Quantity = "-80 mV",
) -> ds.Circuit:
    """Return one population `pv`.

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
        Current I_rh above which the cell fires for ever; places V_T.
    d_spike
        Sharpness of the onset of a spike, D.
    v_peak
        Where a spike is cut off; must lie well above V_T.
    v_reset
        Voltage after a spike.
    t_refractory
        Refractory period.
    tau_exc
        Decay of excitatory conductances.
    tau_inh
        Decay of inhibitory conductances.
    e_exc
        Reversal potential of excitation.
    e_inh
        Reversal potential of inhibition.
    """
    ds.positive(c_soma=c_soma, tau_soma=tau_soma, d_spike=d_spike, tau_exc=tau_exc, tau_inh=tau_inh)
    leak = c_soma.value / tau_soma.value
    v_threshold = rheobase.value / leak + e_leak.value + d_spike.value
    if not max(v_threshold, v_reset.value) < v_peak.value:
        raise ds.errors.ParameterError(
            f"v_peak is {v_peak}; it must lie above v_reset, {v_reset}, and above V_T, which the rheobase "
            f"{rheobase} places at {v_threshold:g} V"
        )
    cell = ds.Population(
        "pv",
        cells,
        CELL,
        inputs={"current": "0 pA", "background_exc": 0.0, "background_inh": 0.0},
        initial={"soma": e_leak},
        threshold="soma > v_peak",
        reset="soma = v_reset",
        refractory="t_refractory",
    )
    parameters = {
        "c_soma": c_soma, "tau_soma": tau_soma, "e_leak": e_leak, "v_threshold": f"{v_threshold!r} V",
        "d_spike": d_spike, "v_peak": v_peak, "v_reset": v_reset, "t_refractory": t_refractory,
        "tau_exc": tau_exc, "tau_inh": tau_inh, "e_exc": e_exc, "e_inh": e_inh,
    }  # fmt: skip
    return ds.Circuit((cell,), parameters=parameters)
