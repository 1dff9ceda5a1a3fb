"""A layer-5 pyramidal cell that bursts: soma and apical dendrite coupled by plateau and back-propagating spikes.

The apical compartment has a regenerative current with a recovery variable, so a strong enough input makes an
all-or-none dendritic plateau, which drives a burst of the soma; a somatic spike that travels back lowers
the threshold of the plateau. Event rate then follows the somatic input and burst probability the apical one.

    dV_s/dt = -(V_s - E_L)/tau_s + (g_s f(V_d) + I_s + w_s)/C_s          soma
    dw_s/dt = -w_s/tau_ws,  w_s <- w_s + b_ws at a spike                 adaptation
    dV_d/dt = -(V_d - E_L)/tau_d + (g_d f(V_d) + c_d K(t) + I_d + w_d)/C_d   apical
    dw_d/dt = (a_wd (V_d - E_L) - w_d)/tau_wd                            recovery
    f(V) = 1/(1 + exp(-(V - E_d)/D_d));  spike where V_s > V_T, then V_s = E_L

K is 1 from 0.5 ms to 2.5 ms after a somatic spike, as the dendrite sees it; a spike that follows before the end
starts it anew (with the refractory period of 3 ms none does). g_s, g_d and c_d are currents.
During the refractory period V_s stands still; dendrite, adaptation and recovery go on.

`variant=conductance` is the cell of network studies: synaptic conductances in units of the leak on soma and
apical dendrite, each with a background beside it, a threshold that jumps at a spike and relaxes, in place of the
refractory period, and K without delay.

With `v_drive`, the driving force of the apical synapses is taken at that voltage, so that they inject
currents; that keeps the gain of feedback from depending on how far the plateau is open.

`basal=ohmic` adds a basal dendrite coupled to the soma by a conductance in both directions; `basal=passive` one
that feeds the soma without being loaded by it, as the apical one does.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329, two-compartment model; parameters as in public implementations of it.
Conductance variant: Payeur et al. (2021), Nature Neuroscience 24:1010, as in their published simulation code.
Basal compartment: textbook passive cable lumped to one compartment; not in either paper.

Errata applied
--------------
None.
"""

from typing import Annotated, Literal

import dendrosim as ds

MEMBRANES = {
    "current": """
dsoma/dt = -(soma - e_leak)/tau_soma + into_soma/c_soma         : volt (unless refractory)
dapical/dt = -(apical - e_leak)/tau_apical + into_apical/c_apical : volt
""",
    "conductance": """
dsoma/dt = (-(soma - e_leak) + synapses_soma)/tau_soma + into_soma/c_soma           : volt
dapical/dt = (-(apical - e_leak) + synapses_apical)/tau_apical + into_apical/c_apical : volt
synapses_soma = exc_soma*(e_exc - soma) + inh_soma*(e_inh - soma)                     : volt
synapses_apical = exc_apical*(e_exc - seen_apical) + inh_apical*(e_inh - seen_apical) : volt
exc_soma = g_exc_soma + background_exc_soma       : 1
inh_soma = g_inh_soma + background_inh_soma       : 1
exc_apical = g_exc_apical + background_exc_apical : 1
inh_apical = g_inh_apical + background_inh_apical : 1
dg_exc_soma/dt = -g_exc_soma/tau_exc     : 1   # in units of the leak, fed by pathways
dg_inh_soma/dt = -g_inh_soma/tau_inh     : 1
dg_exc_apical/dt = -g_exc_apical/tau_exc : 1
dg_inh_apical/dt = -g_inh_apical/tau_inh : 1
dthreshold/dt = (v_threshold - threshold)/tau_threshold : volt
background_exc_soma   : 1   # inputs, in units of the leak
background_inh_soma   : 1
background_exc_apical : 1
background_inh_apical : 1
""",
}

PLATEAU = """
into_apical = g_apical*plateau + c_bap*bap + current_apical + recovery  : amp
dadaptation/dt = -adaptation/tau_adaptation                             : amp   # by somatic spikes
drecovery/dt = (a_recovery*(apical - e_leak) - recovery)/tau_recovery   : amp   # ends the plateau
plateau = 1/(1 + exp(-(apical - e_plateau)/d_plateau))                  : 1     # how far it is open
bap = int(t - lastspike > bap_delay + dt/2)*int(t - lastspike < bap_delay + bap_duration + dt/2) : 1
current_soma                                                            : amp   # input
current_apical                                                          : amp   # input
"""

