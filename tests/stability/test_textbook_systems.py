"""Bifurcations of textbook systems, found by default options, against published and closed-form numbers."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.stability.vector_field.flow import Flow


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


BRUSSELATOR = """
dx/dt = (a - (b + 1)*x + x**2*y)/tau : 1
dy/dt = (b*x - x**2*y)/tau : 1
"""

LORENZ = """
dx/dt = sigma*(y - x)/tau : 1
dy/dt = (x*(rho - z) - y)/tau : 1
dz/dt = (x*y - beta*z)/tau : 1
"""

FITZHUGH_NAGUMO = """
dv/dt = (v - v**3/3 - w + current)/tau : 1
dw/dt = epsilon*(v + a - b*w)/tau : 1
"""

# Time is in ms and voltages in mV, as in the sources.
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


def test_brusselator():
    """b = 1 + a², and for a = 1 the coefficient is -1/2 (Kuznetsov 2004, section 3.5, in these variables)."""
    (hopf,) = hopf_points(follow(system(BRUSSELATOR, a=1, b=1), "b", 1.0, 3.0))
    assert hopf.value == pytest.approx(2.0, abs=1e-7)
    assert hopf.frequency == pytest.approx(1 / (2 * np.pi), abs=1e-7)
    assert hopf.lyapunov_coefficient == pytest.approx(-0.5, abs=1e-6)
    assert hopf.criticality == "supercritical"


def test_lorenz():
    """rho = sigma (sigma + beta + 3)/(sigma - beta - 1) = 24.7368, subcritical (Sparrow 1982)."""
    field = system(LORENZ, {"x": 5.0, "y": 5.0, "z": 9.0}, sigma=10, beta=8 / 3, rho=10)
    (hopf,) = hopf_points(follow(field, "rho", 10.0, 30.0))
    assert hopf.value == pytest.approx(470 / 19, abs=1e-6)
    assert hopf.criticality == "subcritical"


def test_fitzhugh_nagumo():
    branch = follow(
        system(FITZHUGH_NAGUMO, a=0.7, b=0.8, epsilon=0.08, current=0), "current", 0.0, 2.0
    )
    low, high = hopf_points(branch)
    assert low.value == pytest.approx(0.331281339, abs=2e-8)
    assert high.value == pytest.approx(1.41871866, abs=2e-8)
    # The cubic is odd about the middle of both points.
    assert low.lyapunov_coefficient == pytest.approx(high.lyapunov_coefficient, rel=1e-5)
    assert low.lyapunov_coefficient == pytest.approx(planar_coefficient(low), rel=1e-5)


def planar_coefficient(hopf):
    """Return l1 of v' = v - v³/3 - w + ..., with w' linear, by Guckenheimer & Holmes (1983), equation 3.4.11.

    Their coordinates u are those of z = T u, whose columns are Re q and -Im q: z = 2 Re(q w) with
    w = (u1 + i u2)/2, so that their coefficient a of r³ is a fourth of that of w |w|², which is omega l1.
    """
    omega = hopf.eigenvalue.imag
    values, vectors = np.linalg.eig(hopf.flow.jacobian(hopf.state))
    q = vectors[:, int(np.argmax(values.imag))]
    columns = np.stack([q.real, -q.imag], axis=1)
    gain, c, v = np.linalg.inv(columns)[:, 0], columns[0], hopf.state[0]

    def second(i, *along):
        return -2 * v * gain[i] * np.prod(c[list(along)])

    def third(i, *along):
        return -2.0 * gain[i] * np.prod(c[list(along)])

    cubic = third(0, 0, 0, 0) + third(0, 0, 1, 1) + third(1, 0, 0, 1) + third(1, 1, 1, 1)
    mixed = (
        second(0, 0, 1) * (second(0, 0, 0) + second(0, 1, 1))
        - second(1, 0, 1) * (second(1, 0, 0) + second(1, 1, 1))
        - second(0, 0, 0) * second(1, 0, 0)
        + second(0, 1, 1) * second(1, 1, 1)
    )
    return 4 * (cubic + mixed / omega) / 16 / omega


def test_hodgkin_huxley():
    """Hopf points at 9.77544 (subcritical) and 154.5224 (supercritical) uA/cm²; Hassard (1978) for the signs."""
    field = system(HODGKIN_HUXLEY, {"v": -65.0}, "1 ms", current=0)
    low, high = hopf_points(follow(field, "current", 0.0, 200.0))
    assert low.value == pytest.approx(9.77544, abs=2e-5)
    assert high.value == pytest.approx(154.5224, abs=2e-4)
    assert (low.criticality, high.criticality) == ("subcritical", "supercritical")


def test_morris_lecar():
    """Class I: folds at -9.9490 and 39.9632, and a Hopf point at 97.7879 (Rinzel & Ermentrout 1998)."""
    field = system(MORRIS_LECAR, {"v": -60.0}, "1 ms", current=0)
    branch = follow(field, "current", -20.0, 150.0)
    folds = sorted(b.value for b in branch.bifurcations if b.kind == "fold")
    np.testing.assert_allclose(folds, [-9.9490, 39.9632], atol=1e-4)
    last = hopf_points(branch)[-1]
    assert last.value == pytest.approx(97.7879, abs=1e-4)
    assert last.criticality == "subcritical"


@pytest.mark.parametrize("slaved", [(), ("pyramidal.*", "interneuron.*")])
def test_third_derivatives_of_plasticity_are_those_of_the_exact_jacobian(slaved):
    rng = np.random.default_rng(1)
    circuit = ds.load_circuit("bmvr", inputs=3, outputs=2)
    data = {"input.x": rng.standard_normal((3, 4)), "target.y": rng.standard_normal((2, 4))}
    compare(ds.vector_field(circuit, inputs=data, unfrozen="*", slaved=slaved, seed=3), rng)


@pytest.mark.parametrize("unfrozen", [(), "*"])
def test_third_derivatives_of_inverses_and_transfer_functions(unfrozen):
    rng = np.random.default_rng(2)
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(2, 2, 2), transfer="smooth_leaky", target="clamped"
    )
    data = {"layer0.h": rng.standard_normal(2)}
    compare(ds.vector_field(circuit, inputs=data, unfrozen=unfrozen, seed=3), rng)


def compare(field, rng):
    """Compare derivatives along a line with differences of the exact Jacobian, relative to the first one."""
    x = field.start + 0.1 * rng.standard_normal(field.size)
    direction = 0.1 * rng.standard_normal(field.size)
    exact = field.directional_derivatives(x, direction)
    differences = Flow.directional_derivatives(field, x, direction)
    size = np.max(np.abs(field.jacobian(x) @ direction))
    for one, other in zip(exact, differences, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8 * size)
    assert np.max(np.abs(exact[0])) > 1e-3 * size
