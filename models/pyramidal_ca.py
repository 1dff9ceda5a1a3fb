"""A layer-5 pyramidal cell with a calcium plateau: exponential soma, apical dendrite with Ca and K currents.

    C_s dV_s/dt = -g_Ls (V_s - E_Ls) + g_Ls D_T exp((V_s - V_T)/D_T) - g_w w + I_s - g_C (V_s - V_d)
    dw/dt = -w/tau_w,  spike where V_s > V_peak: V_s = V_r, w <- w + b
    C_d dV_d/dt = -g_Ld (V_d - E_Ld) + g_Ca m h (E_Ca - V_d) + g_K n (E_K - V_d) + g_bap(t) (E_bap - V_d)
                  + I_d - g_C (V_d - V_s)
    d[Ca]/dt = phi I_Ca + ([Ca]_0 - [Ca])/tau_Ca,  E_Ca = R T/(2 F) ln([Ca]_o/[Ca])
    dm/dt = (m_inf - m)/tau_m,  m_inf = 1/(1 + exp((V_d - V_m)/2 mV));  dh/dt likewise with the opposite sign
    dn/dt = (n_inf - n)/tau_n,  n_inf = 1/(1 + ([Ca]_th/[Ca])^4.8)

After a delay a somatic spike reaches the dendrite, as a bi-exponential conductance g_bap(t) whose peak is the
parameter `g_bap`. The population starts at its resting state.

Sources
-------
Pastorelli et al. (2025), Ca-AdEx, equations and fitted parameters as in its published NESTML model.

Errata applied
--------------
The gates keep the convention of the NESTML model, with which its parameters were fitted: m (15 ms) closes with
depolarisation and h (80 ms) opens. In Larkum, Senn & Lüscher (2004), the origin of the gates, it is the opposite.
Here the gates are named by their effect, `inactivation` (m) and `activation` (h).
"""

from types import SimpleNamespace

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