INTO_SOMA = {
    "none": "into_soma = g_soma*plateau + adaptation + current_soma : amp",
    "passive": """
into_soma = g_soma*plateau + adaptation + current_soma + g_basal*(basal - e_leak) : amp
dbasal/dt = -(basal - e_leak)/tau_basal + current_basal/c_basal                   : volt
current_basal                                                                     : amp   # input
""",
    "ohmic": """
into_soma = g_soma*plateau + adaptation + current_soma + g_basal*(basal - soma)                  : amp
dbasal/dt = -(basal - e_leak)/tau_basal + (current_basal + g_basal*(soma - basal))/c_basal       : volt
current_basal                                                                                    : amp   # input
""",
}

# The voltage whose distance to the reversal potentials drives the apical synapses.
APICAL_DRIVE = {
    "conductance": "seen_apical = apical : volt",
    "current": "seen_apical = v_drive : volt",
}

# What the two variants do not share, each with its own default.
OWN = {
    "current": {"bap_delay": "0.5 ms", "t_refractory": "3 ms"},
    "conductance": {
        "bap_delay": "0 ms",
        "tau_threshold": "27 ms",
        "threshold_jump": "2 mV",
        "tau_exc": "5 ms",
        "tau_inh": "10 ms",
        "e_exc": "0 mV",
        "e_inh": "-80 mV",
    },
}
BASAL = {"c_basal": "170 pF", "tau_basal": "7 ms", "g_basal": "20 nS"}

RESET = "soma = v_reset\nadaptation += b_adaptation"
CURRENTS = {"current_soma": "0 pA", "current_apical": "0 pA"}
BACKGROUNDS = {
    f"background_{kind}_{place}": 0.0 for kind in ("exc", "inh") for place in ("soma", "apical")
}


