"""Networks whose feedback learns: updates in the null space, and angles to Gauss-Newton targets."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import DendrosimError, ParameterError


def measured(seed=0, **parameters):
    protocol = ds.load_protocol("tp_feedback", data_seed=seed, **parameters)
    return ds.measure(
        ds.run(protocol, parameters.pop("backend", "numpy"), seed=seed, progress=False)
    )


def test_every_part_of_a_gradient_changes_the_output():
    """dL/dW is a combination of the rows of dh_L/dW, so nothing of it is in the null space."""
    found = measured(methods=("backprop",), presentations=12, sizes=(4, 5, 4, 2)).metrics[
        "backprop"
    ]
    assert np.all(found["null_space"] < 1e-10)
    assert np.all(found["angle_gradient"] < 1e-4)  # degrees; the circuit settles to 1e-4
    assert not found["diverged"]


def test_part_of_an_update_by_untrained_feedback_does_not_change_the_output():
    """The part of a vector in a space of n - 2 of n dimensions, for feedback that knows nothing of the network."""
    found = measured(
        methods=("dtp",), presentations=15, pretraining=0, sizes=(4, 6, 6, 2), eta="0.01 Hz", eta_q="1e-9 Hz",
    ).metrics["dtp"]  # fmt: skip
    assert np.all(found["null_space"][:-1] > 0.3)
    assert found["null_space"][-1] < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(6, 8, 8, 3), (6, 8, 8, 8, 8, 3)])
def test_feedback_by_the_difference_loss_points_at_gauss_newton_targets_more_than_dtp(sizes):
    """Figures 2 and 4b of Meulemans et al., on seeds that chose no parameter; at most one of five may differ."""
    methods, claims = ("dtp", "dtpdrl", "ddtp_linear"), []
    for seed in range(101, 106):
        protocol = ds.load_protocol("tp_feedback", sizes=sizes, methods=methods, data_seed=seed)
        metrics = ds.measure(ds.run(protocol, "cpp", seed=seed, progress=False)).metrics
        assert not any(metrics[m]["diverged"] for m in methods)
        claims.append([metrics["claim_null_space"], metrics["claim_angles"]])
    assert np.all(np.sum(claims, axis=0) >= 4)


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        ((), ParameterError, "at least one method"),
        (("dtp", "dtp"), ParameterError, "none twice"),
        (("dtp", "tdp"), DendrosimError, "methods"),
    ],
)
def test_methods_that_do_not_exist_or_repeat_are_refused(methods, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("tp_feedback", methods=methods)


def test_a_network_without_hidden_layers_is_refused():
    with pytest.raises(ParameterError, match="at least one layer between input and output"):
        ds.load_protocol("tp_feedback", sizes=(4, 3))
