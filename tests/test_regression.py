"""Closed forms of rank-constrained regression against loops, polynomials and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from dendrosim.analysis import regression as reg


def _population(canonical, inputs, outputs, seed=0, condition=1.0):
    """Covariances with known singular values of ``Cxx^{-1/2} Cxy``."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, : len(canonical)]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0][:, : len(canonical)]
    basis = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0]
    root = basis * np.sqrt(np.geomspace(1.0, condition, inputs)) @ basis.T
    cross = root @ (left * np.asarray(canonical)) @ right.T
    return reg.Covariances(root @ root, cross, np.eye(outputs))


def _samples(seed=0, inputs=5, outputs=3, samples=40):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(inputs, samples)) * np.arange(1, inputs + 1)[:, None] + 0.5
    y = rng.normal(size=(outputs, inputs)) @ x + rng.normal(size=(outputs, samples)) - 0.3
    return x, y


def _flow(cov, w1, apical, q, rho, tau_ratio):
    return (
        apical @ cov.xy.T - q @ q.T @ w1 @ cov.xx,
        rho * (w1 @ cov.xy - apical),
        (w1 @ cov.xx @ w1.T - np.eye(len(q))) @ q / tau_ratio,
    )


def _pack(parts):
    return np.concatenate([part.ravel() for part in parts])


def _nearest(expected, found):
    """Largest distance of an expected eigenvalue from its own partner among the found ones."""
    found = list(found)
    worst = 0.0
    for value in expected:
        index = int(np.argmin([abs(value - other) for other in found]))
        worst = max(worst, abs(value - found.pop(index)))
    return worst


def test_covariances_are_uncentred_means_of_outer_products():
    x, y = _samples()
    cov = reg.covariances(x, y)
    total = x.shape[1]
    for name, first, second in (("xx", x, x), ("xy", x, y), ("yy", y, y)):
        value = np.zeros((len(first), len(second)))
        for t in range(total):
            for i in range(len(first)):
                for j in range(len(second)):
                    value[i, j] += first[i, t] * second[j, t] / total
        np.testing.assert_allclose(getattr(cov, name), value, rtol=1e-12)


@pytest.mark.parametrize("shapes", [((3, 4), (2, 5)), ((3,), (3,)), ((3, 0), (2, 0))])
def test_covariances_refuse_mismatched_samples(shapes):
    with pytest.raises(ValueError, match="samples"):
        reg.covariances(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_loss_is_the_mean_squared_error():
    x, y = _samples()
    rng = np.random.default_rng(3)
    w1, apical = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    total = 0.0
    for t in range(x.shape[1]):
        error = y[:, t] - apical.T @ (w1 @ x[:, t])
        total += float(error @ error) / x.shape[1]
    assert reg.loss(reg.covariances(x, y), w1, apical) == pytest.approx(total, rel=1e-12)


def test_spectrum_belongs_to_the_matrix_of_the_paper():
    cov = reg.covariances(*_samples())
    values, vectors = np.linalg.eigh(cov.xx)
    root = vectors / np.sqrt(values) @ vectors.T
    matrix = root @ cov.xy @ cov.xy.T @ root
    expected = np.linalg.eigvalsh(matrix)[::-1][:3]
    np.testing.assert_allclose(reg.canonical_spectrum(cov), expected, rtol=1e-10)
    np.testing.assert_allclose(reg.canonical_values(cov) ** 2, expected, rtol=1e-10)


@pytest.mark.parametrize("condition", [1.0, 5.0])
def test_optimum_of_a_population_with_known_spectrum(condition):
    cov = _population((0.9, 0.7, 0.5), 6, 4, condition=condition)
    np.testing.assert_allclose(reg.canonical_values(cov), [0.9, 0.7, 0.5, 0.0], atol=1e-12)
    assert reg.explained(cov, 2) == pytest.approx(1.3, rel=1e-12)
    assert reg.optimal_loss(cov, 2) == pytest.approx(2.7, rel=1e-12)
    assert reg.optimal_loss(cov, 9) == pytest.approx(4.0 - 1.55, rel=1e-12)


def test_full_rank_prediction_is_least_squares():
    x, y = _samples()
    expected = np.linalg.lstsq(x.T, y.T, rcond=None)[0].T
    np.testing.assert_allclose(
        reg.optimal_prediction(reg.covariances(x, y), 3), expected, rtol=1e-9, atol=1e-12
    )


def test_prediction_of_low_rank_beats_alternating_least_squares():
    x, y = _samples(seed=4)
    cov = reg.covariances(x, y)
    prediction = reg.optimal_prediction(cov, 2)
    assert np.linalg.matrix_rank(prediction) == 2
    error = float(np.mean(np.sum((y - prediction @ x) ** 2, axis=0)))
    assert error == pytest.approx(reg.optimal_loss(cov, 2), rel=1e-10)
    w1 = np.random.default_rng(1).normal(size=(2, 5))
    for _ in range(3000):
        hidden = w1 @ x
        w2 = y @ hidden.T @ np.linalg.inv(hidden @ hidden.T)
        w1 = np.linalg.pinv(w2) @ y @ x.T @ np.linalg.inv(x @ x.T)
    np.testing.assert_allclose(w2 @ w1, prediction, atol=1e-6)


def test_constant_zero_inputs_and_repeated_inputs_do_not_matter():
    x, y = _samples()
    cov = reg.covariances(x, y)
    padded = np.vstack([x[:3], np.zeros((2, x.shape[1])), x[3:], x[:1]])
    wide = reg.covariances(padded, y)
    np.testing.assert_allclose(reg.canonical_spectrum(wide), reg.canonical_spectrum(cov), rtol=1e-9)
    prediction = reg.optimal_prediction(wide, 2)
    np.testing.assert_allclose(
        prediction @ padded, reg.optimal_prediction(cov, 2) @ x, rtol=1e-8, atol=1e-10
    )
    assert np.abs(prediction[:, 3:5]).max() < 1e-12
    assert reg.slowest_rate(wide, 1) == pytest.approx(reg.slowest_rate(_merged(x, y), 1), rel=1e-6)


def _merged(x, y):
    """The same data with the repeated input as one input of the same variance."""
    scaled = x.copy()
    scaled[0] *= np.sqrt(2.0)
    return reg.covariances(scaled, y)


def test_inputs_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="all zero"):
        reg.canonical_values(reg.covariances(np.zeros((2, 3)), np.ones((1, 3))))


