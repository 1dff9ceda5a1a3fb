"""Continuation against flows whose branches and bifurcations are known in closed form."""

import continuation_flows as flows
import numpy as np
import pytest
from scipy import sparse

from dendrosim.analysis.bmvr_flow import critical_tau_ratio
from dendrosim.errors import (
    NotConvergedError,
    ParameterError,
    ShapeError,
    UnknownNameError,
    UsageError,
)
from dendrosim.stability.continuation.continuation import continuation
from dendrosim.stability.fixed_points.fixed_point import fixed_point

WEIGHTS = [2.0, 0.5, 1.5, 1.0, -0.7, 1.2]


def assert_bifurcation(mark, kind, value, spread, count=1, frequency=0.0):
    """Require a kind, a value within its interval, and an eigenvalue on the imaginary axis."""
    assert (mark.kind, mark.count) == (kind, count)
    assert mark.value == pytest.approx(value, abs=1e-6 * spread)
    lower, upper = mark.interval
    assert lower <= value <= upper
    assert lower <= mark.value <= upper
    assert upper - lower <= 5e-8 * spread
    assert mark.frequency == pytest.approx(frequency, rel=1e-9)
    assert mark.eigenvalue.imag == pytest.approx(2 * np.pi * frequency, rel=1e-9)


def assert_eigenvector(mark, flow, tolerance=1e-5):
    """Require an eigenvector, up to movement along symmetries, which a real eigenvalue may cause."""
    jacobian = flow.at(mark.parameter, mark.value).jacobian(mark.state)
    off = jacobian @ mark.eigenvector - mark.eigenvalue * mark.eigenvector
    moves = flow.symmetries(mark.state)
    off = off - moves @ (moves.T @ off)
    assert np.linalg.norm(mark.eigenvector) == pytest.approx(1.0)
    assert np.linalg.norm(off) < tolerance * np.linalg.norm(jacobian)


def test_fold_is_rounded_and_the_unstable_branch_followed_to_the_end_of_the_range():
    flow = flows.Fold([1.0, 1.0], p=1.0)
    branch = continuation(flow, "p", 1.0, -1.0)
    (mark,) = branch.bifurcations
    assert_bifurcation(mark, "fold", 0.0, 2.0)
    assert_eigenvector(mark, flow)
    np.testing.assert_allclose(branch.states[:, 0] ** 2, branch.values, atol=1e-9)
    np.testing.assert_array_equal(branch.stable, branch.states[:, 0] > 0)
    np.testing.assert_array_equal(branch.unstable, branch.states[:, 0] < 0)
    assert branch.states[-1] == pytest.approx([-1.0, -1.0])
    expected = np.sort(np.column_stack([-2 * branch.states[:, 0], -np.ones(len(branch.values))]))
    np.testing.assert_allclose(branch.eigenvalues.real, expected[:, ::-1], atol=1e-9)
    assert branch.message == "p turned back and left its range at p = 1"


def test_hysteresis_has_two_folds_in_units_of_millivolts_and_picoamperes():
    scale = flows.Hysteresis.P
    flow = flows.Hysteresis([-0.013], units=["V"], p=-scale)
    branch = continuation(flow, "p", -scale, scale)
    fold = 2 / (3 * np.sqrt(3)) * scale
    first, second = branch.bifurcations
    assert_bifurcation(first, "fold", fold, 2 * scale)
    assert_bifurcation(second, "fold", -fold, 2 * scale)
    assert first.state == pytest.approx(-0.01 / np.sqrt(3))
    assert second.state == pytest.approx(0.01 / np.sqrt(3))
    assert list(np.unique(np.diff(branch.stable.astype(int)))) == [-1, 0, 1]
    v = branch.states[:, 0] / flow.V
    np.testing.assert_allclose(branch.values / scale, v**3 - v, atol=1e-9)
    assert branch.message == "reached p = 1e-10"


def test_pitchfork_is_a_branch_point_with_two_branches_to_switch_to():
    flow = flows.Pitchfork([0.0, 0.0], p=0.0, c=0.0, cubic=1.0)
    trunk = continuation(flow, "p", 0.0, 3.0)
    (mark,) = trunk.bifurcations
    assert_bifurcation(mark, "branch point", 1.0, 3.0)
    assert_eigenvector(mark, flow)
    branches = trunk.switch(mark)
    assert len(branches) == 2
    for branch in branches:
        assert branch.message == "reached p = 3"
        assert branch.stable.all()
        np.testing.assert_allclose(branch.states[:, 0] ** 2, branch.values - 1, atol=1e-9)
    ends = sorted(branch.states[-1, 0] for branch in branches)
    assert ends == pytest.approx([-np.sqrt(2), np.sqrt(2)])


