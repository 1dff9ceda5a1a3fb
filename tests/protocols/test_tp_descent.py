"""The network in which target propagation with exact inverses increases the loss."""

import numpy as np
import pytest

import dendrosim as ds


@pytest.mark.parametrize(("x", "smallest"), [(1.0, -0.967), (1e-4, -0.967), (-1.0, -0.925)])
def test_cosines_are_those_of_the_matrices(x, smallest):
    """cos of D J^-1 e and D J^T e, J = D_2 W_2, over all directions of e, and the smallest known value."""
    found = ds.measure(ds.run(ds.load_protocol("tp_descent", x=x), "numpy", progress=False)).metrics
    slope = lambda a: np.where(a > 0, 1.0, 0.1)  # noqa: E731
    w1, w2 = np.array([x, -x]), np.array([[1.0, 2.0], [0.0, 1.0]])
    d1, h = slope(w1), slope(w1) * w1
    jacobian = slope(w2 @ h)[:, None] * w2
    cosines = []
    for angle in np.radians(np.arange(360)):
        e = np.array([np.cos(angle), np.sin(angle)])
        u, v = d1 * np.linalg.solve(jacobian, e), d1 * (jacobian.T @ e)
        cosines.append(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
    assert found["cosine_gradient"] == pytest.approx(min(cosines), abs=1e-6)
    assert found["cosine_gradient"] == pytest.approx(smallest, abs=1e-3)
    assert found["ascending_gradient"] == pytest.approx(np.mean(np.array(cosines) < 0), abs=0.01)
    assert found["ascending_modified"] == 0
    assert found["product_error"] < 1e-9
    if x == 1:
        assert found["cosine_example"] == pytest.approx(-0.9665, abs=5e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": 0.0}, "x is 0"),
        ({"directions": 100}, "directions is 100; it must be a multiple of 8"),
    ],
)
def test_what_measures_nothing_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("tp_descent", **given)
