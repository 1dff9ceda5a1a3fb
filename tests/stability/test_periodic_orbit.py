"""Periodic orbits against closed forms and published numbers."""

import continuation_flows
import flows
import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError


def van_der_pol(mu, start=(2.0, 0.0)):
    return flows.Formula(
        lambda x: np.array([x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]]),
        lambda x: np.array([[0.0, 1.0], [-2 * mu * x[0] * x[1] - 1, mu * (1 - x[0] ** 2)]]),
        list(start),
    )


def test_van_der_pol_has_its_period_and_multiplier():
    orbit = ds.periodic_orbit(van_der_pol(1.0))
    assert orbit.period == pytest.approx(6.6632868593, abs=1e-9)
    assert orbit.multipliers[0] == pytest.approx(1.0, abs=1e-9)
    assert orbit.multipliers[1].real == pytest.approx(8.59695e-4, abs=1e-9)
    assert orbit.stable
    assert orbit.amplitude["x[0]"] == pytest.approx(2.00861986, abs=1e-6)
    assert "stable periodic orbit of period 6.66328" in orbit.message
    data = orbit.to_xarray()
    np.testing.assert_array_equal(data["states"].sel(state="x[1]"), orbit.states[:, 1])


def test_a_relaxation_oscillation_is_resolved_by_the_mesh():
    assert ds.periodic_orbit(van_der_pol(10.0)).period == pytest.approx(19.07836957, abs=1e-7)


@pytest.mark.parametrize("kind", ["default", "trajectory", "state"])
def test_the_brusselator_far_from_its_hopf_point(kind):
    flow = continuation_flows.Brusselator([1.0, 1.0], b=3.0)
    course = ds.trajectory(flow, "40 s")
    start = {"default": None, "trajectory": course, "state": (course.final, "7.2 s")}[kind]
    orbit = ds.periodic_orbit(flow, start)
    assert orbit.period == pytest.approx(7.15692, abs=1e-5)
    assert orbit.minimum[0] == pytest.approx(0.37055, abs=1e-5)
    assert orbit.maximum[0] == pytest.approx(3.75177, abs=1e-5)
    assert orbit.stable


def test_the_orbit_of_a_supercritical_hopf_point():
    flow = continuation_flows.Brusselator([1.0, 1.0], b=1.5)
    branch = ds.continuation(flow, "b", 1.5, 2.5)
    (hopf,) = branch.bifurcations
    orbit = ds.periodic_orbit(flow.at("b", 2.05), hopf)
    assert orbit.stable
    # The multiplier of movement across a small orbit is exp(-2 alpha T), with alpha = (b - 2)/2.
    assert np.log(orbit.multipliers[1].real) == pytest.approx(-0.05 * orbit.period, rel=0.1)
    with pytest.raises(ParameterError, match="exists on the other side"):
        ds.periodic_orbit(flow.at("b", 1.95), hopf)
    with pytest.raises(ParameterError, match="no amplitude yet"):
        ds.periodic_orbit(hopf.flow, hopf)


def test_an_unstable_orbit_has_its_closed_form():
    flow = continuation_flows.Radial([0.0, 0.0, 0.0], alpha=-0.25)
    (hopf,) = ds.continuation(flow, "alpha", -0.25, 0.25).bifurcations
    assert hopf.criticality == "subcritical"
    orbit = ds.periodic_orbit(flow, hopf)
    period = 2 * np.pi / 3
    assert orbit.period == pytest.approx(period, rel=1e-10)
    expected = [np.exp(0.5 * period), 1.0, np.exp(-period)]
    np.testing.assert_allclose(orbit.multipliers.real, expected, rtol=1e-7)
    np.testing.assert_allclose(np.hypot(orbit.states[:, 0], orbit.states[:, 1]), 0.5, atol=1e-8)
    assert not orbit.stable
    assert "1 multiplier not inside of the unit circle" in orbit.message


def test_searches_that_fail_do_not_say_that_there_is_no_orbit():
    resting = flows.linear(np.array([[-1.0, 2.0], [-2.0, -1.0]]), np.zeros(2), [1.0, 0.0])
    with pytest.raises(NotConvergedError, match="does not show that there is none"):
        ds.periodic_orbit(resting)
    with pytest.raises(NotConvergedError, match="no periodic orbit found"):
        ds.periodic_orbit(resting, ([1.0, 0.0], "3 s"))
    short = ds.trajectory(van_der_pol(1.0), "3 s")
    with pytest.raises(NotConvergedError, match="does not come back to its last state"):
        ds.periodic_orbit(van_der_pol(1.0), short)


def test_starts_that_cannot_be_read_are_refused():
    flow = van_der_pol(1.0)
    with pytest.raises(ParameterError, match="give a Hopf point, a trajectory"):
        ds.periodic_orbit(flow, 3.0)
    with pytest.raises(ShapeError, match="at least four rows of 2"):
        ds.periodic_orbit(flow, ([1.0, 2.0, 3.0], "1 s"))
    with pytest.raises(ParameterError, match="tolerance"):
        ds.periodic_orbit(flow, tolerance=0.0)
    (fold,) = ds.continuation(
        continuation_flows.Fold([1.0, 1.0], p=1.0), "p", 1.0, -1.0
    ).bifurcations
    with pytest.raises(ParameterError, match="start is a fold; periodic orbits begin at Hopf"):
        ds.periodic_orbit(flow, fold)
