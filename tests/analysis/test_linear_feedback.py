"""Closed forms of linear networks with feedback weights: quadratures, limits, and numbers of an exact solution."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dendrosim.analysis.linear_feedback import (
    error_rate,
    final_weights,
    forward_weights,
    time_to_error,
)
from dendrosim.errors import ParameterError

EPS = (0.0, 0.25, 0.5, 1.0)


def two_layers(eps, start, target):
    """Rate at the end and t(1%) from the solution with two layers, in hyperbolic functions of phi."""
    root = np.sqrt(eps)

    def product(phi):
        return start**2 / eps**1.5 * np.sinh(root * phi) * (np.cosh(root * phi) - 1)

    def fallen(t, phi):
        return 0.99 * target - product(phi[0])

    fallen.terminal = True
    solved = solve_ivp(
        lambda t, phi: target - product(phi), (0, 100), [0.0], rtol=1e-12, atol=1e-13, events=fallen
    )
    # at the end l_1^4 - 2 R T l_1 - eps T^2 = 0
    roots = np.roots([1, 0, 0, -2 * start * target, -eps * target**2])
    first = max(z.real for z in roots if abs(z.imag) < 1e-12)
    return 1.5 * first**2 + eps / 2 * (target / first) ** 2, solved.t_events[0][0]


@pytest.mark.parametrize(("start", "target"), [(0.1, 0.9), (0.3, 2.0), (1.5, 0.4)])
@pytest.mark.parametrize("eps", EPS[1:])
def test_two_layers_are_hyperbolic_functions(eps, start, target):
    rate, time = two_layers(eps, start, target)
    assert error_rate([start], target, eps) == pytest.approx(rate, rel=1e-10)
    assert time_to_error(0.01, [start], target, eps) == pytest.approx(time, rel=1e-7)


@pytest.mark.parametrize(("start", "target"), [(0.1, 0.9), (0.7, 2.0)])
def test_two_layers_with_fixed_feedback(start, target):
    end = (2 * start * target) ** (1 / 3)
    u = 0.99 ** (1 / 3)
    angle = (np.arctan((2 * u + 1) / np.sqrt(3)) - np.pi / 6) / np.sqrt(3)
    time = 2 / end**2 * (-np.log(1 - u) / 3 + np.log(1 + u + u**2) / 6 + angle)
    assert time_to_error(0.01, [start], target, 0.0) == pytest.approx(time, rel=1e-9)
    assert error_rate([start], target, 0.0) == pytest.approx(1.5 * end**2, rel=1e-10)


def test_worked_examples():
    rates = [error_rate([0.1], 0.9, eps) for eps in EPS]
    assert rates == pytest.approx([0.478196, 1.048227, 1.393680, 1.899262], abs=5e-7)
    times = [time_to_error(0.01, [0.1], 0.9, eps) for eps in EPS]
    assert times == pytest.approx([14.96, 8.79, 7.17, 5.71], abs=5e-3)
    deeper = [time_to_error(0.01, [0.1, 0.05], 0.8, eps) for eps in EPS]
    assert deeper == pytest.approx([142.2, 57.3, 46.3, 37.2], abs=0.05)
    last = [final_weights([0.1, 0.05], 0.8, eps)[-1] for eps in EPS]
    assert last == pytest.approx([3.74, 1.54, 1.17, 0.87], abs=5e-3)


def test_four_layers_follow_their_differential_equation():
    feedback, target, eps = [0.4, 0.3, 0.2], 0.7, 0.6

    def flow(t, weights):
        down = np.array(feedback) + eps * weights[1:]
        error = target - np.prod(weights)
        return [error * np.prod(down[i:]) * np.prod(weights[:i]) for i in range(4)]

    time = time_to_error(0.03, feedback, target, eps)
    weights = solve_ivp(flow, (0, time), np.zeros(4), rtol=1e-11, atol=1e-13).y[:, -1]
    assert 1 - np.prod(weights) / target == pytest.approx(0.03, rel=1e-6)
    assert weights == pytest.approx(forward_weights(weights[0], feedback, eps), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1.0, [0.1], 0.9, 1.0), "part is 1"),
        ((0.01, [], 0.9, 1.0), "feedback is"),
        ((0.01, [0.1, 0.0], 0.9, 1.0), "feedback is"),
        ((0.01, [0.1], -0.9, 1.0), "target is"),
        ((0.01, [0.1], 0.9, -1.0), "eps is -1"),
    ],
)
def test_values_out_of_range_are_refused(arguments, words):
    with pytest.raises(ParameterError, match=words):
        time_to_error(*arguments)
