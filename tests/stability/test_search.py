"""Fixed points found by default where Newton's method from the start fails, or finds a saddle."""

import continuation_flows
import flows
import numpy as np
import pytest
import regression_examples as examples

from dendrosim.errors import NotConvergedError, UnknownNameError
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.search.homotopy import follow_homotopy
from dendrosim.stability.search.pseudo_transient import pseudo_transient
from dendrosim.stability.search.relaxation import relax
from dendrosim.stability.stability_map import stability_map


class WilsonCowan(continuation_flows.SmallFlow):
    """E' = -E + (1 - E) S_e(16 E - 12 I + P), I' = -I + (1 - I) S_i(15 E - 3 I + Q).

    Wilson & Cowan (1972), Biophysical Journal 12:1, figure 11: S_e has slope 1.3 and threshold 4, S_i has slope 2
    and threshold 3.7, and there is a limit cycle at P = 1.25, Q = 0.
    """

    def parts(self, x):
        found = []
        for a, theta, u in (
            (1.3, 4.0, 16 * x[0] - 12 * x[1] + self.p),
            (2.0, 3.7, 15 * x[0] - 3 * x[1] + self.q),
        ):
            rise = 1 / (1 + np.exp(-a * (u - theta)))
            found.append((rise - 1 / (1 + np.exp(a * theta)), a * rise * (1 - rise)))
        return found

    def f(self, x):
        (e, _), (i, _) = self.parts(x)
        return np.array([-x[0] + (1 - x[0]) * e, -x[1] + (1 - x[1]) * i])

    def jacobian(self, x):
        (e, de), (i, di) = self.parts(x)
        e_slope, i_slope = (1 - x[0]) * de, (1 - x[1]) * di
        return np.array(
            [[-1 - e + 16 * e_slope, -12 * e_slope], [15 * i_slope, -1 - i - 3 * i_slope]]
        )

    def dp(self, x):
        (_, de), (_, di) = self.parts(x)
        return {"p": [(1 - x[0]) * de, 0.0], "q": [0.0, (1 - x[1]) * di]}


@pytest.mark.parametrize(("p", "stable"), [(0.0, True), (1.0, True), (1.25, False), (2.0, True)])
def test_the_wilson_cowan_model_has_its_fixed_point_by_default(p, stable):
    flow = WilsonCowan([0.0, 0.0], p=p, q=0.0)
    point = fixed_point(flow)
    np.testing.assert_allclose(flow.f(point.x), 0.0, atol=1e-10)
    assert point.stable == stable
    if p == 1.25:
        with pytest.raises(NotConvergedError):
            fixed_point(flow, method="newton")


def test_a_map_of_the_wilson_cowan_model_has_no_empty_cells():
    flow = WilsonCowan([0.0, 0.0], p=0.0, q=0.0)
    found = stability_map(flow, {"p": [1.25, 1.5, 2.0]}, {"q": [-1.0, 0.0, 1.0]})
    assert not found.failures
    for place in np.ndindex(3, 3):
        there = flow.at("p", found.values[0][place[0]]).at("q", found.values[1][place[1]])
        np.testing.assert_allclose(there.f(found.states[place]), 0.0, atol=1e-8)


def test_the_attractor_to_which_the_start_relaxes_comes_before_the_saddle():
    saddle, attractors = (1 / 3, -0.7 / 3), [(5 / 6, 1 / 6), (-5 / 21, -10.9 / 21)]
    for shift, expected in zip((1e-3, -1e-3), attractors, strict=True):
        point = fixed_point(flows.bistable(), start=[saddle[0], saddle[1] + shift])
        assert point.stable
        np.testing.assert_allclose(point.x, expected, atol=1e-10)
        np.testing.assert_allclose(point.others[0].x, saddle, atol=1e-10)
        assert point.others[0].verdict == "unstable"
        assert "1 further point found" in point.message


def test_learning_that_starts_at_a_saddle_without_apical_weights_is_followed_to_its_attractor():
    """With Q = 0 and B = 0, any W1 is a fixed point of the regression circuit, from which B and Q grow."""
    cov = examples.population([0.9, 0.5], 4, 3)
    flow = flows.regression_flow(cov, 2, seed=3)
    assert fixed_point(flow, 1e-3 * flow.start, method="newton").verdict == "unstable"
    point = fixed_point(flow, 1e-3 * flow.start)
    assert point.stable
    assert [other.verdict for other in point.others] == ["unstable"]
    w1, _, _ = flow.split(point.x)
    np.testing.assert_allclose(w1 @ cov.xx @ w1.T, np.eye(2), atol=1e-8)


def test_relaxation_settles_diverges_or_still_moves():
    settled = relax(
        flows.linear(np.diag([-1.0, -1e5]), np.array([1.0, 2.0])), np.array([3.0, 3.0]), 1000
    )
    assert settled.settled
    np.testing.assert_allclose(settled.candidates[0], [1.0, 2e-5], atol=1e-3)
    away = relax(flows.linear(np.eye(1), np.zeros(1)), np.ones(1), 1000)
    assert "grows beyond all bounds" in away.message
    turning = relax(
        flows.linear(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.zeros(2)), np.ones(2), 1000
    )
    assert "still moves" in turning.message
    assert np.linalg.norm(turning.candidates[0]) < 0.2  # the mean of a circle is its centre


def test_pseudo_transient_steps_reach_the_fixed_point_of_a_stiff_flow():
    flow = flows.Formula(
        lambda x: np.array([1.0 - x[0] ** 3, 1e6 * (x[0] - x[1])]),
        lambda x: np.array([[-3 * x[0] ** 2, 0.0], [1e6, -1e6]]),
        [0.01, 5.0],
    )
    np.testing.assert_allclose(pseudo_transient(flow, flow.start), [1.0, 1.0], atol=1e-5)


def test_a_homotopy_follows_its_path_round_folds():
    """x' = 10 cos(x) - x + 3 has folds on the way from x = 5."""
    flow = flows.Formula(
        lambda x: 10 * np.cos(x) - x + 3.0, lambda x: np.diag(-10 * np.sin(x) - 1.0), [5.0]
    )
    found = follow_homotopy(flow, flow.start)
    np.testing.assert_allclose(flow.f(found), 0.0, atol=1e-8)


def test_a_failed_search_does_not_say_that_there_is_no_fixed_point():
    flow = flows.Formula(lambda x: 1.0 + x**2, lambda x: np.diag(2 * x), [1.0])
    with pytest.raises(NotConvergedError, match="this does not show that there is none") as caught:
        fixed_point(flow)
    assert "22 further starts failed" in str(caught.value)
    with pytest.raises(UnknownNameError, match="method of search"):
        fixed_point(flow, method="newtn")