class Parameters(ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    c_soma: ds.Quantity = ds.parameter("246.7883 pF", "capacitance of the soma, C_s", above=0)
    g_leak_soma: ds.Quantity = ds.parameter("5 nS", "leak of the soma, g_Ls", above=0)
    e_leak_soma: ds.Quantity = ds.parameter("-69.24596 mV", "reversal of the somatic leak, E_Ls")
    v_spike: ds.Quantity = ds.parameter("-50 mV", "threshold of the spike current, V_T")
    d_spike: ds.Quantity = ds.parameter("2 mV", "sharpness of the spike current, D_T", above=0)
    v_peak: ds.Quantity = ds.parameter("-40 mV", "voltage at which a spike ends by a reset")
    v_reset: ds.Quantity = ds.parameter("-61.73952 mV", "somatic voltage after a spike, V_r")
    g_adaptation: ds.Quantity = ds.parameter("1.1156386 nS", "conductance of the adaptation, g_w")
    adaptation_jump: ds.Quantity = ds.parameter("40 mV", "jump of the adaptation at a spike, b")
    tau_adaptation: ds.Quantity = ds.parameter("500 ms", "decay of the adaptation, tau_w", above=0)
    g_coupling: ds.Quantity = ds.parameter("19.77732 nS", "coupling of soma and dendrite, g_C")
    c_apical: ds.Quantity = ds.parameter("23.673728 pF", "capacitance of dendrite, C_d", above=0)
    g_leak_apical: ds.Quantity = ds.parameter("3.377855 nS", "leak of the dendrite, g_Ld", above=0)
    e_leak_apical: ds.Quantity = ds.parameter("-55 mV", "reversal of the apical leak, E_Ld")
    g_calcium: ds.Quantity = ds.parameter("21.045506 nS", "calcium conductance, g_Ca")
    v_inactivation: ds.Quantity = ds.parameter("-9 mV", "half-inactivation of calcium, V_m")
    tau_inactivation: ds.Quantity = ds.parameter("15 ms", "time constant of m, tau_m", above=0)
    v_activation: ds.Quantity = ds.parameter("-21 mV", "half-activation of calcium")
    tau_activation: ds.Quantity = ds.parameter("80 ms", "time constant of h, tau_h", above=0)
    d_gate: ds.Quantity = ds.parameter("2 mV", "width of both gates", above=0)
    v_nernst: ds.Quantity = ds.parameter("13.319652 mV", "R T/(2 F) of calcium")
    calcium_rest: ds.Quantity = ds.parameter("1e-4 mmolar", "resting level, [Ca]_0", above=0)
    calcium_outside: ds.Quantity = ds.parameter("2 mmolar", "outer concentration, [Ca]_o", above=0)
    calcium_half: ds.Quantity = ds.parameter("4.3e-4 mmolar", "[Ca] with g_K half open", above=0)
    phi: ds.Quantity = ds.parameter("3.9283098e7 mmolar/(amp*second)", "concentration per charge")
    tau_calcium: ds.Quantity = ds.parameter("103.57234 ms", "decay of calcium, tau_Ca", above=0)
    g_potassium: ds.Quantity = ds.parameter("13.199867 nS", "calcium-dependent potassium, g_K")
    e_potassium: ds.Quantity = ds.parameter("-90 mV", "reversal of potassium, E_K")
    tau_potassium: ds.Quantity = ds.parameter("1 ms", "time constant of n, tau_n", above=0)
    g_bap: ds.Quantity = ds.parameter("27.995562 nS", "peak conductance that a somatic spike opens")
    e_bap: ds.Quantity = ds.parameter("0 mV", "reversal of g_bap")
    bap_delay: ds.Quantity = ds.parameter("0.12 ms", "time a spike takes to the dendrite")
    tau_bap_rise: ds.Quantity = ds.parameter("0.2 ms", "rise of g_bap", above=0)
    tau_bap_decay: ds.Quantity = ds.parameter("3 ms", "decay of g_bap", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `pyramidal` at rest, with a pathway `back_propagation` to its own dendrites."""
    rise, decay = float(p.tau_bap_rise.value), float(p.tau_bap_decay.value)
    if rise >= decay:
        raise ds.errors.ParameterError(
            f"tau_bap_rise is {p.tau_bap_rise}; it must be below tau_bap_decay, {p.tau_bap_decay}"
        )
    peak = decay * rise / (decay - rise) * np.log(decay / rise)  # time of the peak
    scale = 1 / (np.exp(-peak / decay) - np.exp(-peak / rise))
    cell = ds.Population(
        "pyramidal",
        p.cells,
        CELL,
        inputs={"current_soma": "0 pA", "current_apical": "0 pA"},
        initial=_rest(p),
        threshold="soma > v_peak",
        reset=RESET,
    )
    back = ds.Pathway(
        "back_propagation", "pyramidal", "pyramidal", BAP, ds.OneToOne(), delay=p.bap_delay
    )
    return ds.Circuit((cell,), parameters=p.with_values(bap_scale=scale), pathways=(back,))


def _rest(p: Parameters) -> dict[str, object]:
    """Return the resting state near the leak potentials: Newton steps find the voltages, which set the gates."""
    q = SimpleNamespace(**{n: float(v.value) for n, v in vars(p).items() if n != "cells"})

    def gates(apical: float) -> tuple[float, float, float, float, float]:
        """Return m, h, n, the concentration and the current of calcium at an apical voltage."""
        m = 1 / (1 + np.exp((apical - q.v_inactivation) / q.d_gate))
        h = 1 / (1 + np.exp((q.v_activation - apical) / q.d_gate))
        calcium = q.calcium_rest
        for _ in range(50):  # the influx at rest is tiny, so this converges within a few iterations
            influx = (
                q.g_calcium * m * h * (q.v_nernst * np.log(q.calcium_outside / calcium) - apical)
            )
            calcium = q.calcium_rest + q.tau_calcium * q.phi * influx
        return m, h, 1 / (1 + (q.calcium_half / calcium) ** 4.8), calcium, influx

    def flow(v: np.ndarray) -> np.ndarray:
        """Return the currents into soma and dendrite."""
        soma, apical = v
        _, _, n, _, influx = gates(apical)
        spike = q.g_leak_soma * q.d_spike * np.exp((soma - q.v_spike) / q.d_spike)
        leak_soma = q.g_leak_soma * (q.e_leak_soma - soma)
        leak_apical = q.g_leak_apical * (q.e_leak_apical - apical)
        potassium = q.g_potassium * n * (q.e_potassium - apical)
        return np.array(
            [
                leak_soma + spike + q.g_coupling * (apical - soma),
                leak_apical + influx + potassium + q.g_coupling * (soma - apical),
            ]
        )

    v = np.array([q.e_leak_soma, q.e_leak_soma])
    for _ in range(100):
        slope = np.array([(flow(v + d) - flow(v - d)) / 2e-6 for d in 1e-6 * np.eye(2)]).T
        step = np.linalg.solve(slope, -flow(v))
        v = v + step * min(1.0, 5e-3 / np.max(np.abs(step)))  # by at most 5 mV
        if np.max(np.abs(step)) < 1e-12:  # a picovolt, far below the error of a time step
            break
    else:
        raise ds.errors.ParameterError(
            "with these parameters the cell has no resting state near its leak potentials"
        )
    m, h, n, calcium, _ = gates(v[1])
    values = {"soma": (v[0], "V"), "apical": (v[1], "V"), "calcium": (calcium, "mmolar")}
    start = {name: f"{float(x)!r} {unit}" for name, (x, unit) in values.items()}
    return start | {"inactivation": m, "activation": h, "potassium": n}
