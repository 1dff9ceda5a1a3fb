"""Trajectories against closed forms, by every method, and how they end."""

import importlib.util

import continuation_flows
import flows
import numpy as np
import pytest
import scipy.sparse as sp

import dendrosim as ds
from dendrosim.errors import (
    ExtraMissingError,
    ParameterError,
    ShapeError,
    UnitError,
    UnknownNameError,
)
from dendrosim.stability.trajectories.integrators import METHODS

TURNING = np.array([[-1.0, 20.0], [-20.0, -1.0]])
INSTALLED = importlib.util.find_spec("sksundae") is not None


def turned(times):
    """Return exp(A t) (1, 0) for `TURNING`, shape (m, 2)."""
    return np.exp(-times)[:, None] * np.stack([np.cos(20 * times), -np.sin(20 * times)], axis=1)


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_flow_follows_its_closed_form(method):
    if method == "CVODE" and not INSTALLED:
        pytest.skip("scikit-sundae is not installed")
    flow = flows.linear(TURNING, np.zeros(2), start=[1.0, 0.0])
    times = np.linspace(0.1, 2.0, 7)
    course = ds.trajectory(flow, "2 s", method, times=times, events={"up": "x[0] > 0"})
    np.testing.assert_array_equal(course.times, times)
    np.testing.assert_allclose(course.states, turned(times), atol=2e-5)
    rises = (np.arange(6) + 0.75) * 2 * np.pi / 20  # cos(20 t) rises through zero
    np.testing.assert_allclose(course.events["up"], rises, atol=1e-5)
    np.testing.assert_allclose(course.event_states["up"][:, 0], 0.0, atol=1e-5)
    assert course.completed
    assert course.message.startswith("reached 2 s in")


def test_steps_of_the_method_begin_at_the_start_and_end_at_the_duration():
    course = ds.trajectory(flows.linear(TURNING, np.zeros(2), start=[1.0, 0.0]), "1 s")
    assert (course.times[0], course.times[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(course.states, turned(course.times), atol=1e-6)
    np.testing.assert_allclose(course.final, course.states[-1])
    data = course.to_xarray()
    np.testing.assert_array_equal(data["states"].sel(state="x[0]"), course["x[0]"])


def test_a_stiff_flow_takes_few_evaluations():
    """Van der Pol's oscillator with mu = 1000 rests on one branch for (3/2 - ln 2) mu units of time."""
    mu = 1000.0
    flow = flows.Formula(
        lambda x: np.array([x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]]),
        lambda x: np.array([[0.0, 1.0], [-2 * mu * x[0] * x[1] - 1, mu * (1 - x[0] ** 2)]]),
        [2.0, 0.0],
    )
    course = ds.trajectory(flow, "2000 s", events={"jump": "x[0] < 0"}, stop_at="jump")
    assert course.completed
    assert course.message.startswith("ended by the event 'jump' at 8")
    assert course.events["jump"][0] == pytest.approx((1.5 - np.log(2)) * mu, rel=0.01)
    assert course.evaluations < 1500


def test_a_large_sparse_flow_is_integrated_with_its_sparse_jacobian():
    n = 400
    rates = -np.geomspace(1.0, 1e6, n)
    matrix = sp.diags_array(rates).tocsc()
    course = ds.trajectory(flows.linear(matrix, np.zeros(n), start=np.ones(n)), "1 s")
    assert course.method == "BDF"
    np.testing.assert_allclose(course.final, np.exp(rates), atol=1e-5)


def test_a_solution_that_grows_beyond_all_bounds_ends_where_it_does():
    """x' = x² from x = 1 is 1/(1 - t)."""
    flow = flows.Formula(lambda x: x**2, lambda x: np.diag(2 * x), [1.0])
    for method in ("auto", "BDF", "DOP853"):
        course = ds.trajectory(flow, "3 s", method)
        assert not course.completed
        assert "grows beyond all bounds" in course.message
        assert course.times[-1] == pytest.approx(1.0, abs=1e-3)


def test_a_circuit_takes_start_values_by_name_and_levels_with_units():
    cell = ds.Population(
        "cell", 1, "dv/dt = (drive - v)/tau : volt\ndrive : volt", inputs=["drive"]
    )
    circuit = ds.Circuit((cell,), parameters={"tau": "20 ms"})
    field = ds.vector_field(circuit, inputs={"cell.drive": "10 mV"})
    course = ds.trajectory(
        field,
        "100 ms",
        start={"cell.v": 2e-3},
        events={"half": "cell.v[0] > 6 mV", "same": lambda x: x[0] - 6e-3},
    )
    np.testing.assert_allclose(course.final, 10e-3 - 8e-3 * np.exp(-5), rtol=1e-6)
    for name in ("half", "same"):
        np.testing.assert_allclose(course.events[name], 20e-3 * np.log(2), rtol=1e-6)
    with pytest.raises(UnitError, match="half"):
        ds.trajectory(field, "1 ms", events={"half": "cell.v[0] > 6 pA"})


def test_arguments_that_cannot_be_integrated_are_refused():
    flow = continuation_flows.Fold([1.0, 1.0], p=1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'LSODA'"):
        ds.trajectory(flow, "1 s", "LSODE")
    with pytest.raises(UnitError, match="duration"):
        ds.trajectory(flow, 1.0)
    with pytest.raises(ShapeError, match="2 numbers"):
        ds.trajectory(flow, "1 s", start=[1.0])
    with pytest.raises(ParameterError, match="times must ascend from 0"):
        ds.trajectory(flow, "1 s", times=[0.5, 2.0])
    with pytest.raises(ParameterError, match="tolerance"):
        ds.trajectory(flow, "1 s", tolerance=0.0)
    with pytest.raises(ParameterError, match=r"event 'up' is 'x\[0\]'; give a text"):
        ds.trajectory(flow, "1 s", events={"up": "x[0]"})
    with pytest.raises(UnknownNameError, match="state of the vector field"):
        ds.trajectory(flow, "1 s", events={"up": "y > 1"})
    with pytest.raises(UnknownNameError, match="event"):
        ds.trajectory(flow, "1 s", stop_at="up")
    with pytest.raises(ParameterError, match="vector field"):
        ds.trajectory(1, "1 s")


@pytest.mark.skipif(INSTALLED, reason="scikit-sundae is installed")
def test_without_scikit_sundae_the_error_says_what_to_install():
    with pytest.raises(ExtraMissingError, match=r"dendrosim\[sundials\]"):
        ds.trajectory(continuation_flows.Fold([1.0, 1.0], p=1.0), "1 s", "CVODE")
