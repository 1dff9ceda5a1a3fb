"""Fixed points against closed forms: linear, bistable, families of equilibria, large and sparse."""

import flows
import numpy as np
import pytest

from dendrosim.errors import NotConvergedError, ParameterError, ShapeError
from dendrosim.stability.fixed_point import fixed_point


def test_linear_flow_takes_one_factorisation():
    matrix = np.array([[-1.0, 0.5], [0.2, -2.0]])
    flow = flows.linear(matrix, np.ones(2), start=[3.0, 4.0])
    point = fixed_point(flow)
    np.testing.assert_allclose(point.x, [2.5 / 1.9, 1.2 / 1.9], rtol=1e-14)
    assert point.converged
    assert point.stable
    assert point.iterations == 1
    assert point.state == {"x[0]": point.x[0], "x[1]": point.x[1]}
    assert point.condition == pytest.approx(2.5 * 2.2 / 1.9)  # |J|_1 |J^-1|_1
    assert "stable fixed point" in point.message


def test_bistable_circuit_shows_both_stable_points_and_the_saddle():
    point = fixed_point(flows.bistable(), deflate=2)
    found = [point, *point.others]
    assert [p.verdict for p in found] == ["stable", "stable", "unstable"]
    expected = [(5 / 6, 1 / 6), (-5 / 21, -10.9 / 21), (1 / 3, -0.7 / 3)]
    for each in found:
        assert min(np.max(np.abs(each.x - x)) for x in expected) < 1e-12
    assert found[2].eigenvalues[0].real == pytest.approx(-1.0 + np.sqrt(1.6), abs=1e-12)
    assert found[0].eigenvalues[0].real == pytest.approx(-0.6, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_points_of_one_symmetry_orbit_count_as_one(n):
    point = fixed_point(flows.sphere(n), starts=12)
    assert np.linalg.norm(point.x) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(point.eigenvalues, [0.0] * (n - 1) + [-2.0], atol=1e-12)
    assert point.stable
    assert point.spectrum.symmetry_zeros == n - 1
    assert not point.others
    assert f"{n - 1} zero mode" in point.message


def test_start_that_cannot_be_used():
    flow = flows.sphere(2)
    with pytest.raises(ShapeError, match="2 numbers"):
        fixed_point(flow, start=[1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="scale"):
        fixed_point(flow, scale=[1.0, 2.0, 3.0])
    with pytest.raises(ParameterError, match="scale"):
        fixed_point(flow, scale=0.0)
    with pytest.raises(ParameterError, match="starts"):
        fixed_point(flow, starts=0)


def test_no_fixed_point_says_where_it_got_stuck():
    flow = flows.Formula(
        lambda x: np.array([-x[0], 1.0 + x[1] ** 2]),
        lambda x: np.array([[-1.0, 0.0], [0.0, 2.0 * x[1]]]),
        [1.0, 2.0],
        name="cell.v",
    )
    with pytest.raises(NotConvergedError, match=r"cell\.v\[1\]") as caught:
        fixed_point(flow, starts=3)
    assert caught.value.exit_code == 4
    assert caught.value.where == "cell.v[1]"
    assert caught.value.point.residual == pytest.approx(1.0, abs=0.01)
    assert len(caught.value.point.failures) == 3
