"""Branches of periodic orbits against closed forms, published numbers and an independent integration."""

import continuation_flows
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import dendrosim as ds
from dendrosim.errors import NotConvergedError, ParameterError, UnknownNameError
from dendrosim.stability.vector_field.flow import Flow

LORENZ = """
dx/dt = sigma*(y - x)/tau : 1
dy/dt = (x*(rho - z) - y)/tau : 1
dz/dt = (x*y - beta*z)/tau : 1
"""

FITZHUGH_NAGUMO = """
dv/dt = (v - v**3/3 - w + current)/tau : 1
dw/dt = epsilon*(v + a - b*w)/tau : 1
"""

HODGKIN_HUXLEY = """
dv/dt = (current - 120*m**3*h*(v - 50) - 36*n**4*(v + 77) - 0.3*(v + 54.387))/tau : 1
dn/dt = (0.1/exprel(-(v + 55)/10)*(1 - n) - 0.125*exp(-(v + 65)/80)*n)/tau : 1
dm/dt = (1/exprel(-(v + 40)/10)*(1 - m) - 4*exp(-(v + 65)/18)*m)/tau : 1
dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10)))/tau : 1
"""

MORRIS_LECAR = """
dv/dt = (current - 4*m*(v - 120) - 8*w*(v + 84) - 2*(v + 60))/(20*tau) : 1
dw/dt = (0.5*(1 + tanh((v - 12)/17.4)) - w)*cosh((v - 12)/34.8)/(15*tau) : 1
m = 0.5*(1 + tanh((v + 1.2)/18)) : 1
"""

ROESSLER = """
dx/dt = (-y - z)/tau : 1
dy/dt = (x + a*y)/tau : 1
dz/dt = (b + z*(x - c))/tau : 1
"""


def system(equations, start=None, unit_of_time="1 s", **parameters):
    """Return the vector field of equations without units; `tau` in them is the unit of time."""
    cell = ds.Population("m", 1, equations)
    circuit = ds.Circuit((cell,), parameters={"tau": unit_of_time, **parameters})
    return ds.vector_field(circuit, values={f"m.{n}": v for n, v in (start or {}).items()})


def follow(field, name, start, stop):
    """Return the branch of the fixed point that is found by default at the start."""
    point = ds.fixed_point(field.at(name, start))
    return ds.continuation(field, name, start, stop, point=point)


def hopf_points(branch):
    return [b for b in branch.bifurcations if b.kind == "hopf"]


def test_orbits_of_the_brusselator_from_its_hopf_point():
    flow = continuation_flows.Brusselator([1.0, 1.0], b=1.5)
    (hopf,) = ds.continuation(flow, "b", 1.5, 3.0).bifurcations
    branch = ds.cycles(hopf, "b", 1.5, 3.0)
    assert branch.stable.all()
    assert branch.message == "reached b = 3"
    assert branch.periods[-1] == pytest.approx(7.15692, abs=1e-5)
    assert branch.minimum[-1, 0] == pytest.approx(0.37055, abs=1e-5)
    assert branch.maximum[-1, 0] == pytest.approx(3.75177, abs=1e-5)
    # Close to the point, w' = (alpha + i omega) w + omega l1 w |w|² with alpha = (b - 2)/2.
    assert branch.periods[0] == pytest.approx(2 * np.pi, rel=1e-3)
    assert branch.errors.max() < 1e-7
    data = branch.to_xarray()
    np.testing.assert_array_equal(data["period"], branch.periods)
    assert "<CycleBranch: b = 2.0001 to 3," in repr(branch)
    assert "reached b = 3" in branch._repr_html_()


def test_orbits_in_closed_form_end_at_their_hopf_point():
    """|w|² = -alpha, with the multiplier exp(-2 alpha T) across and exp(-T) along z."""
    flow = continuation_flows.Radial([0.0, 0.0, 0.0], alpha=-0.25)
    (hopf,) = ds.continuation(flow, "alpha", -0.25, 0.25).bifurcations
    branch = ds.cycles(ds.periodic_orbit(flow, hopf), "alpha", -0.25, 0.25)
    assert "shrinks to a fixed point" in branch.message
    np.testing.assert_allclose(branch.periods, 2 * np.pi / 3, rtol=1e-8)
    np.testing.assert_allclose(branch.amplitude[:, 0], np.sqrt(-branch.values), rtol=1e-6)
    across = np.exp(-2 * branch.values * branch.periods)
    np.testing.assert_allclose(branch.multipliers[:, 0].real, across, rtol=1e-6)
    assert not branch.stable.any()


def test_period_doubling_and_the_branch_of_twice_the_period():
    """The first doubling of Rössler's equations with a = b = 0.2 is near c = 2.83."""
    field = system(ROESSLER, {"x": 1.0, "y": 1.0}, a=0.2, b=0.2, c=2.5)
    branch = ds.cycles(ds.periodic_orbit(field), "c", 2.5, 3.2)
    (event,) = branch.events
    assert event.kind == "period doubling"
    assert event.multiplier == pytest.approx(-1.0, abs=1e-6)
    # The monodromy of an independent integration with the equations written out.
    assert np.min(np.abs(roessler_multipliers(event) + 1.0)) < 1e-4
    doubled = ds.cycles(event, "c", 2.5, 3.2)
    assert doubled.periods[0] == pytest.approx(2 * event.period, rel=1e-3)
    assert doubled.stable.all()
    assert doubled.message == "reached c = 3.2"