@pytest.mark.parametrize("condition", [1.0, 5.0])
def test_optimal_weights_are_an_equilibrium_that_saturates_the_gain(condition):
    cov = _population((0.9, 0.7, 0.5), 6, 4, condition=condition)
    weights = reg.optimal_weights(cov, 2)
    assert np.abs(_pack(_flow(cov, *weights, 0.7, 2.0))).max() < 1e-13
    w1, apical, q = weights
    assert reg.whitening_error(cov, w1) < 1e-13
    assert reg.gain_error(cov, q) < 1e-13
    assert abs(reg.relative_excess(cov, w1, apical)) < 1e-13
    np.testing.assert_allclose(apical.T @ w1, reg.optimal_prediction(cov, 2), atol=1e-13)


def test_measures_away_from_the_optimum():
    cov = _population((0.9, 0.5), 3, 2)
    w1, apical, q = reg.optimal_weights(cov, 2)
    assert reg.whitening_error(cov, 2.0 * w1) == pytest.approx(3.0 * np.sqrt(2.0))
    assert reg.relative_excess(cov, w1, 0.0 * apical) == pytest.approx(1.0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert reg.gain_error(cov, turn @ q[::-1]) < 1e-13
    assert reg.gain_error(cov, 0.5 * q) == pytest.approx(0.75 * 0.81)
    assert reg.gain_error(cov, np.full((2, 2), np.nan)) == np.inf
    assert reg.gain_error(_population((0.9,), 3, 1), np.eye(2)) == pytest.approx(1.0)


def test_more_hidden_units_than_directions_have_no_saturated_optimum():
    with pytest.raises(ValueError, match="fewer than k = 2"):
        reg.optimal_weights(_population((0.9,), 3, 2), 2)
    with pytest.raises(ValueError, match="fewer than k = 2"):
        reg.slowest_rate(_population((0.9,), 3, 1), 2)


def test_critical_ratio_numbers():
    assert reg.critical_tau_ratio(np.array([0.9, 0.5]), 2) == pytest.approx(10.3431, abs=5e-5)
    assert reg.critical_tau_ratio(np.array([0.9, 0.5]), 1) == np.inf
    assert reg.critical_tau_ratio(np.array([0.8, 0.8]), 2) == np.inf
    slow = 1.06 * (1.06 + 0.5) / (0.25 * 0.56**2)
    assert reg.critical_tau_ratio(np.array([0.5, 0.9]), 2, rho=0.25) == pytest.approx(slow)
    # the most different pair decides, and units beyond k do not count
    three = reg.critical_tau_ratio(np.array([0.9, 0.7, 0.5, 0.1]), 3)
    assert three == pytest.approx(10.3431, abs=5e-5)


@pytest.mark.parametrize("rho", [0.3, 1.0, 2.5])
def test_optimum_loses_stability_at_the_critical_ratio(rho):
    canonical = np.array([0.9, 0.7, 0.5, 0.2])
    cov = _population(canonical, 5, 4)
    critical = reg.critical_tau_ratio(canonical, 3, rho)
    below = reg.flow_modes(cov, 3, rho=rho, tau_ratio=0.99 * critical)
    above = reg.flow_modes(cov, 3, rho=rho, tau_ratio=1.01 * critical)
    assert below.stable
    assert not above.stable
    assert below.growth < 0.0 < above.growth
    assert above.slowest_rate == -above.growth


def test_correlated_inputs_can_lose_stability_below_the_white_critical_ratio():
    canonical, seeds = np.array([0.9, 0.5]), range(6)
    tau_ratio = 0.8 * reg.critical_tau_ratio(canonical, 2)
    growth = {}
    for condition in (1.0, 5.0):
        cases = (_population(canonical, 4, 3, seed=s, condition=condition) for s in seeds)
        scaled = (
            reg.Covariances(c.xx / (f := np.trace(c.xx) / 4), c.xy / np.sqrt(f), c.yy)
            for c in cases
        )
        growth[condition] = [reg.flow_modes(c, 2, tau_ratio=tau_ratio).growth for c in scaled]
    assert max(growth[1.0]) < 0.0
    assert max(growth[5.0]) > 0.01


@pytest.mark.parametrize("condition", [1.0, 4.0])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_modes_match_finite_differences(k, condition):
    cov = _population((0.9, 0.7, 0.5), 4, 5, seed=k, condition=condition)
    rho, tau_ratio = 0.6, 3.0
    weights = reg.optimal_weights(cov, k)
    shapes = [part.shape for part in weights]
    cuts = np.cumsum([part.size for part in weights])[:-1]

    def rate(state):
        parts = (p.reshape(s) for p, s in zip(np.split(state, cuts), shapes, strict=True))
        return _pack(_flow(cov, *parts, rho, tau_ratio))

    centre, step = _pack(weights), 1e-5
    columns = [
        (rate(centre + step * unit) - rate(centre - step * unit)) / (2 * step)
        for unit in np.eye(centre.size)
    ]
    everything = np.linalg.eigvals(np.array(columns).T)
    order = np.argsort(np.abs(everything))
    zeros, rest = np.split(everything[order], [k * (k - 1)])
    modes = reg.flow_modes(cov, k, rho=rho, tau_ratio=tau_ratio)
    assert modes.method == "jacobian"
    assert modes.eigenvalues.size == rest.size
    assert np.all(np.abs(zeros) < 1e-4)
    assert _nearest(rest, modes.eigenvalues) < 1e-6
    assert modes.slowest_rate == pytest.approx(float(np.min(-rest.real)), abs=1e-6)


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 5), (7, 5), (5, 6)])
def test_polynomials_of_white_inputs_give_every_mode(inputs, outputs):
    cov = _population((0.9, 0.7, 0.5, 0.3, 0.2), inputs, outputs)
    for rho, tau_ratio in ((1.0, 1.0), (0.4, 9.0), (2.0, 0.2)):
        options = {"rho": rho, "tau_ratio": tau_ratio}
        dense = reg.flow_modes(cov, 3, **options)
        closed = reg.flow_modes(cov, 3, max_dimension=1, **options)
        assert (dense.method, closed.method) == ("jacobian", "polynomials")
        assert dense.eigenvalues.size == closed.eigenvalues.size
        assert dense.eigenvalues.size == 3 * (inputs + outputs + 3) - 6
        assert _nearest(closed.eigenvalues, dense.eigenvalues) < 1e-7
        assert reg.slowest_rate(cov, 3, **options) == pytest.approx(closed.slowest_rate)


