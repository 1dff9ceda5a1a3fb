"""Curves of folds and Hopf points in two parameters against closed forms."""

import continuation_flows
import curve_flows
import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError, UnknownNameError

MORRIS_LECAR = """
dv/dt = (current - 4*m*(v - 120) - 8*w*(v + 84) - 2*(v + 60))/(20*tau) : 1
dw/dt = phi*(0.5*(1 + tanh((v - 12)/17.4)) - w)*cosh((v - 12)/34.8)/tau : 1
m = 0.5*(1 + tanh((v + 1.2)/18)) : 1
"""


def bifurcation(flow, kind, start, stop, name="a"):
    """Return the first bifurcation of a kind on the branch from the flow's start."""
    branch = ds.continuation(flow, name, start, stop)
    return next(b for b in branch.bifurcations if b.kind == kind)


def special(curve):
    """Return the parameters of the special points by kind; each kind may occur once."""
    kinds = [s.kind for s in curve.special]
    assert len(set(kinds)) == len(kinds)
    return {s.kind: s.values for s in curve.special}


def bogdanov_takens(b):
    """Return the normal form at the fixed point x = 0.1 where a = -0.1 b - 0.01."""
    return curve_flows.BogdanovTakens([0.1, 0.0], a=-0.1 * b - 0.01, b=b)


def test_folds_meet_in_a_cusp():
    flow = curve_flows.Cusp([-1.3247179572447460] * 2, a=-1.0, b=1.0)
    curve = ds.curve(bifurcation(flow, "fold", -1.0, 1.0), "b", -0.5, 2.0)
    x, (a, b) = curve.states[:, 0], curve.values.T
    assert np.allclose(b, 3 * x**2, atol=1e-9)
    assert np.allclose(a, -2 * x**3, atol=1e-9)
    assert list(special(curve)) == ["cusp"]
    assert np.max(np.abs(special(curve)["cusp"])) < 1e-8
    assert x.min() == pytest.approx(-np.sqrt(2 / 3))
    assert x.max() == pytest.approx(np.sqrt(2 / 3))
    assert curve.message.count("reached a =") == 2
    assert "b = 2" in curve.message
    assert np.all(curve.frequency == 0.0)
    assert np.all(np.isnan(curve.lyapunov_coefficient))


def test_folds_pass_a_bogdanov_takens_point():
    flow = curve_flows.BogdanovTakens([-1.0, 0.0], a=0.0, b=1.0)
    curve = ds.curve(bifurcation(flow, "fold", 0.0, 1.0), "b", -0.7, 1.5)
    assert np.allclose(curve.values[:, 0], curve.values[:, 1] ** 2 / 4, atol=1e-9)
    assert list(special(curve)) == ["bogdanov-takens"]
    assert np.max(np.abs(special(curve)["bogdanov-takens"])) < 1e-8


def test_hopf_points_end_at_a_bogdanov_takens_point():
    flow = bogdanov_takens(-1.0)
    curve = ds.curve(bifurcation(flow, "hopf", 0.09, -0.5), "b", -1.8, 0.6)
    a, b = curve.values.T
    assert np.allclose(a, 0.0, atol=1e-9)
    assert np.allclose((2 * np.pi * curve.frequency) ** 2, -b, atol=1e-8)
    assert list(special(curve)) == ["bogdanov-takens"]
    assert np.max(np.abs(special(curve)["bogdanov-takens"])) < 1e-8
    assert "meets a curve of folds (Bogdanov-Takens)" in curve.message


def test_special_points_of_a_hopf_curve():
    flow = curve_flows.Pairs(np.zeros(5), a=-0.5, b=-1.0)
    curve = ds.curve(bifurcation(flow, "hopf", -0.5, 0.4), "b", -1.1, 0.93)
    expected = {"zero-hopf": -0.3, "bautin": 0.0, "double-hopf": 0.4}
    assert list(special(curve)) == list(expected)
    for kind, values in special(curve).items():
        assert np.allclose(values, [0.0, expected[kind]], atol=1e-8), kind
    assert np.allclose(curve.lyapunov_coefficient, 2 * curve.values[:, 1], atol=1e-6)
    assert np.allclose(curve.frequency, 1 / (2 * np.pi))


def test_folds_with_a_pair_on_the_imaginary_axis():
    flow = curve_flows.FoldWithPair([1.0, 0.0, 0.0], a=1.0, b=-0.5)
    curve = ds.curve(bifurcation(flow, "fold", 1.0, -1.0), "b", -0.7, 0.6)
    assert list(special(curve)) == ["zero-hopf"]
    assert np.max(np.abs(special(curve)["zero-hopf"])) < 1e-8


