"""A layer-5 pyramidal cell with a calcium plateau: exponential soma, apical dendrite with Ca and K currents.

    C_s dV_s/dt = -g_Ls (V_s - E_Ls) + g_Ls D_T exp((V_s - V_T)/D_T) - g_w w + I_s - g_C (V_s - V_d)
    dw/dt = -w/tau_w,  spike where V_s > V_peak: V_s = V_r, w <- w + b
    C_d dV_d/dt = -g_Ld (V_d - E_Ld) + g_Ca m h (E_Ca - V_d) + g_K n (E_K - V_d) + g_bap(t) (E_bap - V_d)
                  + I_d - g_C (V_d - V_s)
    d[Ca]/dt = phi I_Ca + ([Ca]_0 - [Ca])/tau_Ca,  E_Ca = R T/(2 F) ln([Ca]_o/[Ca])
    dm/dt = (m_inf - m)/tau_m,  m_inf = 1/(1 + exp((V_d - V_m)/2 mV));  dh/dt likewise with the opposite sign
    dn/dt = (n_inf - n)/tau_n,  n_inf = 1/(1 + ([Ca]_th/[Ca])^4.8)

A somatic spike reaches the dendrite after a delay as a bi-exponential conductance g_bap of the given peak. The
population starts at its resting state.

Sources
-------
Pastorelli et al. (2025), Ca-AdEx, equations and fitted parameters as in its published NESTML model.

Errata applied
--------------
The gates keep the convention of that model, to which its fitted parameters belong: m (15 ms) closes with
depolarisation and h (80 ms) opens, the opposite of Larkum, Senn & Lüscher (2004), from which the two stem; here
they are named for what they do, `inactivation` and `activation`.
"""

import numpy as np

import dendrosim as ds

CELL = """
dsoma/dt = (i_leak_soma + i_spike + g_coupling*(apical - soma) + current_soma)/c_soma          : volt
i_leak_soma = g_leak_soma*(e_leak_soma - soma) - g_adaptation*adaptation                       : amp
i_spike = g_leak_soma*d_spike*exp((soma - v_spike)/d_spike)                                    : amp
dadaptation/dt = -adaptation/tau_adaptation                                                    : volt
dapical/dt = (i_leak_apical + i_active + g_coupling*(soma - apical) + current_apical)/c_apical : volt
i_leak_apical = g_leak_apical*(e_leak_apical - apical)                                         : amp
i_active = i_calcium + g_potassium*potassium*(e_potassium - apical) + g_bap*bap*(e_bap - apical) : amp
i_calcium = g_calcium*inactivation*activation*(e_calcium - apical)                             : amp
e_calcium = v_nernst*log(calcium_outside/calcium)                                              : volt
dcalcium/dt = phi*i_calcium + (calcium_rest - calcium)/tau_calcium                             : mmolar
dinactivation/dt = (closing - inactivation)/tau_inactivation                                   : 1   # m
dactivation/dt = (opening - activation)/tau_activation                                         : 1   # h
dpotassium/dt = (1/(1 + (calcium_half/calcium)**4.8) - potassium)/tau_potassium                : 1   # n
closing = 1/(1 + exp((apical - v_inactivation)/d_gate))                                        : 1
opening = 1/(1 + exp((v_activation - apical)/d_gate))                                          : 1
bap = bap_scale*(bap_decay - bap_rise)                                                         : 1
dbap_decay/dt = -bap_decay/tau_bap_decay                                                       : 1
dbap_rise/dt = -bap_rise/tau_bap_rise                                                          : 1
current_soma                                                                                   : amp
current_apical                                                                                 : amp
"""
RESET = "soma = v_reset\nadaptation += adaptation_jump"
BAP = "bap_decay_post += 1\nbap_rise_post += 1"


