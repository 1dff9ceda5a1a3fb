"""Maps of stability against closed forms."""

import continuation_flows as flows
import numpy as np
import pytest

from dendrosim.analysis.bmvr_flow import critical_tau_ratio
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.stability.stability_map import stability_map

WEIGHTS = [2.0, 0.5, 1.5]


def test_stability_of_a_chain_over_mu_and_gain_is_that_of_its_closed_spectrum():
    mus, gains = np.linspace(0.1, 0.9, 9), np.linspace(-1.0, 6.1, 8)
    flow = flows.Chain(WEIGHTS, 0.1, 1.0)
    found = stability_map(flow, {"mu": mus}, {"gain": gains})
    mu, gain = np.meshgrid(mus, gains, indexing="ij")
    cosine = np.cos(np.pi / 4)
    growth = -1 + 2 * np.sqrt(mu * (1 - mu) * np.maximum(gain, 0)) * cosine
    np.testing.assert_allclose(found.abscissa, growth / flow.tau, atol=1e-7)
    np.testing.assert_array_equal(found.verdicts == "stable", growth < 0)
    np.testing.assert_array_equal(found.unstable, growth > 0)
    assert not found.failures
    assert found.message == f"{np.sum(growth < 0)} of 72 points are stable"
    for i, j in np.ndindex(mu.shape):
        there = flow.at("mu", mu[i, j]).at("gain", gain[i, j])
        np.testing.assert_allclose(there.f(found.states[i, j]), 0, atol=1e-8)


def test_one_equilibrium_is_followed_from_neighbour_to_neighbour():
    flow = flows.Pitchfork([-1.0, 0.5], p=2.0, c=0.0, cubic=1.0)
    ps, cubics = np.linspace(2.0, 4.0, 9), np.linspace(1.0, 4.0, 7)
    found = stability_map(flow, {"p": ps}, {"cubic": cubics})
    expected = -np.sqrt((ps[:, None] - 1) / cubics)
    np.testing.assert_allclose(found.states[..., 0], expected, atol=1e-9)
    assert np.all(found.verdicts == "stable")


def test_zero_modes_of_symmetries_do_not_count():
    flow = flows.Regression([0.9, 0.5], 2)
    taus, rhos = np.linspace(2.0, 20.0, 7), np.array([0.5, 1.0, 3.0])
    found = stability_map(flow, {"tau": taus}, {"rho": rhos})
    critical = np.array([critical_tau_ratio(np.array([0.9, 0.5]), 2, rho) for rho in rhos])
    np.testing.assert_array_equal(found.verdicts == "stable", taus[:, None] < critical)
    np.testing.assert_array_equal(found.unstable, taus[:, None] > critical)


def test_without_a_fixed_point_the_map_is_nan_and_has_the_reason():
    class Tilted(flows.SmallFlow):
        """x' = p - q + exp(x)."""

        def f(self, x):
            return self.p - self.q + np.exp(x)

        def jacobian(self, x):
            return np.array([[np.exp(x[0])]])

        def dp(self, x):
            return {"p": [1.0], "q": [-1.0]}

    ps = np.array([-2.0, -1.0, 1.0, 2.0])
    found = stability_map(Tilted([0.0], p=0.0, q=0.0), {"p": ps}, {"q": [0.0, 1.5]})
    missing = ps[:, None] >= np.array([0.0, 1.5])
    np.testing.assert_array_equal(np.isnan(found.abscissa), missing)
    np.testing.assert_array_equal(found.verdicts == "", missing)
    assert set(found.failures) == set(zip(*np.nonzero(missing), strict=True))
    assert found.failures[2, 0].startswith("p = 1, q = 0: no fixed point found")
    np.testing.assert_allclose(
        found.abscissa[~missing], (np.array([0, 1.5]) - ps[:, None])[~missing]
    )
    assert found.message == "0 of 8 points are stable; no equilibrium found at 3"


def test_a_map_as_labelled_arrays():
    found = stability_map(
        flows.Chain(WEIGHTS, 0.1, 1.0), {"mu": [0.1, 0.2]}, {"gain": [1.0, 2.0, 3.0]}
    )
    data = found.to_xarray()
    assert data["abscissa"].dims == ("mu", "gain")
    assert data["states"].dims == ("mu", "gain", "state")
    assert float(data["abscissa"].sel(mu=0.2, gain=3.0)) == found.abscissa[1, 2]


def test_arguments_that_cannot_be_mapped_are_refused():
    flow = flows.Chain(WEIGHTS, 0.1, 1.0)
    with pytest.raises(
        UnknownNameError, match="unknown parameter of the equations 'gian'; did you mean 'gain'"
    ):
        stability_map(flow, {"mu": [0.1]}, {"gian": [1.0]})
    with pytest.raises(ParameterError, match="both axes of the map are mu"):
        stability_map(flow, {"mu": [0.1]}, {"mu": [0.2]})
    with pytest.raises(ParameterError, match="values of mu must be a row of finite numbers"):
        stability_map(flow, {"mu": [np.nan]}, {"gain": [1.0]})
    with pytest.raises(ParameterError, match=r"values of mu is .*give numbers"):
        stability_map(flow, {"mu": ["a"]}, {"gain": [1.0]})
    with pytest.raises(ShapeError, match="point must be 3 numbers"):
        stability_map(flow, {"mu": [0.1]}, {"gain": [1.0]}, point=[1.0])
    with pytest.raises(ParameterError, match=r"one name and its values, .* not {}"):
        stability_map(flow, {}, {"gain": [1.0]})