def roessler_multipliers(event):
    c = event.value

    def rates(t, u):
        x, y, z = u[:3]
        jacobian = np.array([[0, -1, -1], [1, 0.2, 0], [z, 0, x - c]])
        along = jacobian @ u[3:].reshape(3, 3)
        return [-y - z, x + 0.2 * y, 0.2 + z * (x - c), *along.ravel()]

    begin = np.append(event.orbit.states[0], np.eye(3).ravel())
    course = solve_ivp(rates, (0, event.period), begin, "DOP853", rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(course.y[:3, -1], event.orbit.states[0], atol=1e-6)
    return np.linalg.eigvals(course.y[3:, -1].reshape(3, 3))


@pytest.mark.slow
def test_lorenz_orbits_end_at_a_homoclinic_orbit():
    """The unstable orbits of the Hopf point at 24.74 exist down to rho = 13.926 (Sparrow 1982)."""
    field = system(LORENZ, {"x": 5.0, "y": 5.0, "z": 9.0}, sigma=10, beta=8 / 3, rho=10)
    (hopf,) = hopf_points(follow(field, "rho", 10.0, 30.0))
    branch = ds.cycles(hopf, "rho", 10.0, 30.0)
    assert branch.values[-1] == pytest.approx(13.9266, abs=2e-4)
    assert "homoclinic orbit" in branch.message
    assert "1 unstable of 3 eigenvalues" in branch.message
    assert not branch.stable.any()


@pytest.mark.slow
def test_hodgkin_huxley_orbits_between_both_hopf_points():
    """Folds at 6.2649 (Balti, Lanza & Aziz-Alaoui 2018), 7.8466 and 7.9220 with E_L = -54.401 mV.

    The leak adds 0.3 (54.401 - 54.387) = 0.0042 to the current.
    """
    field = system(HODGKIN_HUXLEY, {"v": -65.0}, "1 ms", current=0)
    low, _ = hopf_points(follow(field, "current", 0.0, 200.0))
    branch = ds.cycles(low, "current", 0.0, 200.0)
    folds = [e.value for e in branch.events if e.kind == "fold"]
    np.testing.assert_allclose(np.array(folds) + 0.0042, [7.8466, 7.9220, 6.2649], atol=5e-4)
    assert "Hopf point near current = 154.52" in branch.message
    assert branch.errors.max() < 1e-5


@pytest.mark.slow
def test_morris_lecar_orbits_end_at_a_saddle_node():
    """Class I: the period grows without bound at the fold of the fixed points, 39.9632."""
    field = system(MORRIS_LECAR, {"v": -60.0}, "1 ms", current=0)
    last = hopf_points(follow(field, "current", -20.0, 150.0))[-1]
    branch = ds.cycles(last, "current", -20.0, 150.0)
    assert branch.values[-1] == pytest.approx(39.9632, abs=2e-3)
    assert "the period grows without bound" in branch.message
    assert "saddle node" in branch.message


@pytest.mark.slow
def test_fitzhugh_nagumo_orbits_are_odd_about_the_middle():
    field = system(FITZHUGH_NAGUMO, a=0.7, b=0.8, epsilon=0.08, current=0)
    low, high = hopf_points(follow(field, "current", 0.0, 2.0))
    branch = ds.cycles(low, "current", 0.0, 2.0)
    folds = sorted(e.value for e in branch.events if e.kind == "fold")
    assert folds[0] + folds[-1] == pytest.approx(low.value + high.value, abs=1e-6)
    assert "shrinks to a fixed point" in branch.message


def test_many_states_are_evaluated_at_once_as_one_by_one():
    rng = np.random.default_rng(0)
    circuit = ds.load_circuit("dynamical_tp", sizes=(2, 3, 3), target="clamped")
    field = ds.vector_field(circuit, inputs={"layer0.h": [1.0, 0.5]})
    states = field.start + rng.standard_normal((4, field.size))
    name = next(iter(field.parameters))
    together, alone = field.at_states(states, name), Flow.at_states(field, states, name)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_what_cannot_be_followed_is_refused():
    flow = continuation_flows.Brusselator([1.0, 1.0], b=3.0)
    orbit = ds.periodic_orbit(flow)
    with pytest.raises(UnknownNameError, match="parameter of the equations"):
        ds.cycles(orbit, "nothing", 0.0, 1.0)
    with pytest.raises(ParameterError, match="give two different values"):
        ds.cycles(orbit, "b", 3.0, 3.0)
    with pytest.raises(ParameterError, match="steps must obey"):
        ds.cycles(orbit, "b", 3.0, 4.0, step=0.2, max_step=0.1)
    with pytest.raises(ParameterError, match="give a periodic orbit"):
        ds.cycles(flow, "b", 3.0, 4.0)
    (hopf,) = ds.continuation(
        continuation_flows.Brusselator([1.0, 1.0], b=1.5), "b", 1.5, 3.0
    ).bifurcations
    with pytest.raises(ParameterError, match=r"is not between 2\.5 and 3"):
        ds.cycles(hopf, "b", 2.5, 3.0)
    with pytest.raises(NotConvergedError, match=r"collocation on .* did not converge"):
        ds.cycles(orbit, "b", 0.1, 4.0)
