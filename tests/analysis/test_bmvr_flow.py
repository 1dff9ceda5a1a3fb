"""Modes of the linearised BMVR flow against finite differences, polynomials and limits by hand."""

import numpy as np
import pytest
import regression_examples as examples

from dendrosim.analysis import bmvr_flow, regression
from dendrosim.errors import ParameterError


def _nearest(expected, found):
    """Largest distance of an expected eigenvalue from its own partner among the found ones."""
    found = list(found)
    worst = 0.0
    for value in expected:
        index = int(np.argmin([abs(value - other) for other in found]))
        worst = max(worst, abs(value - found.pop(index)))
    return worst


def test_critical_ratio_numbers():
    assert bmvr_flow.critical_tau_ratio(np.array([0.9, 0.5]), 2) == pytest.approx(10.3431, abs=5e-5)
    assert bmvr_flow.critical_tau_ratio(np.array([0.9, 0.5]), 1) == np.inf
    assert bmvr_flow.critical_tau_ratio(np.array([0.8, 0.8]), 2) == np.inf
    slow = 1.06 * (1.06 + 0.5) / (0.25 * 0.56**2)
    assert bmvr_flow.critical_tau_ratio(np.array([0.5, 0.9]), 2, rho=0.25) == pytest.approx(slow)
    # the most different pair decides, and units beyond k do not count
    three = bmvr_flow.critical_tau_ratio(np.array([0.9, 0.7, 0.5, 0.1]), 3)
    assert three == pytest.approx(10.3431, abs=5e-5)


@pytest.mark.parametrize("rho", [0.3, 1.0, 2.5])
def test_optimum_loses_stability_at_the_critical_ratio(rho):
    canonical = np.array([0.9, 0.7, 0.5, 0.2])
    cov = examples.population(canonical, 5, 4)
    critical = bmvr_flow.critical_tau_ratio(canonical, 3, rho)
    below = bmvr_flow.flow_modes(cov, 3, rho=rho, tau_ratio=0.99 * critical)
    above = bmvr_flow.flow_modes(cov, 3, rho=rho, tau_ratio=1.01 * critical)
    assert below.stable
    assert not above.stable
    assert below.growth < 0.0 < above.growth
    assert above.slowest_rate == -above.growth


def test_correlated_inputs_can_lose_stability_below_the_white_critical_ratio():
    canonical, seeds = np.array([0.9, 0.5]), range(6)
    tau_ratio = 0.8 * bmvr_flow.critical_tau_ratio(canonical, 2)
    growth = {}
    for condition in (1.0, 5.0):
        cases = (examples.population(canonical, 4, 3, seed=s, condition=condition) for s in seeds)
        scaled = (
            regression.Covariances(c.xx / (f := np.trace(c.xx) / 4), c.xy / np.sqrt(f), c.yy)
            for c in cases
        )
        growth[condition] = [bmvr_flow.flow_modes(c, 2, tau_ratio=tau_ratio).growth for c in scaled]
    assert max(growth[1.0]) < 0.0
    assert max(growth[5.0]) > 0.01


