"""A pyramidal cell without active currents: soma, basal and apical dendrite coupled ohmically.

Each dendrite is coupled only to the soma. Nothing spikes, so every response is linear and known exactly.

    C_s dV_s/dt = -C_s/tau_s (V_s - E_L) + g_b (V_b - V_s) + g_a (V_a - V_s) + I_s   soma
    C_b dV_b/dt = -C_b/tau_b (V_b - E_L) + g_b (V_s - V_b) + I_b                     basal
    C_a dV_a/dt = -C_a/tau_a (V_a - E_L) + g_a (V_s - V_a) + I_a                     apical

With u = V - E_L this is C du/dt = -G u + I, where C is the diagonal matrix of capacitances and G is symmetric:

        [ C_s/tau_s + g_b + g_a   -g_b              -g_a            ]
    G = [ -g_b                    C_b/tau_b + g_b   0               ]
        [ -g_a                    0                 C_a/tau_a + g_a ]

Steady voltages are E_L + R I with R = G^-1. The diagonal of R has the input resistances; its other elements are
the transfer resistances, which are the same in both directions. From compartment i to j, a steady voltage is
attenuated by the factor R_ji/R_ii. The eigenvalues of C^-1 G are the inverses of the three time constants.

Sources
-------
Textbook cable theory, with each piece of cable lumped to one isopotential compartment: Rall (1964), in Neural
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


class Parameters(ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    c_soma: ds.Quantity = ds.parameter("370 pF", "capacitance of the soma, C_s", above=0)
    tau_soma: ds.Quantity = ds.parameter("16 ms", "time constant if uncoupled, tau_s", above=0)
    c_basal: ds.Quantity = ds.parameter("170 pF", "capacitance of the basal dendrite", above=0)
    tau_basal: ds.Quantity = ds.parameter("7 ms", "time constant if uncoupled, tau_b", above=0)
    c_apical: ds.Quantity = ds.parameter("170 pF", "capacitance of the apical dendrite", above=0)
    tau_apical: ds.Quantity = ds.parameter("7 ms", "time constant if uncoupled, tau_a", above=0)
    g_basal: ds.Quantity = ds.parameter("20 nS", "coupling of basal dendrite and soma", least=0)
    g_apical: ds.Quantity = ds.parameter("10 nS", "coupling of apical dendrite and soma", least=0)
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential of all leaks, E_L")


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `pyramidal`."""
    cell = ds.Population(
        "pyramidal",
        p.cells,
        CELL,
        inputs={f"current_{name}": "0 pA" for name in COMPARTMENTS},
        initial=dict.fromkeys(COMPARTMENTS, p.e_leak),
    )
    return ds.Circuit((cell,), parameters=p)