def circuit(
    *,
    cells: int = 1,
    variant: Literal["current", "conductance"] = "current",
    basal: Literal["none", "passive", "ohmic"] = "none",
    c_soma: ds.Quantity = "370 pF",
    tau_soma: ds.Quantity = "16 ms",
    c_apical: ds.Quantity = "170 pF",
    tau_apical: ds.Quantity = "7 ms",
    e_leak: ds.Quantity = "-70 mV",
    v_threshold: ds.Quantity = "-50 mV",
    v_reset: ds.Quantity = "-70 mV",
    g_soma: ds.Quantity = "1300 pA",
    g_apical: ds.Quantity = "1200 pA",
    c_bap: ds.Quantity = "2600 pA",
    bap_delay: Annotated[ds.Quantity | None, "s"] = None,
    bap_duration: ds.Quantity = "2 ms",
    e_plateau: ds.Quantity = "-38 mV",
    d_plateau: ds.Quantity = "6 mV",
    b_adaptation: ds.Quantity = "-200 pA",
    tau_adaptation: ds.Quantity = "100 ms",
    a_recovery: ds.Quantity = "-13 nS",
    tau_recovery: ds.Quantity = "30 ms",
    t_refractory: Annotated[ds.Quantity | None, "s"] = None,
    tau_threshold: Annotated[ds.Quantity | None, "s"] = None,
    threshold_jump: Annotated[ds.Quantity | None, "V"] = None,
    tau_exc: Annotated[ds.Quantity | None, "s"] = None,
    tau_inh: Annotated[ds.Quantity | None, "s"] = None,
    e_exc: Annotated[ds.Quantity | None, "V"] = None,
    e_inh: Annotated[ds.Quantity | None, "V"] = None,
    v_drive: Annotated[ds.Quantity | None, "V"] = None,
    c_basal: Annotated[ds.Quantity | None, "F"] = None,
    tau_basal: Annotated[ds.Quantity | None, "s"] = None,
    g_basal: Annotated[ds.Quantity | None, "S"] = None,
) -> ds.Circuit:
    """Return one population `pyramidal`.

    Parameters
    ----------
    cells
        Number of cells.
    variant
        `current`: injected currents, absolute refractory period. `conductance`: synaptic conductances,
        moving threshold.
    basal
        No basal compartment, or one that feeds the soma (`passive`), or is coupled to it both ways (`ohmic`).
    c_soma
        Capacitance of the soma, C_s.
    tau_soma
        Membrane time constant of the soma, tau_s.
    c_apical
        Capacitance of the apical dendrite, C_d.
    tau_apical
        Membrane time constant of the apical dendrite, tau_d.
    e_leak
        Reversal potential of all leaks, E_L.
    v_threshold
        Somatic voltage of a spike, V_T; with variant conductance, what the threshold relaxes to.
    v_reset
        Somatic voltage after a spike.
    g_soma
        Current into the soma when the plateau is fully open, g_s.
    g_apical
        Regenerative current of the dendrite when the plateau is fully open, g_d.
    c_bap
        Current into the dendrite while it sees a back-propagating spike, c_d.
    bap_delay
        From a spike to its arrival in the dendrite (default 0.5 ms; 0 with variant conductance).
    bap_duration
        How long the dendrite sees a spike.
    e_plateau
        Dendritic voltage at which the plateau is half open, E_d.
    d_plateau
        Width of the plateau's activation, D_d.
    b_adaptation
        Jump of the adaptation current at a spike, b_ws (negative).
    tau_adaptation
        Time constant of the adaptation current, tau_ws.
    a_recovery
        Conductance of the recovery current, a_wd (negative).
    tau_recovery
        Time constant of the recovery current, tau_wd.
    t_refractory
        Refractory period of the soma (default 3 ms; variant current only).
    tau_threshold
        Relaxation of the threshold (default 27 ms; variant conductance only).
    threshold_jump
        Jump of the threshold at a spike (default 2 mV; variant conductance only).
    tau_exc
        Decay of excitatory conductances (default 5 ms; variant conductance only).
    tau_inh
        Decay of inhibitory conductances (default 10 ms; variant conductance only).
    e_exc
        Reversal potential of excitation (default 0 mV; variant conductance only).
    e_inh
        Reversal potential of inhibition (default -80 mV; variant conductance only).
    v_drive
        Where the driving force of apical synapses is taken (default: at the apical voltage itself; variant
        conductance only).
    c_basal
        Capacitance of the basal dendrite (default 170 pF; with a basal compartment only).
    tau_basal
        Membrane time constant of the basal dendrite (default 7 ms; with a basal compartment only).
    g_basal
        Coupling of basal dendrite and soma (default 20 nS; with a basal compartment only).
    """
    shared = {
        "c_soma": c_soma, "tau_soma": tau_soma, "c_apical": c_apical, "tau_apical": tau_apical,
        "e_leak": e_leak, "v_threshold": v_threshold, "v_reset": v_reset, "g_soma": g_soma,
        "g_apical": g_apical, "c_bap": c_bap, "bap_duration": bap_duration, "e_plateau": e_plateau,
        "d_plateau": d_plateau, "b_adaptation": b_adaptation, "tau_adaptation": tau_adaptation,
        "a_recovery": a_recovery, "tau_recovery": tau_recovery,
    }  # fmt: skip
    optional = {
        "bap_delay": bap_delay, "t_refractory": t_refractory, "tau_threshold": tau_threshold,
        "threshold_jump": threshold_jump, "tau_exc": tau_exc, "tau_inh": tau_inh, "e_exc": e_exc,
        "e_inh": e_inh, "c_basal": c_basal, "tau_basal": tau_basal, "g_basal": g_basal,
    }  # fmt: skip
    defaults = OWN[variant] | (BASAL if basal != "none" else {})
    if v_drive is not None and variant == "conductance":
        shared["v_drive"] = v_drive
    elif v_drive is not None:
        optional["v_drive"] = v_drive
    for name, value in optional.items():
        if value is not None and name not in defaults:
            raise ds.errors.ParameterError(
                f"{name} has no effect with variant={variant}, basal={basal}; leave it out"
            )
    own = {n: v if optional[n] is None else optional[n] for n, v in defaults.items()}
    parameters = shared | own
    positive = {n: v for n, v in parameters.items() if n.startswith(("c_", "tau_", "d_"))}
    del positive["c_bap"]  # a current; without it spikes do not travel back
    ds.positive(**positive)
    for name in (
        "g_soma",
        "g_apical",
        "c_bap",
        "bap_delay",
        "bap_duration",
        "t_refractory",
        "g_basal",
    ):
        if name in parameters and float(ds.quantity(parameters[name]).value) < 0:
            raise ds.errors.ParameterError(
                f"{name} is {ds.quantity(parameters[name])}; it must not be negative"
            )
    if float(v_reset.value) >= float(v_threshold.value):
        raise ds.errors.ParameterError(
            f"v_reset is {v_reset}; it must lie below v_threshold, {v_threshold}"
        )
    moving = variant == "conductance"
    drive = APICAL_DRIVE["conductance" if v_drive is None else "current"] if moving else ""
    cell = ds.Population(
        "pyramidal",
        cells,
        MEMBRANES[variant] + drive + PLATEAU + INTO_SOMA[basal],
        inputs=_inputs(variant, basal),
        initial={
            "soma": e_leak,
            "apical": e_leak,
            **({"threshold": v_threshold} if moving else {}),
            **({"basal": e_leak} if basal != "none" else {}),
        },
        threshold="soma > threshold" if moving else "soma > v_threshold",
        reset=RESET + ("\nthreshold += threshold_jump" if moving else ""),
        refractory=None if moving else "t_refractory",
    )
    return ds.Circuit((cell,), parameters=parameters)


def _inputs(variant: str, basal: str) -> dict[str, object]:
    """Return the inputs of the cell with what they are where nothing drives them."""
    return {
        **CURRENTS,
        **({"current_basal": "0 pA"} if basal != "none" else {}),
        **(BACKGROUNDS if variant == "conductance" else {}),
    }
