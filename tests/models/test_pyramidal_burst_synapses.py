"""Synaptic currents of the bursting pyramidal cell: one time constant for each compartment."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError

DT, STEPS = 0.1e-3, 50


@pytest.mark.parametrize(("apical", "tau"), [(None, 5e-3), ("100 ms", 100e-3)])
def test_synaptic_currents_decay_with_the_time_constants_of_their_compartments(apical, tau):
    circuit = ds.load_circuit("pyramidal_burst", tau_synapse="5 ms", tau_synapse_apical=apical)
    (cell,) = circuit.populations
    start = {**cell.initial, "received_soma": "30 pA", "received_apical": "20 pA"}
    circuit = circuit.replace(populations=(cell.replace(initial=start),))
    protocol = ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("run", f"{STEPS * DT!r} s"),)),),
        dt=f"{DT!r} s",
        recordings=(ds.Recording("pyramidal.*", every=f"{DT!r} s"),),
    )
    result = ds.run(protocol, backend="numpy")
    soma, dendrite, voltage = (
        result[f"pyramidal.{n}"].values[:, 0]
        for n in ("received_soma", "received_apical", "apical")
    )
    steps = np.arange(STEPS)
    np.testing.assert_allclose(soma, 30e-12 * (1 - DT / 5e-3) ** steps, rtol=1e-12)
    np.testing.assert_allclose(dendrite, 20e-12 * (1 - DT / tau) ** steps, rtol=1e-12)
    # In the first step the dendrite is at rest, where only the plateau and the synapses drive it.
    plateau = 1200e-12 / (1 + np.exp(32 / 6))
    assert voltage[1] == pytest.approx(-70e-3 + DT * (plateau + 20e-12) / 170e-12, rel=1e-12)


def test_a_time_constant_of_the_dendrite_alone_is_refused():
    with pytest.raises(ParameterError, match="the cell has no synapses; give tau_synapse, too"):
        ds.load_circuit("pyramidal_burst", tau_synapse_apical="100 ms")
