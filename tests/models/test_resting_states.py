"""The resting state of a cell, found by the analysis of its equations, is where a long simulation ends."""

import numpy as np
import pytest

import dendrosim as ds

RESTING = [
    ("pyramidal_passive", {}, {"current_soma": "100 pA", "current_apical": "-50 pA"}, 2.0),
    ("pyramidal_burst", {}, {"current_soma": "100 pA", "current_apical": "30 pA"}, 5.0),
    ("pyramidal_burst_conductance", {}, {"current_soma": "50 pA"}, 5.0),
    ("pyramidal_ca", {}, {"current_soma": "50 pA", "current_apical": "50 pA"}, 8.0),
    ("sst", {}, {"current": "10 pA"}, 8.0),
]


@pytest.mark.parametrize(("model", "settings", "currents", "seconds"), RESTING)
def test_resting_state_is_where_a_long_simulation_ends(model, settings, currents, seconds):
    circuit = ds.load_circuit(model, **settings)
    name = circuit.populations[0].name
    drives = {f"{name}.{variable}": current for variable, current in currents.items()}
    point = ds.fixed_point(ds.vector_field(circuit, inputs=drives, subthreshold=True))
    assert point.stable
    block = ds.Block("rest", (ds.Phase("rest", f"{seconds} s"),))
    result = ds.run(ds.Protocol(circuit, (block,), dt="0.1 ms", signals=drives))
    units = {
        label.partition("[")[0]: u
        for label, u in zip(point.flow.labels, point.flow.units, strict=True)
    }
    voltages = [path for path, u in units.items() if u == "V"]
    assert voltages
    for path in point.state:
        tolerance = 1e-6 if path in voltages else 1e-4 * abs(point.state[path]).max() + 1e-14
        assert np.abs(result.state[path][:, 0] - point.state[path]).max() < tolerance, path