def circuit(
    *,
    cells: int = 1,
    c_soma: ds.Quantity = "246.7883 pF",
    g_leak_soma: ds.Quantity = "5 nS",
    e_leak_soma: ds.Quantity = "-69.24596 mV",
    v_spike: ds.Quantity = "-50 mV",
    d_spike: ds.Quantity = "2 mV",
    v_peak: ds.Quantity = "-40 mV",
    v_reset: ds.Quantity = "-61.73952 mV",
    g_adaptation: ds.Quantity = "1.1156386 nS",
    adaptation_jump: ds.Quantity = "40 mV",
    tau_adaptation: ds.Quantity = "500 ms",
    g_coupling: ds.Quantity = "19.77732 nS",
    c_apical: ds.Quantity = "23.673728 pF",
    g_leak_apical: ds.Quantity = "3.377855 nS",
    e_leak_apical: ds.Quantity = "-55 mV",
    g_calcium: ds.Quantity = "21.045506 nS",
    v_inactivation: ds.Quantity = "-9 mV",
    tau_inactivation: ds.Quantity = "15 ms",
    v_activation: ds.Quantity = "-21 mV",
    tau_activation: ds.Quantity = "80 ms",
    d_gate: ds.Quantity = "2 mV",
    v_nernst: ds.Quantity = "13.319652 mV",
    calcium_rest: ds.Quantity = "1e-4 mmolar",
    calcium_outside: ds.Quantity = "2 mmolar",
    calcium_half: ds.Quantity = "4.3e-4 mmolar",
    phi: ds.Quantity = "3.9283098e7 mmolar/(amp*second)",
    tau_calcium: ds.Quantity = "103.57234 ms",
    g_potassium: ds.Quantity = "13.199867 nS",
    e_potassium: ds.Quantity = "-90 mV",
    tau_potassium: ds.Quantity = "1 ms",
    g_bap: ds.Quantity = "27.995562 nS",
    e_bap: ds.Quantity = "0 mV",
    bap_delay: ds.Quantity = "0.12 ms",
    tau_bap_rise: ds.Quantity = "0.2 ms",
    tau_bap_decay: ds.Quantity = "3 ms",
) -> ds.Circuit:
    """Return one population `pyramidal` at rest, and the pathway `back_propagation` to its own dendrites.

    Parameters
    ----------
    cells
        Number of cells.
    c_soma
        Capacitance of the soma, C_s.
    g_leak_soma
        Leak of the soma, g_Ls.
    e_leak_soma
        Its reversal potential, E_Ls.
    v_spike
        Threshold of the exponential spike current, V_T.
    d_spike
        Its sharpness, D_T.
    v_peak
        Where a spike ends and the soma is reset.
    v_reset
        Somatic voltage after a spike, V_r.
    g_adaptation
        Conductance of the adaptation, g_w.
    adaptation_jump
        Its jump at a spike, b.
    tau_adaptation
        Its decay, tau_w.
    g_coupling
        Conductance between soma and apical dendrite, g_C.
    c_apical
        Capacitance of the apical dendrite, C_d.
    g_leak_apical
        Leak of the dendrite, g_Ld.
    e_leak_apical
        Its reversal potential, E_Ld.
    g_calcium
        Calcium conductance, g_Ca.
    v_inactivation
        Half-inactivation of the calcium current.
    tau_inactivation
        Time constant of its inactivation, tau_m.
    v_activation
        Half-activation of the calcium current.
    tau_activation
        Time constant of its activation, tau_h.
    d_gate
        Width of both gates.
    v_nernst
        R T/(2 F) of calcium.
    calcium_rest
        Concentration at rest, [Ca]_0.
    calcium_outside
        Concentration outside, [Ca]_o.
    calcium_half
        Concentration that half opens the potassium current, [Ca]_th.
    phi
        Concentration per charge of the calcium current.
    tau_calcium
        Removal of calcium, tau_Ca.
    g_potassium
        Calcium-dependent potassium conductance, g_K.
    e_potassium
        Its reversal potential, E_K.
    tau_potassium
        Its time constant, tau_n.
    g_bap
        Peak conductance of a back-propagating spike.
    e_bap
        Its reversal potential.
    bap_delay
        From a somatic spike to its arrival in the dendrite.
    tau_bap_rise
        Rise of the conductance.
    tau_bap_decay
        Decay of the conductance.
    """
    parameters = {n: v for n, v in locals().items() if n not in ("cells", "bap_delay")}
    positive = ("c_", "tau_", "d_", "g_leak", "calcium")
    ds.positive(**{n: v for n, v in parameters.items() if n.startswith(positive)})
    rise, decay = float(tau_bap_rise.value), float(tau_bap_decay.value)
    if rise >= decay:
        raise ds.errors.ParameterError(
            f"tau_bap_rise is {tau_bap_rise}; it must be below tau_bap_decay, {tau_bap_decay}"
        )
    peak = decay * rise / (decay - rise) * np.log(decay / rise)  # when the difference is largest
    parameters["bap_scale"] = 1 / (np.exp(-peak / decay) - np.exp(-peak / rise))
    cell = ds.Population(
        "pyramidal",
        cells,
        CELL,
        inputs={"current_soma": "0 pA", "current_apical": "0 pA"},
        initial=_rest({n: float(ds.quantity(v).value) for n, v in parameters.items()}),
        threshold="soma > v_peak",
        reset=RESET,
    )
    back = ds.Pathway(
        "back_propagation", "pyramidal", "pyramidal", BAP, ds.OneToOne(), delay=bap_delay
    )
    return ds.Circuit((cell,), parameters=parameters, pathways=(back,))


