"""The phase plane shows nullclines, fixed points and trajectories where they are."""

import flows
import numpy as np
import pytest
from drawing import drawn_legend
from matplotlib.contour import ContourSet

from dendrosim import plot
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError, UnknownMemberError
from dendrosim.stability.fixed_points.fixed_point import fixed_point


def nullclines(ax):
    """Return the points of each nullcline."""
    found = [c for c in ax.collections if isinstance(c, ContourSet)]
    return [np.vstack([path.vertices for path in c.get_paths()]) for c in found]


def test_the_phase_plane_of_the_bistable_circuit_shows_both_stable_points_and_the_saddle():
    flow = flows.bistable()
    points = fixed_point(flow, starts=5, deflate=3)
    ax = plot.phase_plane(flow, "layer.h[0]", "layer.h[1]", points=points)
    names = ["layer.h[0] constant", "layer.h[1] constant", "stable point", "saddle"]
    assert drawn_legend(ax) == names
    stable, saddle = (line for line in ax.lines if line.get_linestyle() == "None")
    np.testing.assert_allclose(np.sort(stable.get_xdata()), [-5 / 21, 5 / 6])
    np.testing.assert_allclose(np.ravel(saddle.get_data()), [1 / 3, -7 / 30])
    assert stable.get_marker() != saddle.get_marker()
    across, up = nullclines(ax)
    h1, h2 = across.T
    np.testing.assert_allclose(h1, 0.8 + 0.2 * np.where(h2 > 0, h2, 10 * h2), atol=0.02)
    h1, h2 = up.T
    np.testing.assert_allclose(h2, 0.8 * flows.leaky(h1) - 0.5, atol=0.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("layer.h[0]", "layer.h[1]")
    for point in (points, *points.others):
        assert ax.get_xlim()[0] < point.x[0] < ax.get_xlim()[1]
        assert ax.get_ylim()[0] < point.x[1] < ax.get_ylim()[1]


def test_the_phase_plane_has_units():
    matrix = np.array([[-50.0, 40.0], [-70.0, 20.0]])
    flow = flows.linear(matrix, np.array([-1.0, 0.5]))
    flow.labels, flow.units = ["soma.v[0]", "soma.u[0]"], ["V", "1"]
    ranges = ((-0.1, 0.05), (-1.0, 2.0))
    ax = plot.phase_plane(flow, "soma.v", "soma.u", ranges=ranges)
    drawn_legend(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("soma.v[0] (mV)", "soma.u[0]")
    assert (ax.get_xlim(), ax.get_ylim()) == ((-100.0, 50.0), (-1.0, 2.0))
    v, u = nullclines(ax)[0].T
    np.testing.assert_allclose(u, (50.0 * v / 1e3 + 1.0) / 40.0, atol=1e-9)


def test_other_states_are_held_where_asked():
    matrix = np.array([[-1.0, 0.0, 1.0], [0.0, -2.0, 1.0], [0.0, 0.0, -1.0]])
    flow = flows.linear(matrix, np.zeros(3))
    for at in ([0.0, 0.0, 0.5], {"x[2]": 0.5}):
        ax = plot.phase_plane(flow, "x[0]", "x[1]", at=at, ranges=((-1, 1), (-1, 1)))
        np.testing.assert_allclose(nullclines(ax)[0][:, 0], 0.5)
        np.testing.assert_allclose(nullclines(ax)[1][:, 1], 0.25)
        assert ax.get_title(loc="left") == "1 other state held"
    point = fixed_point(flow)
    ax = plot.phase_plane(flow, "x[0]", "x[1]", at=point, ranges=((-1, 1), (-1, 1)))
    np.testing.assert_allclose(nullclines(ax)[0][:, 0], 0.0, atol=1e-12)


def test_unstable_points_are_neither_saddles_nor_stable():
    flow = flows.linear(np.diag([1.0, 2.0]), np.zeros(2))
    ax = plot.phase_plane(flow, "x[0]", "x[1]", points=[fixed_point(flow)], trajectories=3)
    assert drawn_legend(ax)[-1] == "unstable point"


def test_trajectories_follow_the_flow_to_its_stable_point():
    flow = flows.linear(np.array([[-1.0, -3.0], [3.0, -1.0]]), np.array([1.0, 0.0]))
    point = fixed_point(flow)
    ax = plot.phase_plane(flow, "x[0]", "x[1]", points=point, trajectories=5)
    assert "trajectory" in drawn_legend(ax)
    paths = [np.array(line.get_data()) for line in ax.lines if len(line.get_xdata()) > 1]
    assert len(paths) == 5
    for path in paths:
        away = np.linalg.norm(path - point.x[:, None], axis=0)
        assert away[-1] == pytest.approx(np.exp(-8.0) * away[0], rel=0.02)


def test_where_a_flow_has_no_rates_the_plane_stays_empty():
    def f(x):
        if x[0] > 0.5:
            raise NotConvergedError("no fast state")
        return np.array([np.sqrt(x[0]), x[1]])

    flow = flows.Formula(f, lambda x: np.eye(2), [0.1, 0.1])
    ax = plot.phase_plane(flow, "x[0]", "x[1]", ranges=((-1, 1), (-1, 1)), trajectories=4)
    assert drawn_legend(ax) == ["x[1] constant", "trajectory"]
    (line,) = nullclines(ax)
    assert line[:, 0].max() == pytest.approx(0.5, abs=0.04)
    assert all(np.max(line.get_xdata()) <= 0.5 for line in ax.lines)


def test_a_plane_that_makes_no_sense_is_refused():
    flow = flows.bistable()
    with pytest.raises(UnknownMemberError, match=r"'layer.h\[2\]'; did you mean 'layer.h"):
        plot.phase_plane(flow, "layer.h[2]", "layer.h[1]")
    with pytest.raises(ParameterError, match="matches 2 states"):
        plot.phase_plane(flow, "layer.h", "layer.h[1]")
    with pytest.raises(ParameterError, match="on both axes"):
        plot.phase_plane(flow, "layer.h[1]", "layer.h[1]")
    with pytest.raises(ParameterError, match="must ascend"):
        plot.phase_plane(flow, "layer.h[0]", "layer.h[1]", ranges=((0, 1), (1, 1)))
    with pytest.raises(ShapeError, match="2 numbers"):
        plot.phase_plane(flow, "layer.h[0]", "layer.h[1]", at=[1.0])


def test_saved_figures_of_a_plane_are_reproducible(tmp_path):
    flow = flows.bistable()
    for name in "ab":
        plot.save(plot.phase_plane(flow, "layer.h[0]", "layer.h[1]"), tmp_path / name, "svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
