"""Inhibitory STDP: its symmetric window and its loss per presynaptic spike."""

import numpy as np
import pytest
from given_pairs import final_weights

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError


def test_the_window_is_symmetric_above_the_loss_per_spike():
    lags = np.array([-300, -20, 0, 40, 500])
    trains = [([600], [600 + k]) for k in lags] + [([100], [])]
    rule = ds.rules.inhibitory_stdp(weight_max=3, eta=0.02, rate="8 Hz", tau_trace="25 ms")
    change = final_weights({"rule": rule}, trains, 1.0)["rule"] - 1
    expected = 0.02 * (np.append(np.exp(-np.abs(lags) * 1e-4 / 25e-3), 0) - 2 * 8 * 25e-3)
    assert np.allclose(change, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"rate": "-1 Hz"}, ParameterError, "inhibitory_stdp: rate is -1 Hz; it must be positive"),
        ({"rate": "1 ms"}, UnitError, "rate is 0.001 s; it must be a rate"),
        ({"eta": -1}, ParameterError, "eta is -1; it must be at least 0"),
        ({"tau_trace": "0 s"}, ParameterError, "tau_trace"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        ds.rules.inhibitory_stdp(**changes)
