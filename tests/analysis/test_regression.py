"""Closed forms of rank-constrained regression against loops and least squares."""

import numpy as np
import pytest
import regression_examples as examples

from dendrosim.analysis import regression as reg
from dendrosim.errors import ParameterError


def test_covariances_are_uncentred_means_of_outer_products():
    x, y = examples.samples()
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
    x, y = examples.samples()
    rng = np.random.default_rng(3)
    w1, apical = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    total = 0.0
    for t in range(x.shape[1]):
        error = y[:, t] - apical.T @ (w1 @ x[:, t])
        total += float(error @ error) / x.shape[1]
    assert reg.loss(reg.covariances(x, y), w1, apical) == pytest.approx(total, rel=1e-12)


def test_spectrum_belongs_to_the_matrix_of_the_paper():
    cov = reg.covariances(*examples.samples())
    values, vectors = np.linalg.eigh(cov.xx)
    root = vectors / np.sqrt(values) @ vectors.T
    matrix = root @ cov.xy @ cov.xy.T @ root
    expected = np.linalg.eigvalsh(matrix)[::-1][:3]
    np.testing.assert_allclose(reg.canonical_spectrum(cov), expected, rtol=1e-10)
    np.testing.assert_allclose(reg.canonical_values(cov) ** 2, expected, rtol=1e-10)


@pytest.mark.parametrize("condition", [1.0, 5.0])
def test_optimum_of_a_population_with_known_spectrum(condition):
    cov = examples.population((0.9, 0.7, 0.5), 6, 4, condition=condition)
    np.testing.assert_allclose(reg.canonical_values(cov), [0.9, 0.7, 0.5, 0.0], atol=1e-12)
    assert reg.explained(cov, 2) == pytest.approx(1.3, rel=1e-12)
    assert reg.optimal_loss(cov, 2) == pytest.approx(2.7, rel=1e-12)
    assert reg.optimal_loss(cov, 9) == pytest.approx(4.0 - 1.55, rel=1e-12)


def test_full_rank_prediction_is_least_squares():
    x, y = examples.samples()
    expected = np.linalg.lstsq(x.T, y.T, rcond=None)[0].T
    np.testing.assert_allclose(
        reg.optimal_prediction(reg.covariances(x, y), 3), expected, rtol=1e-9, atol=1e-12
    )


def test_prediction_of_low_rank_beats_alternating_least_squares():
    x, y = examples.samples(seed=4)
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
    x, y = examples.samples()
    cov = reg.covariances(x, y)
    padded = np.vstack([x[:3], np.zeros((2, x.shape[1])), x[3:], x[:1]])
    wide = reg.covariances(padded, y)
    np.testing.assert_allclose(reg.canonical_spectrum(wide), reg.canonical_spectrum(cov), rtol=1e-9)
    prediction = reg.optimal_prediction(wide, 2)
    np.testing.assert_allclose(
        prediction @ padded, reg.optimal_prediction(cov, 2) @ x, rtol=1e-8, atol=1e-10
    )
    assert np.abs(prediction[:, 3:5]).max() < 1e-12


def test_inputs_that_are_all_zero_are_refused():
    with pytest.raises(ParameterError, match="all zero"):
        reg.canonical_values(reg.covariances(np.zeros((2, 3)), np.ones((1, 3))))


@pytest.mark.parametrize("condition", [1.0, 5.0])
def test_optimal_weights_are_an_equilibrium_that_saturates_the_gain(condition):
    cov = examples.population((0.9, 0.7, 0.5), 6, 4, condition=condition)
    weights = reg.optimal_weights(cov, 2)
    assert np.abs(examples.pack(examples.flow(cov, *weights, 0.7, 2.0))).max() < 1e-13
    w1, apical, q = weights
    assert reg.whitening_error(cov, w1) < 1e-13
    assert reg.gain_error(cov, q) < 1e-13
    assert abs(reg.relative_excess(cov, w1, apical)) < 1e-13
    np.testing.assert_allclose(apical.T @ w1, reg.optimal_prediction(cov, 2), atol=1e-13)


def test_measures_away_from_the_optimum():
    cov = examples.population((0.9, 0.5), 3, 2)
    w1, apical, q = reg.optimal_weights(cov, 2)
    assert reg.whitening_error(cov, 2.0 * w1) == pytest.approx(3.0 * np.sqrt(2.0))
    assert reg.relative_excess(cov, w1, 0.0 * apical) == pytest.approx(1.0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert reg.gain_error(cov, turn @ q[::-1]) < 1e-13
    assert reg.gain_error(cov, 0.5 * q) == pytest.approx(0.75 * 0.81)
    assert reg.gain_error(cov, np.full((2, 2), np.nan)) == np.inf
    assert reg.gain_error(examples.population((0.9,), 3, 1), np.eye(2)) == pytest.approx(1.0)


def test_more_hidden_units_than_directions_have_no_saturated_optimum():
    with pytest.raises(ParameterError, match="fewer than k = 2"):
        reg.optimal_weights(examples.population((0.9,), 3, 2), 2)


def test_number_of_hidden_units_must_be_positive():
    with pytest.raises(ParameterError, match="at least 1"):
        reg.explained(examples.population((0.9,), 2, 1), 0)
