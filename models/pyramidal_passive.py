"""A pyramidal cell without active currents: soma, basal and apical dendrite coupled ohmically.

The soma is the hub of a star; neither dendrite has a spike, so every response is linear and known exactly.

    C_s dV_s/dt = -C_s/tau_s (V_s - E_L) + g_b (V_b - V_s) + g_a (V_a - V_s) + I_s   soma
    C_b dV_b/dt = -C_b/tau_b (V_b - E_L) + g_b (V_s - V_b) + I_b                     basal
    C_a dV_a/dt = -C_a/tau_a (V_a - E_L) + g_a (V_s - V_a) + I_a                     apical

With u = V - E_L this is C du/dt = -G u + I, C the diagonal of capacitances and G symmetric:

        [ C_s/tau_s + g_b + g_a   -g_b              -g_a            ]
    G = [ -g_b                    C_b/tau_b + g_b   0               ]
        [ -g_a                    0                 C_a/tau_a + g_a ]

Steady voltages are E_L + R I with R = G^-1: input resistances on its diagonal, transfer resistances off it,
the same in both directions. Steady voltage is attenuated from compartment i to j by R_ji/R_ii. The
eigenvalues of C^-1 G are one over the three time constants.

Sources
-------
Textbook cable theory, each stretch of cable lumped to one isopotential compartment: Rall (1964), in Neural
Theory and Modeling. Membrane parameters are those of `pyramidal_burst`; couplings are illustrative.

Errata applied
--------------
None.
"""

import dendrosim as ds

CELL = """
dsoma/dt = -(soma - e_leak)/tau_soma + (into_soma + current_soma)/c_soma                            : volt
dbasal/dt = -(basal - e_leak)/tau_basal + (g_basal*(soma - basal) + current_basal)/c_basal          : volt
dapical/dt = -(apical - e_leak)/tau_apical + (g_apical*(soma - apical) + current_apical)/c_apical   : volt
into_soma = g_basal*(basal - soma) + g_apical*(apical - soma)                                       : amp
current_soma                                                                                        : amp   # input
current_basal                                                                                       : amp   # input
current_apical                                                                                      : amp   # input
"""

COMPARTMENTS = ("soma", "basal", "apical")


def circuit(
    *,
    cells: int = 1,
    c_soma: ds.Quantity = "370 pF",
    tau_soma: ds.Quantity = "16 ms",
    c_basal: ds.Quantity = "170 pF",
    tau_basal: ds.Quantity = "7 ms",
    c_apical: ds.Quantity = "170 pF",
    tau_apical: ds.Quantity = "7 ms",
    g_basal: ds.Quantity = "20 nS",
    g_apical: ds.Quantity = "10 nS",
    e_leak: ds.Quantity = "-70 mV",
) -> ds.Circuit:
    """Return one population `pyramidal`.

    Parameters
    ----------
    cells
        Number of cells.
    c_soma
        Capacitance of the soma, C_s.
    tau_soma
        Membrane time constant of the soma on its own, tau_s; its leak conductance is C_s/tau_s.
    c_basal
        Capacitance of the basal dendrite, C_b.
    tau_basal
        Membrane time constant of the basal dendrite on its own, tau_b.
    c_apical
        Capacitance of the apical dendrite, C_a.
    tau_apical
        Membrane time constant of the apical dendrite on its own, tau_a.
    g_basal
        Coupling of basal dendrite and soma, g_b; 0 cuts the dendrite off.
    g_apical
        Coupling of apical dendrite and soma, g_a; 0 cuts the dendrite off.
    e_leak
        Reversal potential of all leaks, E_L.
    """
    ds.positive(c_soma=c_soma, c_basal=c_basal, c_apical=c_apical)
    ds.positive(tau_soma=tau_soma, tau_basal=tau_basal, tau_apical=tau_apical)
    for name, coupling in (("g_basal", g_basal), ("g_apical", g_apical)):
        if not 0 <= coupling.value < float("inf"):
            raise ds.errors.ParameterError(
                f"{name} is {coupling}; a conductance must be finite and not negative"
            )
    cell = ds.Population(
        "pyramidal",
        cells,
        CELL,
        inputs={f"current_{name}": "0 pA" for name in COMPARTMENTS},
        initial=dict.fromkeys(COMPARTMENTS, e_leak),
    )
    parameters = {
        "c_soma": c_soma, "tau_soma": tau_soma, "c_basal": c_basal, "tau_basal": tau_basal,
        "c_apical": c_apical, "tau_apical": tau_apical, "g_basal": g_basal, "g_apical": g_apical,
        "e_leak": e_leak,
    }  # fmt: skip
    return ds.Circuit((cell,), parameters=parameters)
