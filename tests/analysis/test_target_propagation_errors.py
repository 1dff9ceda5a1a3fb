"""Arguments that closed forms of target propagation circuits refuse."""

import numpy as np
import pytest

from dendrosim.analysis.target_propagation import (
    fixed_points,
    layer_signals,
    learning_speed,
    settling,
    spectrum,
)
from dendrosim.errors import ParameterError, ShapeError


@pytest.mark.parametrize("mu", [0.0, 1.0, -0.2, 1.5, np.nan])
def test_mu_lies_between_0_and_1(mu):
    w = [np.eye(2), np.eye(2)]
    calls = [
        lambda: spectrum.eigenvalues(mu, 2),
        lambda: spectrum.slowest_rate(mu, 2, top="free"),
        lambda: spectrum.critical_inverse_scale(mu, 2),
        lambda: settling.settling_time(mu, 2),
        lambda: layer_signals.gains(mu, 2),
        lambda: layer_signals.local_error_factors(mu, 2),
        lambda: layer_signals.local_error_factors_feed_forward(mu, 2),
        lambda: layer_signals.two_phase_factors(mu, 2),
        lambda: layer_signals.nudge_self_consistency(mu, 2, 0.5),
        lambda: fixed_points.fixed_point(w, [1.0, 1.0], [1.0, 1.0], mu),
        lambda: fixed_points.linear_fixed_point(w, w[1:], [1.0, 1.0], [1.0, 1.0], mu),
        lambda: fixed_points.two_phase_difference(w, w[1:], [1.0, 1.0], mu, 0.5),
        lambda: learning_speed.adiabatic_rate(mu, 2, 0.5, 1.0),
        lambda: learning_speed.speed_limit(mu, 2, 0.5),
        lambda: learning_speed.learning_rate_of_error(mu, 2, 0.5, 1.0),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match="mu is"):
            call()


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: spectrum.eigenvalues(0.2, 0), ParameterError, "layers is 0"),
        (lambda: spectrum.eigenvalues(0.2, 2, top="open"), ParameterError, "top is 'open'"),
        (lambda: spectrum.eigenvalues(0.2, 2, nu=np.inf), ParameterError, "nu is inf"),
        (lambda: spectrum.eigenvalues(0.2, 2, top="nudged", eta_hat=0.0), ParameterError, "eta_hat is 0"),
        (lambda: learning_speed.speed_limit(0.2, 2, -1.0), ParameterError, "eta_hat is -1"),
        (lambda: learning_speed.learning_rate_of_error(0.2, 2, 0.5, 0.0), ParameterError, "kappa is 0"),
        (lambda: settling.cascade_time(0), ParameterError, "stages is 0"),
        (lambda: settling.cascade_time(2, 1.0), ParameterError, "left is 1"),
        (lambda: fixed_points.fixed_point([], [1.0], [1.0], 0.2), ShapeError, "one matrix or more"),
        (lambda: fixed_points.fixed_point([np.eye(2)], [1.0], [1.0, 1.0], 0.2), ShapeError, "input"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call, kind, said):
    with pytest.raises(kind, match=said):
        call()


def test_weights_without_an_inverse_and_sizes_that_do_not_fit_are_named():
    x, two = [1.0, 1.0], np.eye(2)
    with pytest.raises(ParameterError, match=r"weights\[1\] has no inverse"):
        fixed_points.fixed_point([two, np.ones((2, 2))], x, x, 0.2)
    with pytest.raises(ShapeError, match=r"weights\[1\] is \(3, 2\); it must be square"):
        fixed_points.fixed_point([two, np.ones((3, 2))], x, [1.0] * 3, 0.2)
    with pytest.raises(ShapeError, match=r"weights\[1\] is \(2, 3\); it must have 2 columns"):
        fixed_points.fixed_point([two, np.ones((2, 3))], x, x, 0.2)
    with pytest.raises(ShapeError, match="feedback is"):
        fixed_points.linear_fixed_point(
            [two, np.ones((3, 2))], [np.ones((3, 2))], x, [1.0] * 3, 0.2
        )
    with pytest.raises(ShapeError, match="e is"):
        fixed_points.two_phase_difference([two, two], [two], [1.0], 0.2, 0.5)


def test_a_marginal_circuit_has_no_fixed_point_of_its_own():
    critical = spectrum.critical_inverse_scale(0.5, 2)
    assert critical == pytest.approx(4.0)
    with pytest.raises(ParameterError, match="marginal"):
        fixed_points.linear_fixed_point([np.eye(1)] * 2, [[[4.0]]], [1.0], [1.0], 0.5)