def test_hopf_curve_of_fitzhugh_nagumo_joins_both_hopf_points():
    flow = curve_flows.FitzHughNagumo([-1.1994, -0.6243], current=0.0, epsilon=0.08)
    lower = bifurcation(flow, "hopf", 0.0, 1.0, "current")
    curve = ds.curve(lower, "epsilon", 0.02, 2.0)
    (current, epsilon), v = curve.values.T, curve.states[:, 0]
    assert np.allclose(v**2, 1 - 0.8 * epsilon, atol=1e-8)
    assert np.allclose(current, (v + 0.7) / 0.8 - v + v**3 / 3, atol=1e-8)
    omega = np.sqrt(epsilon * (1 - 0.64 * epsilon))
    assert np.allclose(2 * np.pi * curve.frequency, omega, atol=1e-8)
    assert v.min() < -0.99
    assert v.max() > 0.99
    assert epsilon.max() == pytest.approx(1.25, abs=1e-2)
    # l1 is a positive multiple of 2 v² 0.8 epsilon/omega² - 1, which vanishes at epsilon = 0.6/0.8².
    assert [s.kind for s in curve.special] == ["bautin", "bautin"]
    assert np.allclose([s.values[1] for s in curve.special], 0.9375, atol=1e-8)
    known = 1.6 * v**2 * epsilon / omega**2 - 1
    assert np.all(np.sign(curve.lyapunov_coefficient) == np.sign(known))
    data = curve.to_xarray()
    assert data["value"].sizes == {"point": len(curve), "parameter": 2}
    assert list(data["parameter"].values) == ["current", "epsilon"]
    assert "hopf in current and epsilon" in repr(curve)
    assert len(repr(curve)) < 400


def test_a_parameter_that_leaves_the_domain_ends_the_curve():
    class Rooted(curve_flows.FoldWithPair):
        def f(self, x):
            return super().f(x) + np.array([np.sqrt(0.2 - self.b) - np.sqrt(0.7), 0.0, 0.0])

        def dp(self, x):
            found = super().dp(x)
            return {**found, "b": found["b"] - np.array([0.5 / np.sqrt(0.2 - self.b), 0.0, 0.0])}

    fold = bifurcation(Rooted([1.0, 0.0, 0.0], a=1.0, b=-0.5), "fold", 1.0, -1.0)
    curve = ds.curve(fold, "b", -1.0, 0.5)
    assert "not finite" in curve.message or "min_step" in curve.message
    assert curve.values[-1, 1] == pytest.approx(0.2, abs=1e-3)


def test_errors_name_what_cannot_be_followed():
    flow = curve_flows.Cusp([-1.3247179572447460] * 2, a=-1.0, b=1.0)
    fold = bifurcation(flow, "fold", -1.0, 1.0)
    with pytest.raises(ParameterError, match="both are 'a'"):
        ds.curve(fold, "a", 0.0, 1.0)
    with pytest.raises(UnknownNameError, match="nothing"):
        ds.curve(fold, "nothing", 0.0, 1.0)
    with pytest.raises(ParameterError, match="value 1 on the branch"):
        ds.curve(fold, "b", 2.0, 3.0)
    with pytest.raises(ParameterError, match="steps must obey"):
        ds.curve(fold, "b", 0.0, 2.0, step=1.0)
    with pytest.raises(ParameterError, match="give a fold or a Hopf point"):
        ds.curve(flow, "b", 0.0, 2.0)
    pitchfork = continuation_flows.Pitchfork([0.0, 0.0], p=0.0, c=0.0, cubic=1.0)
    point = bifurcation(pitchfork, "branch point", 0.0, 2.0, "p")
    with pytest.raises(ParameterError, match="is a branch point"):
        ds.curve(point, "c", -1.0, 1.0)
    pairs = bifurcation(continuation_flows.Hopf([1.0, 1.0], [3.0, 3.0]), "hopf", 0.0, 2.0, "p")
    pairs.flow.parameters["other"] = 0.0
    with pytest.raises(ParameterError, match="cross together"):
        ds.curve(pairs, "other", -1.0, 1.0)


@pytest.mark.slow
def test_fold_and_hopf_curves_of_morris_lecar_meet():
    cell = ds.Population("m", 1, MORRIS_LECAR)
    circuit = ds.Circuit((cell,), parameters={"tau": "1 ms", "current": -20.0, "phi": 1 / 15})
    field = ds.vector_field(circuit, values={"m.v": -60.0, "m.w": 0.0})
    branch = ds.continuation(field, "current", -20.0, 150.0, point=ds.fixed_point(field))
    low = min((b for b in branch.bifurcations if b.kind == "fold"), key=lambda b: b.value)
    hopf = next(b for b in branch.bifurcations if b.kind == "hopf")
    folds, cycles = (ds.curve(b, "phi", 0.02, 0.6) for b in (low, hopf))
    # phi scales one equation and does not move fixed points, so that folds stay at their current.
    assert np.allclose(folds.values[:, 0], -9.9490, atol=1e-4)
    assert np.allclose(
        special(folds)["bogdanov-takens"], special(cycles)["bogdanov-takens"], atol=1e-8
    )
    assert list(special(cycles)) == ["bautin", "bogdanov-takens"]