def test_single_unit_rates_by_hand():
    # one input, one output: lam^3 + (1 + s^2) lam^2 + (4 s^2 / tau) (lam + 1) = 0
    cov = _population((0.8,), 1, 1)
    for value in reg.flow_modes(cov, 1, tau_ratio=0.5).eigenvalues:
        assert abs(value**3 + 1.64 * value**2 + 5.12 * (value + 1.0)) < 1e-10
    # slow gain control: -2 s^4 / (tau (1 + s^2)^2)
    slow = reg.slowest_rate(cov, 1, tau_ratio=1e4)
    assert slow == pytest.approx(2 * 0.8**4 / (1e4 * 1.64**2), rel=1e-3)


def test_decoupled_weights_add_their_own_decay():
    cov = _population((0.9, 0.8), 2, 2)
    coupled = reg.flow_modes(cov, 2, tau_ratio=0.5)
    decoupled = reg.flow_modes(cov, 2, tau_ratio=0.5, decoupled=True)
    extra = _nearest(coupled.eigenvalues, decoupled.eigenvalues)
    assert extra == 0.0
    assert decoupled.eigenvalues.size == coupled.eigenvalues.size + 1
    assert np.min(np.abs(decoupled.eigenvalues + 2.0)) < 1e-12


def test_large_coloured_problems_are_refused():
    with pytest.raises(ValueError, match="not white"):
        reg.flow_modes(_population((0.9,), 4, 1, condition=3.0), 1, max_dimension=5)


@pytest.mark.parametrize("options", [{"rho": 0.0}, {"tau_ratio": -1.0}])
def test_rates_must_be_positive(options):
    with pytest.raises(ValueError, match="positive"):
        reg.flow_modes(_population((0.9,), 2, 1), 1, **options)


def test_number_of_hidden_units_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        reg.explained(_population((0.9,), 2, 1), 0)
