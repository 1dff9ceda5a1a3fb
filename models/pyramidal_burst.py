"""A layer-5 pyramidal cell that bursts: soma and apical dendrite coupled by plateau and back-propagating spikes.

The apical compartment has a regenerative current with a recovery variable, so a strong enough input makes an
all-or-none dendritic plateau, which drives a burst of the soma; a somatic spike that travels back lowers
the threshold of the plateau. Event rate then follows the somatic input and burst probability the apical one.

    dV_s/dt = -(V_s - E_L)/tau_s + (g_s f(V_d) + I_s + w_s)/C_s          soma
    dw_s/dt = -w_s/tau_ws,  w_s <- w_s + b_ws at a spike                 adaptation
    dV_d/dt = -(V_d - E_L)/tau_d + (g_d f(V_d) + c_d K(t) + I_d + w_d)/C_d   apical
    dw_d/dt = (a_wd (V_d - E_L) - w_d)/tau_wd                            recovery
    f(V) = 1/(1 + exp(-(V - E_d)/D_d));  spike where V_s > V_T, then V_s = E_L

K is 1 from 0.5 ms to 2.5 ms after a somatic spike, while the spike is in the dendrite, and 0 otherwise. A second
spike in this interval would restart it, but the refractory period of 3 ms prevents that. g_s, g_d and c_d are
currents. During the refractory period V_s is held, while dendrite, adaptation and recovery evolve.

`basal=ohmic` adds a basal dendrite coupled to the soma by a conductance in both directions; `basal=passive` adds
one that drives the soma without drawing current from it, as the apical dendrite does. With `tau_synapse`, pathways
can add to the currents r_s (`received_soma`) and r_d (`received_apical`), which decay with this time constant and
are part of I_s and I_d; `tau_synapse_apical` gives r_d a time constant of its own. With `burst_interval`, the cell
has the events `event` and `burst`, which other objects use. `pyramidal_burst_conductance` is the cell of network
studies, with synaptic conductances and a moving threshold.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329, two-compartment model; parameters as in public implementations of it.
Basal compartment: textbook passive cable lumped to one compartment; not in the paper.

Errata applied
--------------
None.
"""

import dendrosim as ds
from dendrosim.mechanisms import bursting_cell

MEMBRANES = """
dsoma/dt = -(soma - e_leak)/tau_soma + {soma}/c_soma         : volt (unless refractory)
dapical/dt = -(apical - e_leak)/tau_apical + {apical}/c_apical : volt
"""
RECEIVED = """
dreceived_soma/dt = -received_soma/tau_synapse  : amp   # fed by pathways
dreceived_apical/dt = -received_apical/{apical} : amp   # fed by pathways
"""
THRESHOLD = "soma > v_threshold"


class Parameters(bursting_cell.BurstingCell, ds.Parameters):
    cells: int = ds.parameter(1, "number of cells")
    bap_delay: ds.Quantity = ds.parameter("0.5 ms", "time a spike takes to the dendrite", least=0)
    t_refractory: ds.Quantity = ds.parameter("3 ms", "refractory period of the soma", least=0)
    tau_synapse: ds.Quantity | None = ds.parameter(
        None, "decay of synaptic currents (default: the cell has no synapses)", unit="ms", above=0
    )
    tau_synapse_apical: ds.Quantity | None = ds.parameter(
        None,
        "decay of synaptic currents into the apical dendrite (default: tau_synapse)",
        unit="ms",
        above=0,
    )
    variant = ds.removed(
        "for variant=conductance use the model pyramidal_burst_conductance; for variant=current leave it out"
    )
    tau_exc = tau_inh = e_exc = e_inh = tau_threshold = threshold_jump = v_drive = ds.removed(
        "it is a parameter of the model pyramidal_burst_conductance"
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return one population `pyramidal`."""
    if p.tau_synapse is None and p.tau_synapse_apical is not None:
        raise ds.errors.ParameterError(
            f"tau_synapse_apical is {p.tau_synapse_apical}, but the cell has no synapses; give tau_synapse, too"
        )
    total = {"soma": "into_soma", "apical": "into_apical"}
    if p.tau_synapse is not None:
        total = {name: f"({current} + received_{name})" for name, current in total.items()}
    slow = "tau_synapse" if p.tau_synapse_apical is None else "tau_synapse_apical"
    synapses = "" if p.tau_synapse is None else RECEIVED.format(apical=slow)
    cell = ds.Population(
        "pyramidal",
        p.cells,
        MEMBRANES.format(**total) + bursting_cell.cell_equations(p) + synapses,
        inputs=bursting_cell.cell_inputs(p),
        initial=bursting_cell.resting_voltages(p),
        threshold=THRESHOLD,
        events=bursting_cell.cell_events(p, THRESHOLD),
        reset=bursting_cell.RESET,
        refractory="t_refractory",
    )
    return ds.Circuit((cell,), parameters=p.with_values(**bursting_cell.basal_defaults(p)))
