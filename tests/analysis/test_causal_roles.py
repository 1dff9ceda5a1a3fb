"""Residuals, partial correlations and their signs by causal role against multiple regression and enumeration."""

from itertools import permutations

import numpy as np
import pytest

from dendrosim.analysis import causal_roles
from dendrosim.errors import ShapeError

ROLES = np.array([0.5, -0.5, 0.0, -0.5, 0.5])


def drawn(seed=0, trials=40):
    """Return dendritic and somatic activity, and an error with which both are correlated."""
    rng = np.random.default_rng(seed)
    error = rng.normal(size=trials)
    soma = rng.normal(size=(trials, 5)) + 0.7 * error[:, None] + 3.0
    dendrite = rng.normal(size=(trials, 5)) + soma * rng.normal(size=5) + error[:, None] * ROLES
    return dendrite, soma, error


def test_residuals_gains_and_correlations_are_those_of_multiple_regression():
    dendrite, soma, error = drawn()
    correlations = causal_roles.error_correlation(dendrite, soma, error)
    gains = causal_roles.error_gain(dendrite, soma, error)
    left = causal_roles.residuals(dendrite, soma)
    for j in range(5):
        design = np.column_stack([np.ones(40), soma[:, j]])
        fit = design @ np.linalg.lstsq(design, dendrite[:, j], rcond=None)[0]
        assert left[:, j] == pytest.approx(dendrite[:, j] - fit, abs=1e-12)
        full = np.column_stack([design, error])
        assert gains[j] == pytest.approx(np.linalg.lstsq(full, dendrite[:, j], rcond=None)[0][2])
        # The partial correlation from the inverse of the correlation matrix.
        precision = np.linalg.inv(np.corrcoef([dendrite[:, j], error, soma[:, j]]))
        expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
        assert correlations[j] == pytest.approx(expected)


def test_a_dendrite_that_carries_activity_and_error_has_the_sign_and_gain_of_its_error():
    _, soma, error = drawn()
    dendrite = 0.3 - 2.0 * soma + error[:, None] * ROLES
    correlations = causal_roles.error_correlation(dendrite, soma, error)
    assert correlations[ROLES != 0] == pytest.approx(np.sign(ROLES[ROLES != 0]))
    assert np.isnan(correlations[2])  # carries nothing but activity
    assert causal_roles.error_gain(dendrite, soma, error) == pytest.approx(ROLES, abs=1e-12)
    assert causal_roles.role_difference(correlations, ROLES) == pytest.approx(2.0)
    scalar = causal_roles.error_correlation(0.4 * soma + error[:, None], soma, error)
    assert causal_roles.role_difference(scalar, ROLES) == pytest.approx(0.0, abs=1e-12)


def test_constant_somata_take_only_the_mean_away_and_constants_have_no_correlation():
    values = np.arange(6.0).reshape(3, 2)
    assert causal_roles.residuals(values, np.full((3, 2), 7.0)) == pytest.approx(values - [2, 3])
    found = causal_roles.correlation(np.array([[1, 0], [1, 1], [1, 3.0]]), values)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(np.corrcoef([0, 1, 3], [1, 3, 5])[0, 1])


def test_the_null_distribution_has_all_divisions_of_the_cells_into_two_groups():
    values = np.array([0.9, -0.4, 5.0, 0.1, 0.6])
    found = causal_roles.role_differences(values, ROLES)
    acting = values[ROLES != 0]
    every = {round(np.mean(o[:2]) - np.mean(o[2:]), 9) for o in permutations(acting)}
    assert len(found) == 6
    assert set(np.round(found, 9)) == every
    difference = causal_roles.role_difference(values, ROLES)
    assert difference == pytest.approx((0.9 + 0.6) / 2 - (-0.4 + 0.1) / 2)
    # No division is further from 0 than this one and its mirror image.
    assert causal_roles.probability(difference, found) == pytest.approx(2 / 6)
    assert np.isnan(causal_roles.probability(float("nan"), found))


def test_probabilities_of_chance_differences_are_uniform():
    """With 5 cells in a group and values without roles, 5 % of the differences are among the outer 5 %."""
    rng = np.random.default_rng(1)
    roles = np.repeat([1.0, -1.0], 5)
    chances = []
    for _ in range(200):
        values = rng.normal(size=10)
        null = causal_roles.role_differences(values, roles)
        chances.append(causal_roles.probability(causal_roles.role_difference(values, roles), null))
    part = np.mean(np.array(chances) <= 0.2)
    assert abs(part - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 200)


@pytest.mark.parametrize(("values", "soma"), [((4, 2), (5, 2)), ((4,), (5, 2)), ((2, 3), (2, 3))])
def test_shapes_that_do_not_fit_are_refused(values, soma):
    with pytest.raises(ShapeError, match="at least 3 trials"):
        causal_roles.residuals(np.zeros(values), np.zeros(soma))
