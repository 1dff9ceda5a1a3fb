"""Conductance synapses on a passive membrane against closed forms."""

import pytest

import dendrosim as ds
from dendrosim.mechanisms.conductance_synapses import (
    ConductanceSynapses,
    synapse_equations,
    synapse_inputs,
)

TAU, E_LEAK = 20e-3, -70e-3


class Table(ConductanceSynapses, ds.Parameters):
    tau: ds.Quantity = ds.parameter("20 ms", "membrane time constant", above=0)
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential of the leak")


def membranes(inputs):
    """Return a circuit of one cell with a synapse on `v` and, with other names, one on `u`."""
    text = (
        "dv/dt = (e_leak - v + synapses)/tau : volt\n"
        "du/dt = (e_leak - u + synapses_far)/tau : volt\n"
    )
    text += synapse_equations("v") + synapse_equations("u", "_far")
    inputs = {**synapse_inputs(), **synapse_inputs("_far"), **inputs}
    start = {"v": "-70 mV", "u": "-70 mV"}
    cell = ds.Population("cell", 1, text, inputs=inputs, initial=start)
    return ds.Circuit((cell,), parameters=Table())


@pytest.mark.parametrize(("exc", "inh"), [(0.0, 0.0), (0.5, 0.0), (0.0, 2.0), (0.7, 1.3)])
def test_backgrounds_hold_the_mean_of_the_reversal_potentials(exc, inh):
    circuit = membranes({"background_exc": exc, "background_inh": inh})
    rest = ds.fixed_point(ds.vector_field(circuit))
    expected = (E_LEAK + exc * 0.0 + inh * -80e-3) / (1 + exc + inh)
    assert rest.state["cell.v"] == pytest.approx(expected, abs=1e-12)
    assert rest.state["cell.u"] == pytest.approx(E_LEAK, abs=1e-12)
    fastest = -(1 + exc + inh) / TAU
    assert min(rest.spectrum.eigenvalues.real) == pytest.approx(min(fastest, -1 / 5e-3), rel=1e-9)