def _rest(p: dict[str, float]) -> dict[str, object]:
    """Return the resting state near the leak potentials: Newton steps on the voltages, gates following."""

    def state(apical: float) -> tuple[float, float, float, float]:
        m = 1 / (1 + np.exp((apical - p["v_inactivation"]) / p["d_gate"]))
        h = 1 / (1 + np.exp((p["v_activation"] - apical) / p["d_gate"]))
        calcium = p["calcium_rest"]
        for _ in range(50):  # the influx at rest is tiny, so this contracts at once
            nernst = p["v_nernst"] * np.log(p["calcium_outside"] / calcium)
            influx = p["g_calcium"] * m * h * (nernst - apical)
            calcium = p["calcium_rest"] + p["tau_calcium"] * p["phi"] * influx
        return m, h, calcium, influx

    def flow(v: np.ndarray) -> np.ndarray:
        soma, apical = v
        *_, calcium, influx = state(apical)
        open_ = 1 / (1 + (p["calcium_half"] / calcium) ** 4.8)
        spike = p["g_leak_soma"] * p["d_spike"] * np.exp((soma - p["v_spike"]) / p["d_spike"])
        return np.array(
            [
                p["g_leak_soma"] * (p["e_leak_soma"] - soma) + spike + p["g_coupling"] * (apical - soma),
                p["g_leak_apical"] * (p["e_leak_apical"] - apical) + influx
                + p["g_potassium"] * open_ * (p["e_potassium"] - apical)
                + p["g_coupling"] * (soma - apical),
            ]
        )  # fmt: skip

    v = np.array([p["e_leak_soma"], p["e_leak_soma"]])
    for _ in range(100):
        slope = np.array([(flow(v + d) - flow(v - d)) / 2e-6 for d in 1e-6 * np.eye(2)]).T
        step = np.linalg.solve(slope, -flow(v))
        v = v + step * min(1.0, 5e-3 / np.max(np.abs(step)))
        if np.max(np.abs(step)) < 1e-12:
            break
    else:
        raise ds.errors.ParameterError(
            "with these parameters the cell has no resting state near its leak potentials"
        )
    m, h, calcium, _ = state(v[1])
    values = {"soma": (v[0], "V"), "apical": (v[1], "V"), "calcium": (calcium, "mmolar")}
    gates = {
        "inactivation": m,
        "activation": h,
        "potassium": 1 / (1 + (p["calcium_half"] / calcium) ** 4.8),
    }
    return {n: f"{float(x)!r} {u}" for n, (x, u) in values.items()} | gates