def test_pitchfork_met_along_its_curved_branch_where_the_eigenvalue_only_touches_zero():
    branch = continuation(flows.Pitchfork([1.0, 0.5], p=2.0, c=0.0, cubic=1.0), "p", 2.0, 0.0)
    (mark,) = branch.bifurcations
    assert_bifurcation(mark, "branch point", 1.0, 2.0)
    assert branch.states[-1, 0] == pytest.approx(-1.0)
    one, two = branch.switch(mark)
    assert not np.any(one.states) or np.max(np.abs(one.states[:, 0])) < 1e-9
    assert sorted([one.values[-1], two.values[-1]]) == pytest.approx([0.0, 2.0])


def test_transcritical_exchange_of_stability():
    flow = flows.Pitchfork([0.0, 0.0], p=0.0, c=2.0, cubic=0.0)
    trunk = continuation(flow, "p", 0.0, 3.0)
    (mark,) = trunk.bifurcations
    assert_bifurcation(mark, "branch point", 1.0, 3.0)
    branches = trunk.switch(mark)
    assert len(branches) == 2
    for branch in branches:
        np.testing.assert_allclose(2.0 * branch.states[:, 0], branch.values - 1, atol=1e-9)
        np.testing.assert_array_equal(branch.stable, branch.values > 1)
    assert sorted(b.values[-1] for b in branches) == pytest.approx([0.0, 3.0])


def test_several_real_eigenvalues_cross_together():
    trunk = continuation(flows.Pitchforks([0.0, 0.0, 0.0], p=0.0), "p", 0.0, 3.0)
    (mark,) = trunk.bifurcations
    assert_bifurcation(mark, "branch point", 1.0, 3.0, count=3)
    branches = trunk.switch(mark)
    assert len(branches) >= 2
    for branch in branches:
        free = branch.states * (branch.states**2 - (branch.values - 1)[:, None])
        np.testing.assert_allclose(free, 0.0, atol=1e-8)
        assert np.any(branch.states[-1])


@pytest.mark.parametrize("start", [0.0, 0.2])
def test_hopf_with_its_frequency(start):
    flow = flows.Hopf([0.5], [3.0], p=start)
    branch = continuation(flow, "p", start, 1.0)
    (mark,) = branch.bifurcations
    assert_bifurcation(mark, "hopf", 0.5, 1.0, count=2, frequency=3 / (2 * np.pi))
    assert_eigenvector(mark, flow)
    assert set(branch.unstable) == {0, 2}


def test_hopf_of_several_pairs_at_once_and_of_a_further_one_in_the_same_step():
    flow = flows.Hopf([0.5, 0.5, 0.5, 0.503], [3.0, 3.0, 4.0, 4.0])
    twice, other, later = continuation(flow, "p", 0.0, 1.0).bifurcations
    assert_bifurcation(twice, "hopf", 0.5, 1.0, count=4, frequency=3 / (2 * np.pi))
    assert_bifurcation(other, "hopf", 0.5, 1.0, count=2, frequency=4 / (2 * np.pi))
    assert_bifurcation(later, "hopf", 0.503, 1.0, count=2, frequency=4 / (2 * np.pi))


