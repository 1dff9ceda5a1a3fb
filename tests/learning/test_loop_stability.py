"""Time steps at which loops among neurons are stable, against Euler steps of matrices written out here."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.errors import ParameterError
from dendrosim.learning.loop_stability import (
    Loop,
    check_loop,
    loop_at_rest,
    loops_at,
    read_loop,
    worst_loop,
)

TAU, G = 10e-3, 2.5
NET = {"sizes": (2, 4, 3), "form": "current", "g_apical": G, "transfer": "tanh", "symmetric": True}


def matrix_of(circuit, slopes=1.0):
    """The flow of both layers of voltages, linear, with the slopes of rates of layer 1."""
    w = draw_start_value(circuit, "w2", (3, 4), 0)
    corner = -np.eye(4) - G * w.T @ w * slopes
    return np.block([[corner, G * w.T], [w * slopes, -np.eye(3)]]) / TAU


def grown(a, dt, steps=4000):
    """How much Euler steps multiply a vector in the end, per step."""
    x = np.random.default_rng(0).normal(size=len(a))
    for _ in range(steps):
        x = x + dt * (a @ x)
        size = np.linalg.norm(x)
        x /= size
    return size


def test_the_largest_step_is_that_from_which_euler_steps_grow():
    circuit = ds.load_circuit("dendritic_predictive", **NET)
    a, loop = matrix_of(circuit), loop_at_rest(circuit, {})
    assert loop.largest_step < 1.5 * TAU  # a compartment by itself is stable below 2 tau
    assert grown(a, 0.98 * loop.largest_step) < 1 < grown(a, 1.02 * loop.largest_step)
    assert loop.slowest == pytest.approx(-np.linalg.eigvals(a).real.max())
    assert loop == loop_at_rest(circuit, {})  # from the cache


def test_loops_at_given_voltages_have_the_slopes_there():
    circuit = ds.load_circuit("dendritic_predictive", **NET)
    voltages = {"layer1.u": np.array([0.5, -1.0, 0.2, 2.0]), "layer2.u": np.zeros(3)}
    rest, there = loops_at(circuit, {}, {}, [voltages])
    expected = read_loop(
        np.linalg.eigvals(matrix_of(circuit, 1 - np.tanh(voltages["layer1.u"]) ** 2))
    )
    assert there.largest_step == pytest.approx(expected.largest_step)
    assert rest == loop_at_rest(circuit, {})
    assert worst_loop([rest, there]).largest_step == min(rest.largest_step, there.largest_step)


def test_what_is_unstable_is_refused_with_the_limit():
    check_loop(Loop(10.0, 1e-3), 0.9e-3, "a smaller gain")
    with pytest.raises(
        ParameterError, match=r"dt is 1 ms, but.* from dt = 1 ms on.*a smaller gain"
    ):
        check_loop(Loop(10.0, 1e-3), 1e-3, "a smaller gain")
    with pytest.raises(ParameterError, match=r"grows at 3 per second; choose a smaller gain"):
        check_loop(read_loop([3.0, -5.0]), 1e-3, "a smaller gain")
