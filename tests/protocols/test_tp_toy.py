"""Two weights that learn by target propagation and back-propagation."""

import numpy as np
import pytest

import dendrosim as ds


def measured(**parameters):
    return ds.measure(
        ds.run(ds.load_protocol("tp_toy", **parameters), "numpy", progress=False)
    ).metrics


def test_paths_of_a_linear_network_are_those_of_the_closed_form():
    """Target propagation goes straight, with a factor of 0.2 a step; back-propagation by singular directions."""
    found = measured(trials=6, samples=20, data_seed=3)
    assert all(error < 1e-9 for error in found["step_error"].values())
    assert found["final_distance"]["tp"] == pytest.approx(0.2**6, rel=1e-6)
    assert found["steps"]["tp"] == found["steps"]["modified"] == 3  # 0.2^3 = 0.008
    assert np.isnan(found["steps"]["bp"])


def test_with_a_nonlinear_hidden_layer_the_modified_step_is_the_fastest():
    """The thesis: the slopes of the layer slow target propagation down, and the modified step undoes this."""
    found = measured(transfer="leaky_relu", trials=12, samples=60)
    assert found["steps"]["modified"] < found["steps"]["tp"]
    assert found["final_distance"]["tp"] < 0.05
