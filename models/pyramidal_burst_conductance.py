"""The bursting pyramidal cell with synaptic conductances and a moving threshold, as in studies of networks.

    dV_s/dt = (-(V_s - E_L) + S_s)/tau_s + (g_s f(V_d) + I_s + w_s)/C_s               soma
    dV_d/dt = (-(V_d - E_L) + S_d)/tau_d + (g_d f(V_d) + c_d K(t) + I_d + w_d)/C_d    apical
    dtheta/dt = (V_T - theta)/tau_theta,  theta <- theta + 2 mV at a spike            threshold

S_s and S_d are the drives of the conductance synapses in units of the leak, including background conductances;
`dendrosim.mechanisms` has their equations and parameters. In place of a refractory period, the threshold jumps at
a spike and relaxes; K(t) has no delay. The rest (plateau, adaptation, recovery, basal dendrite) is as in
`pyramidal_burst`.

If `v_drive` is given, the driving force of apical synapses is computed at this voltage, so that they inject
currents; the gain of feedback then does not depend on the plateau.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010, as in their published simulation code. Without synapses: Naud &
Sprekeler (2018), PNAS 115:E6329. Basal compartment: as in `pyramidal_burst`; not in either paper.

Errata applied
--------------
None.
"""

import dendrosim as ds
from dendrosim.mechanisms import bursting_cell
from dendrosim.mechanisms.conductance_synapses import (
    ConductanceSynapses,
    synapse_equations,
    synapse_inputs,
)

MEMBRANES = """
dsoma/dt = (-(soma - e_leak) + synapses_soma)/tau_soma + into_soma/c_soma           : volt
dapical/dt = (-(apical - e_leak) + synapses_apical)/tau_apical + into_apical/c_apical : volt
"""
MOVING = "dthreshold/dt = (v_threshold - threshold)/tau_threshold : volt\n"
THRESHOLD = "soma > threshold"


class Parameters(bursting_cell.BurstingCell, ConductanceSynapses, ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    bap_delay: ds.Quantity = ds.parameter("0 ms", "time a spike takes to the dendrite", least=0)
    tau_threshold: ds.Quantity = ds.parameter("27 ms", "relaxation of the threshold", above=0)
    threshold_jump: ds.Quantity = ds.parameter("2 mV", "jump of the threshold at a spike")
    v_drive: ds.Quantity | None = ds.parameter(
        None, "fixed voltage that drives apical synapses (default: the apical voltage)", unit="V"
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `pyramidal`."""
    drive = f"seen_apical = {'apical' if p.v_drive is None else 'v_drive'} : volt\n"
    synapses = synapse_equations("soma", "_soma") + synapse_equations("seen_apical", "_apical")
    cell = ds.Population(
        "pyramidal",
        p.cells,
        MEMBRANES + synapses + MOVING + drive + bursting_cell.cell_equations(p),
        inputs=bursting_cell.cell_inputs(p) | synapse_inputs("_soma") | synapse_inputs("_apical"),
        initial=bursting_cell.resting_voltages(p) | {"threshold": p.v_threshold},
        threshold=THRESHOLD,
        events=bursting_cell.cell_events(p, THRESHOLD),
        reset=bursting_cell.RESET + "\nthreshold += threshold_jump",
    )
    return ds.Circuit((cell,), parameters=p.with_values(**bursting_cell.basal_defaults(p)))
