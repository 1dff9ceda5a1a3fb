"""The figure of branches tells stable from unstable equilibria, and ends lines at bifurcations and poles."""

from dataclasses import replace

import continuation_flows
import numpy as np
import pytest
from drawing import drawn_legend

from dendrosim import plot
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.stability.continuation.continuation import continuation


def pieces(ax, ls):
    """Return the lines of a style that are not marks, as arrays (2, points)."""
    found = [line for line in ax.lines if line.get_linestyle() == ls and len(line.get_xdata()) > 1]
    return [np.array(line.get_data()) for line in found]


def marks(ax):
    """Return the positions of marks, rounded."""
    found = [line for line in ax.lines if line.get_linestyle() == "None"]
    return sorted({tuple(np.round(np.ravel(line.get_data()), 5)) for line in found})


def test_a_branch_is_solid_where_stable_and_dashed_between_its_folds():
    flow = continuation_flows.Hysteresis([-0.012], ["V"], p=-2e-10)
    branch = continuation(flow, "p", -2e-10, 2e-10)
    ax = plot.branch(branch, units={"p": "A"})
    assert drawn_legend(ax) == ["stable", "unstable", "fold"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("p (pA)", "x[0] (mV)")
    turn, level = 200 / (3 * np.sqrt(3)), 10 / np.sqrt(3)
    below, above = pieces(ax, "-")
    (between,) = pieces(ax, "--")
    np.testing.assert_allclose(below[:, -1], [turn, -level], rtol=1e-4)
    np.testing.assert_allclose(between[:, 0], [turn, -level], rtol=1e-4)
    np.testing.assert_allclose(between[:, -1], [-turn, level], rtol=1e-4)
    np.testing.assert_allclose(above[:, 0], [-turn, level], rtol=1e-4)
    everything = np.hstack([below, between, above])
    v = everything[1] / 10
    np.testing.assert_allclose(everything[0], 100 * (v**3 - v), atol=1e-3)


def test_a_branch_is_dashed_from_the_first_hopf_bifurcation_on():
    flow = continuation_flows.Hopf([1.0, 2.0], [3.0, 5.0])
    ax = plot.branch(continuation(flow, "p", 0.0, 3.0), "x[2]")
    assert drawn_legend(ax) == ["stable", "unstable", "Hopf"]
    (solid,), (dashed,) = pieces(ax, "-"), pieces(ax, "--")
    assert solid[0, [0, -1]] == pytest.approx([0.0, 1.0], abs=1e-6)
    assert dashed[0, [0, -1]] == pytest.approx([1.0, 3.0], abs=1e-6)
    assert marks(ax) == [(1.0, 0.0), (2.0, 0.0)]


def test_a_branch_may_be_unstable_in_between():
    ax = plot.branch(continuation(continuation_flows.Bump(1.5, 0.5), "p", 0.0, 3.0), "x[0]")
    ends = [piece[0, [0, -1]] for piece in (*pieces(ax, "-"), *pieces(ax, "--"))]
    np.testing.assert_allclose(ends, [[0.0, 1.0], [2.0, 3.0], [1.0, 2.0]], atol=1e-6)


def test_rounding_of_states_that_stay_does_not_move_the_bifurcations_of_a_branch():
    branch = continuation(continuation_flows.Bump(1.5, 0.5), "p", 0.0, 3.0)
    rounded = [replace(b, state=np.full_like(b.state, 1 + 2e-16)) for b in branch.bifurcations]
    still = replace(branch, states=np.ones_like(branch.states), bifurcations=tuple(rounded))
    ax = plot.branch(still, "x[0]")
    ends = [piece[0, [0, -1]] for piece in (*pieces(ax, "-"), *pieces(ax, "--"))]
    np.testing.assert_allclose(ends, [[0.0, 1.0], [2.0, 3.0], [1.0, 2.0]], atol=1e-6)


def test_branches_share_a_figure_and_meet_in_the_branch_point():
    flow = continuation_flows.Pitchfork([0.0, 0.0], p=0.0, c=0.5, cubic=1.0)
    branch = continuation(flow, "p", 0.0, 3.0)
    both = [branch, *branch.switch(branch.bifurcations[0])]
    ax = plot.branch(both, "x[0]")
    assert drawn_legend(ax) == ["stable", "unstable", "fold", "branch point"]
    assert marks(ax) == [(0.9375, -0.25), (1.0, 0.0)]
    assert len({line.get_color() for line in ax.lines if line.get_linestyle() != "None"}) == 3
    for solid in pieces(ax, "-")[1:]:
        np.testing.assert_allclose(solid[0], 1 + solid[1] ** 2 + 0.5 * solid[1], atol=1e-6)


def test_a_bifurcation_that_was_not_asked_for_still_ends_the_solid_line():
    flow = continuation_flows.Hopf([1.0], [3.0])
    ax = plot.branch(continuation(flow, "p", 0.0, 3.0, events=["fold"]), "x[0]")
    assert drawn_legend(ax) == ["stable", "unstable"]
    (solid,), (dashed,) = pieces(ax, "-"), pieces(ax, "--")
    assert solid[0, -1] == dashed[0, 0] == pytest.approx(1.0, abs=0.1)


def test_a_branch_through_infinity_is_broken_there():
    flow = continuation_flows.Chain([1.5, 2.0, 0.7], 0.2, 1.0)
    ax = plot.branch(continuation(flow, "gain", 1.0, 20.0, max_points=900))
    assert drawn_legend(ax) == ["stable", "unstable", "through infinity"]
    (solid,), (dashed,) = pieces(ax, "-"), pieces(ax, "--")
    pole = 1 / (0.8 * 0.2 * 2)  # 1 = 2 mu (1 - mu) gain
    assert solid[0, -1] < pole < dashed[0, 0]
    assert solid[1, -1] > 0.0 > dashed[1, 0]
    (line,) = pieces(ax, ":")
    assert line[0] == pytest.approx([pole, pole], rel=1e-4)


def test_a_pattern_draws_each_of_its_states():
    flow = continuation_flows.Fold([1.0, 1.0], p=1.0)
    branch = continuation(flow, "p", 1.0, 2.0)
    for pattern in ("x", "x*"):
        ax = plot.branch(branch, pattern)
        assert drawn_legend(ax) == ["x[0]", "x[1]", "stable"]
        for line in ax.lines:
            np.testing.assert_allclose(line.get_ydata(), np.sqrt(line.get_xdata()), rtol=1e-8)
    many = continuation(continuation_flows.Hopf([9.0] * 4, [1, 2, 3, 4]), "p", 0.0, 1.0)
    ax = plot.branch(many, "x")
    assert ax.get_title(loc="left") == "6 of 8 states"
    assert len(ax.lines) == 6


def test_the_state_that_changes_most_for_its_size_is_drawn():
    flow = continuation_flows.Fold([1.0, 1.0], p=1.0)
    branch = continuation(flow, "p", 1.0, 2.0)
    states = np.column_stack([5.0 + 0.1 * branch.values, 1e-3 * branch.values])
    changed = replace(branch, states=states, labels=("big", "small"), units=("1", "V"))
    assert plot.branch(changed).get_ylabel() == "small (mV)"


def test_a_state_or_branch_that_is_not_there_is_refused():
    flow = continuation_flows.Fold([1.0, 1.0], p=1.0)
    branch = continuation(flow, "p", 1.0, 2.0)
    with pytest.raises(UnknownMemberError, match=r"'x\[2\]'; did you mean 'x\[[01]\]'"):
        plot.branch(branch, "x[2]")
    with pytest.raises(ParameterError, match="at least one"):
        plot.branch([])
    with pytest.raises(ParameterError, match="p and q"):
        plot.branch([branch, replace(branch, parameter="q")])


def test_a_branch_whose_states_stay_is_drawn_by_its_eigenvalues():
    """The pair has the growth 1/4 - (p - 3/2)^2, which is zero at 1 and 2."""
    ax = plot.branch(continuation(continuation_flows.Bump(1.5, 0.5), "p", 0.0, 3.0))
    assert ax.get_ylabel() == "largest real part of an eigenvalue (1/s)"
    for piece in pieces(ax, "-")[:2] + pieces(ax, "--"):
        np.testing.assert_allclose(piece[1], 0.25 - (piece[0] - 1.5) ** 2, atol=1e-6)
    assert marks(ax) == [(1.0, 0.0), (2.0, 0.0)]