@pytest.mark.parametrize("width", [0.01, 0.001])
def test_two_crossings_that_cancel_within_one_step(width):
    branch = continuation(flows.Bump(0.5123, width), "p", 0.0, 1.0)
    up, down = branch.bifurcations
    assert_bifurcation(up, "hopf", 0.5123 - width, 1.0, count=2, frequency=5 / (2 * np.pi))
    assert_bifurcation(down, "hopf", 0.5123 + width, 1.0, count=2, frequency=5 / (2 * np.pi))
    steps = np.diff(branch.values)
    assert steps.max() > 0.03 > 2 * width


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
@pytest.mark.parametrize("mu", [0.2, 0.4])
@pytest.mark.parametrize("drive", [0.0, 1.0])
def test_chain_with_inexact_inverses_loses_stability_at_its_threshold(depth, mu, drive):
    """Without drive the fixed point is zero; with drive it goes through infinity."""
    weights = np.array(WEIGHTS[:depth])
    weights[0] *= drive
    cosines = np.cos(np.arange(1, depth // 2 + 1) * np.pi / (depth + 1))
    critical = 1 / (4 * mu * (1 - mu) * cosines**2)
    flow = flows.Chain(weights, mu, 0.5, target=-1.3 * drive)
    branch = continuation(flow, "gain", 0.5, 8.0)
    assert len(branch.bifurcations) == np.sum(critical < 8.0)
    for mark, expected in zip(branch.bifurcations, critical, strict=False):
        assert_bifurcation(mark, "branch point", expected, 7.5)
    assert branch.unstable[-1] == np.sum(critical < 8.0)
    assert branch.message == "reached gain = 8"


@pytest.mark.parametrize("depth", [3, 4])
def test_chain_is_unstable_between_two_values_of_mu(depth):
    gain = 3.0
    branch = continuation(flows.Chain(WEIGHTS[:depth], 0.02, gain), "mu", 0.02, 0.98)
    first, second = branch.bifurcations
    off = 0.5 * np.sqrt(1 - 1 / (gain * np.cos(np.pi / (depth + 1)) ** 2))
    assert_bifurcation(first, "branch point", 0.5 - off, 0.96)
    assert_bifurcation(second, "branch point", 0.5 + off, 0.96)


def test_chain_with_inverses_of_the_wrong_sign_is_always_stable():
    branch = continuation(flows.Chain(WEIGHTS[:4], 0.2, 1.0), "gain", 1.0, -10.0)
    assert branch.bifurcations == ()
    assert branch.stable.all()


def test_folds_at_corners_of_a_leaky_circuit():
    """F2: three equilibria where h1 = 0 at T = -2 and h2 = 0 at T = -3.2 bound the bistable range."""
    branch = continuation(flows.Leaky([0.8, 0.1], target=1.0), "target", 1.0, -5.0)
    first, second = branch.bifurcations
    assert_bifurcation(first, "fold", -3.2, 6.0)
    assert_bifurcation(second, "fold", -2.0, 6.0)
    middle = branch.eigenvalues[branch.unstable == 1]
    np.testing.assert_allclose(middle[:, 0], -1 + np.sqrt(0.16 / 0.1), atol=1e-12)
    assert branch.message == "reached target = -5"


@pytest.mark.parametrize("pair", [False, True])
def test_crossing_on_a_circle_of_equilibria(pair):
    flow = flows.Ring(pair=pair)
    branch = continuation(flow, "p", 0.0, 3.0)
    (mark,) = branch.bifurcations
    if pair:
        assert_bifurcation(mark, "hopf", 2.0, 3.0, count=2, frequency=3 / (2 * np.pi))
    else:
        assert_bifurcation(mark, "branch point", 2.0, 3.0)
        for other in branch.switch(mark):
            np.testing.assert_allclose(other.states[:, 2] ** 2, other.values - 2, atol=1e-8)
    assert_eigenvector(mark, flow)
    np.testing.assert_array_equal(np.sum(branch.eigenvalues == 0, axis=1), 1)
    assert branch.stable[0]


def test_a_circle_of_equilibria_grows_without_turning():
    branch = continuation(flows.Ring(pair=True), "a", 4.0, 9.0)
    np.testing.assert_allclose(np.hypot(*branch.states.T[:2]), np.sqrt(branch.values), atol=1e-9)
    np.testing.assert_allclose(np.arctan2(branch.states[:, 1], branch.states[:, 0]), 0.7)


@pytest.mark.parametrize(
    ("canonical", "k", "rho"), [((0.9, 0.5), 2, 1.0), ((0.9, 0.7, 0.5, 0.2), 3, 2.0)]
)
def test_regression_circuit_loses_stability_at_the_critical_time_constant(canonical, k, rho):
    """O19; k(k - 1) zero modes all along. At rest a real eigenvalue crosses: beyond, a wave rotates."""
    flow = flows.Regression(canonical, k, rho=rho)
    branch = continuation(flow, "tau", 1.0, 15.0)
    (mark,) = branch.bifurcations
    critical = critical_tau_ratio(np.array(canonical), k, rho)
    assert_bifurcation(mark, "branch point", critical, 14.0)
    assert_eigenvector(mark, flow)
    assert mark.value == pytest.approx(critical, abs=1e-6)
    np.testing.assert_array_equal(np.sum(branch.eigenvalues == 0, axis=1), k * (k - 1))
    assert branch.switch(mark) == ()


def test_the_critical_time_constant_is_the_published_number():
    branch = continuation(flows.Regression([0.9, 0.5], 2), "tau", 1.0, 15.0)
    assert branch.bifurcations[0].value == pytest.approx(10.3431, abs=5e-5)


def test_an_imperfect_pitchfork_that_grows_a_hundredfold_does_not_jump():
    """x' = (p - 1) x - x³ + 1e-3, from x = 1e-3: p = 1 + x² - 1e-3/x has no bifurcation for x > 0."""

    class Imperfect(flows.SmallFlow):
        def f(self, x):
            return (self.p - 1) * x - x**3 + 1e-3

        def jacobian(self, x):
            return np.array([[self.p - 1 - 3 * x[0] ** 2]])

        def dp(self, x):
            return {"p": x}

    for max_step in (0.05, 0.02):
        branch = continuation(Imperfect([1e-3], p=0.0), "p", 0.0, 3.0, max_step=max_step)
        x = branch.states[:, 0]
        np.testing.assert_allclose(branch.values, 1 + x**2 - 1e-3 / x, atol=1e-8)
        assert branch.bifurcations == ()
        assert x[0] < 1.01e-3
        assert x[-1] > 1.4


def test_the_message_says_where_the_domain_of_the_equations_ends():
    branch = continuation(flows.Edge([1.0], p=0.0), "p", 0.0, 2.0)
    assert branch.message.startswith("left the domain at p = ")
    assert "is not finite at" in branch.message
    assert branch.values[-1] == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(branch.states[:, 0] ** 2, 1 - branch.values, atol=1e-9)


def test_a_start_without_a_fixed_point_is_refused():
    with pytest.raises(NotConvergedError, match="p cannot be followed from 1: no fixed point"):
        continuation(flows.Nowhere([1.0], p=-1.0), "p", 1.0, 2.0)


def test_a_branch_has_at_most_max_points_and_only_the_events_that_are_requested():
    branch = continuation(flows.Hopf([0.5], [3.0]), "p", 0.0, 1.0, max_points=5)
    assert len(branch.values) == 5
    assert branch.message.startswith("max_points = 5 reached at p = ")
    assert continuation(flows.Hopf([0.5], [3.0]), "p", 0.0, 1.0, events="fold").bifurcations == ()


def test_point_and_direction_choose_the_branch():
    flow = flows.Fold([1.0, 1.0], p=1.0)
    lower = continuation(flow, "p", 1.0, 4.0, point=[-0.9, -0.9])
    np.testing.assert_allclose(lower.states[:, 0], -np.sqrt(lower.values), atol=1e-9)
    given = continuation(
        flow, "p", 1.0, 4.0, point=fixed_point(flow, [-0.9, -0.9], method="newton")
    )
    np.testing.assert_allclose(given.states, lower.states, atol=1e-9)
    back = continuation(flow, "p", 4.0, 0.0, point=[2.0, 2.0], direction=[-1.0, -1.0])
    assert back.states[-1, 0] == pytest.approx(-2.0)


def test_sparse_jacobians_give_the_same_branch():
    class Sparse(flows.Pitchfork):
        def jacobian(self, x):
            return sparse.csc_array(super().jacobian(x))

    given = {"p": 0.0, "c": 1.0, "cubic": 0.0}
    dense = continuation(flows.Pitchfork([0.0, 0.0], **given), "p", 0.0, 3.0)
    same = continuation(Sparse([0.0, 0.0], **given), "p", 0.0, 3.0)
    np.testing.assert_allclose(same.values, dense.values)
    assert len(same.switch(same.bifurcations[0])) == 2


def test_a_branch_as_labelled_arrays():
    data = continuation(flows.Fold([1.0, 1.0], p=1.0), "p", 1.0, -1.0).to_xarray()
    assert data.attrs["parameter"] == "p"
    assert list(data["state"].values) == ["x[0]", "x[1]"]
    assert data["states"].dims == ("point", "state")
    assert data["real"].dims == ("point", "mode")
    assert list(data["kind"].values) == ["fold"]
    assert float(data["lower"][0]) <= 0.0 <= float(data["upper"][0])
    plain = continuation(flows.Hopf([2.0], [1.0]), "p", 0.0, 1.0).to_xarray()
    assert plain.sizes["bifurcation"] == 0


def test_arguments_that_cannot_be_used_are_refused():
    flow = flows.Hopf([0.5], [3.0])
    with pytest.raises(
        UnknownNameError, match="unknown parameter of the equations 'pp'; did you mean 'p'"
    ):
        continuation(flow, "pp", 0.0, 1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'hopf'"):
        continuation(flow, "p", 0.0, 1.0, events=["hopff"])
    with pytest.raises(ParameterError, match="p cannot be followed from 1 to 1"):
        continuation(flow, "p", 1.0, 1.0)
    with pytest.raises(ParameterError, match="start is '1 ms'; give numbers, in SI units"):
        continuation(flow, "p", "1 ms", 1.0)
    with pytest.raises(ParameterError, match="min_step <= step <= max_step"):
        continuation(flow, "p", 0.0, 1.0, step=-1.0)
    with pytest.raises(ParameterError, match="max_points"):
        continuation(flow, "p", 0.0, 1.0, max_points=1)
    with pytest.raises(ParameterError, match="tolerance"):
        continuation(flow, "p", 0.0, 1.0, tolerance=1.0)
    with pytest.raises(ShapeError, match="point must be 2 numbers"):
        continuation(flow, "p", 0.0, 1.0, point=[1.0])
    with pytest.raises(ShapeError, match="direction must be 2 numbers"):
        continuation(flow, "p", 0.0, 1.0, direction=[1.0])
    branch = continuation(flow, "p", 0.0, 1.0)
    with pytest.raises(UsageError, match="no branch to switch to at the hopf at p = 0"):
        branch.switch(branch.bifurcations[0])