@pytest.mark.parametrize("condition", [1.0, 4.0])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_modes_match_finite_differences(k, condition):
    cov = examples.population((0.9, 0.7, 0.5), 4, 5, seed=k, condition=condition)
    rho, tau_ratio = 0.6, 3.0
    weights = regression.optimal_weights(cov, k)
    shapes = [part.shape for part in weights]
    cuts = np.cumsum([part.size for part in weights])[:-1]

    def rate(state):
        parts = (p.reshape(s) for p, s in zip(np.split(state, cuts), shapes, strict=True))
        return examples.pack(examples.flow(cov, *parts, rho, tau_ratio))

    centre, step = examples.pack(weights), 1e-5
    columns = [
        (rate(centre + step * unit) - rate(centre - step * unit)) / (2 * step)
        for unit in np.eye(centre.size)
    ]
    everything = np.linalg.eigvals(np.array(columns).T)
    order = np.argsort(np.abs(everything))
    zeros, rest = np.split(everything[order], [k * (k - 1)])
    modes = bmvr_flow.flow_modes(cov, k, rho=rho, tau_ratio=tau_ratio)
    assert modes.method == "jacobian"
    assert modes.eigenvalues.size == rest.size
    assert np.all(np.abs(zeros) < 1e-4)
    assert _nearest(rest, modes.eigenvalues) < 1e-6
    assert modes.slowest_rate == pytest.approx(float(np.min(-rest.real)), abs=1e-6)


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 5), (7, 5), (5, 6)])
def test_polynomials_of_white_inputs_give_every_mode(inputs, outputs):
    cov = examples.population((0.9, 0.7, 0.5, 0.3, 0.2), inputs, outputs)
    for rho, tau_ratio in ((1.0, 1.0), (0.4, 9.0), (2.0, 0.2)):
        options = {"rho": rho, "tau_ratio": tau_ratio}
        dense = bmvr_flow.flow_modes(cov, 3, **options)
        closed = bmvr_flow.flow_modes(cov, 3, max_dimension=1, **options)
        assert (dense.method, closed.method) == ("jacobian", "polynomials")
        assert dense.eigenvalues.size == closed.eigenvalues.size
        assert dense.eigenvalues.size == 3 * (inputs + outputs + 3) - 6
        assert _nearest(closed.eigenvalues, dense.eigenvalues) < 1e-7
        assert bmvr_flow.slowest_rate(cov, 3, **options) == pytest.approx(closed.slowest_rate)


def test_single_unit_rates_by_hand():
    # one input, one output: lam^3 + (1 + s^2) lam^2 + (4 s^2 / tau) (lam + 1) = 0
    cov = examples.population((0.8,), 1, 1)
    for value in bmvr_flow.flow_modes(cov, 1, tau_ratio=0.5).eigenvalues:
        assert abs(value**3 + 1.64 * value**2 + 5.12 * (value + 1.0)) < 1e-10
    # slow gain control: -2 s^4 / (tau (1 + s^2)^2)
    slow = bmvr_flow.slowest_rate(cov, 1, tau_ratio=1e4)
    assert slow == pytest.approx(2 * 0.8**4 / (1e4 * 1.64**2), rel=1e-3)


def test_decoupled_weights_add_their_own_decay():
    cov = examples.population((0.9, 0.8), 2, 2)
    coupled = bmvr_flow.flow_modes(cov, 2, tau_ratio=0.5)
    decoupled = bmvr_flow.flow_modes(cov, 2, tau_ratio=0.5, decoupled=True)
    extra = _nearest(coupled.eigenvalues, decoupled.eigenvalues)
    assert extra == 0.0
    assert decoupled.eigenvalues.size == coupled.eigenvalues.size + 1
    assert np.min(np.abs(decoupled.eigenvalues + 2.0)) < 1e-12


def test_large_coloured_problems_are_refused():
    with pytest.raises(ParameterError, match="not white"):
        bmvr_flow.flow_modes(examples.population((0.9,), 4, 1, condition=3.0), 1, max_dimension=5)


@pytest.mark.parametrize("options", [{"rho": 0.0}, {"tau_ratio": -1.0}])
def test_rates_must_be_positive(options):
    with pytest.raises(ParameterError, match="positive"):
        bmvr_flow.flow_modes(examples.population((0.9,), 2, 1), 1, **options)


def test_constant_zero_inputs_and_repeated_inputs_do_not_matter():
    x, y = examples.samples()
    wide = regression.covariances(np.vstack([x[:3], np.zeros((2, x.shape[1])), x[3:], x[:1]]), y)
    merged = x.copy()
    merged[0] *= np.sqrt(2.0)  # the repeated input as one of the same variance
    expected = bmvr_flow.slowest_rate(regression.covariances(merged, y), 1)
    assert bmvr_flow.slowest_rate(wide, 1) == pytest.approx(expected, rel=1e-6)


def test_more_hidden_units_than_directions_have_no_modes():
    with pytest.raises(ParameterError, match="fewer than k = 2"):
        bmvr_flow.slowest_rate(examples.population((0.9,), 3, 1), 2)


def test_critical_ratio_needs_a_positive_number_of_hidden_units():
    with pytest.raises(ParameterError, match="at least 1"):
        bmvr_flow.critical_tau_ratio(np.array([0.9, 0.5]), 0)
