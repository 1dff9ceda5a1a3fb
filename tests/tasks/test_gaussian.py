"""Sample covariances are the prescribed ones to rounding, for every shape and correlation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.errors import ParameterError
from dendrosim.tasks import canonical_gaussian

CLOSE = 1e-10


@st.composite
def tasks(draw):
    inputs, outputs = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    correlation = st.floats(1e-3, 1) | st.just(1.0)
    canonical = draw(st.lists(correlation, max_size=min(inputs, outputs)))
    samples = inputs + outputs + draw(st.integers(0, 50))
    return inputs, outputs, canonical, samples, np.random.default_rng(draw(st.integers(0, 999)))


def covariances(x, y):
    return x @ x.T / x.shape[1], x @ y.T / x.shape[1], y @ y.T / x.shape[1]


def canonical_correlations(cxx, cxy):
    values, vectors = np.linalg.eigh(cxx)
    return np.linalg.svd(vectors / np.sqrt(values) @ vectors.T @ cxy, compute_uv=False)


def expected_correlations(canonical, inputs, outputs):
    rest = min(inputs, outputs) - len(canonical)
    return sorted(canonical, reverse=True) + [0.0] * rest


@given(tasks())
@settings(deadline=None)
def test_white_inputs(task):
    inputs, outputs, canonical, samples, _ = task
    x, y = canonical_gaussian(*task)
    assert x.shape == (inputs, samples)
    assert y.shape == (outputs, samples)
    cxx, cxy, cyy = covariances(x, y)
    np.testing.assert_allclose(cxx, np.eye(inputs), atol=CLOSE)
    np.testing.assert_allclose(cyy, np.eye(outputs), atol=CLOSE)
    np.testing.assert_allclose(
        canonical_correlations(cxx, cxy),
        expected_correlations(canonical, inputs, outputs),
        atol=CLOSE,
    )


@given(tasks(), st.floats(1, 100))
@settings(deadline=None)
def test_coloured_inputs(task, condition):
    inputs, outputs, canonical, _, _ = task
    cxx, cxy, cyy = covariances(*canonical_gaussian(*task, coloured=True, condition=condition))
    np.testing.assert_allclose(cyy, np.eye(outputs), atol=CLOSE)
    np.testing.assert_allclose(
        canonical_correlations(cxx, cxy),
        expected_correlations(canonical, inputs, outputs),
        atol=CLOSE,
    )
    variances = np.linalg.eigvalsh(cxx)
    assert variances.mean() == pytest.approx(1, abs=CLOSE)
    if inputs > 1:
        ratio = condition ** (1 / (inputs - 1))
        np.testing.assert_allclose(variances[1:] / variances[:-1], ratio, rtol=CLOSE)


def test_a_correlation_of_one_makes_targets_a_function_of_inputs():
    x, y = canonical_gaussian(5, 2, [1.0, 1.0], 20, np.random.default_rng(3), coloured=True)
    residual = y - y @ np.linalg.pinv(x) @ x
    assert np.abs(residual).max() < CLOSE


def test_the_generator_decides_everything():
    first, again, other = (
        canonical_gaussian(4, 3, [0.9, 0.5], 30, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.allclose(first[0], other[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": 0}, r"\.inputs: 0"),
        ({"outputs": -1}, r"\.outputs: -1"),
        ({"samples": 6}, r"at least inputs \+ outputs = 7"),
        ({"canonical": [0.5] * 4}, "at most 3 canonical correlations"),
        ({"canonical": [0.0]}, "0.0 is not a correlation"),
        ({"canonical": [1.1]}, "1.1 is not a correlation"),
        ({"canonical": [float("nan")]}, "nan is not a correlation"),
        ({"coloured": True, "condition": 0.5}, "condition: 0.5"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    arguments = {"inputs": 4, "outputs": 3, "canonical": [0.9], "samples": 30} | changes
    with pytest.raises(ParameterError, match=message):
        canonical_gaussian(**arguments, rng=np.random.default_rng(0))
