"""The figures of stability show what was computed, and tell stable from unstable without colours."""

from dataclasses import replace

import continuation_flows
import flows
import numpy as np
import pytest
import scipy.sparse as sp
from matplotlib.collections import QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.legend import Legend

import dendrosim as ds
from dendrosim import plot
from dendrosim.cli.stability_report import transient_plain
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError, UnknownMemberError
from dendrosim.plot.style import figure_of
from dendrosim.stability.continuation.continuation import continuation
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.spectrum.spectrum import spectrum
from dendrosim.stability.spectrum.transient_growth import propagator, transient_growth
from dendrosim.stability.stability_map import StabilityMap, stability_map


def drawn(ax):
    """Draw the figure, which fails on anything that cannot be laid out, and return the legend's texts."""
    figure_of(ax).canvas.draw()
    return [t.get_text() for legend in ax.findobj(Legend) for t in legend.get_texts()]


def labelled(ax, start):
    """Return the line whose label starts with a text."""
    (found,) = (line for line in ax.lines if str(line.get_label()).startswith(start))
    return found


def blocks(*values):
    """Return a matrix with the given eigenvalues, of complex ones the pair."""
    size = sum(2 if np.imag(v) else 1 for v in values)
    matrix, i = np.zeros((size, size)), 0
    for v in values:
        if np.imag(v):
            matrix[i : i + 2, i : i + 2] = [[v.real, -v.imag], [v.imag, v.real]]
        else:
            matrix[i, i] = np.real(v)
        i += 2 if np.imag(v) else 1
    return matrix


# -- spectrum -------------------------------------------------------------------------------------


def test_eigenvalues_lie_where_they_are_with_their_number():
    gains = [np.diag([1.0, 2.0, 3.0, 4.0])] * 2
    flow = flows.linear(flows.chain(gains, 0.1, tau=0.01), np.ones(12))
    ax = plot.spectrum(fixed_point(flow))
    assert drawn(ax) == ["stable: 12"]
    marks = labelled(ax, "stable")
    np.testing.assert_allclose(
        np.sort(marks.get_xdata()), np.sort(flows.chain_rates(3, 0.1, tau=0.01)), rtol=1e-9
    )
    np.testing.assert_allclose(marks.get_ydata(), 0.0, atol=1e-9)
    assert [t.get_text() for t in ax.texts] == ["×4"] * 3
    assert ax.get_title(loc="left") == "stable: the slowest mode decays in 17.4 ms"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("real part (1/s)", "imaginary part (1/s)")
    assert ax.get_xlim()[1] > 0.0


def test_kinds_of_eigenvalues_differ_in_colour_and_marker():
    matrix = blocks(-2.0, -1 + 3j, 0.5, 0.0, 0.0)
    symmetric = np.eye(6)[:, [5]]
    ax = plot.spectrum(spectrum(matrix, symmetric))
    assert drawn(ax) == ["stable: 3", "unstable", "zero mode of symmetries", "neutral"]
    marks = [labelled(ax, name) for name in ("stable", "unstable", "zero mode", "neutral")]
    assert len({m.get_marker() for m in marks}) == len({m.get_color() for m in marks}) == 4
    found = np.sort_complex(marks[0].get_xdata() + 1j * marks[0].get_ydata())
    np.testing.assert_allclose(found, [-2.0, -1 - 3j, -1 + 3j], rtol=1e-12)
    for mark, value in zip(marks[1:], (0.5, 0.0, 0.0), strict=True):
        assert list(mark.get_xdata()) == [value]
    assert ax.get_title(loc="left") == "unstable: 1 growing, the fastest in 2 s"


@pytest.mark.parametrize(
    ("values", "scales"),
    [
        ([-1.0, -50.0], ("linear", "linear")),
        ([-0.1, -500.0], ("symlog", "linear")),
        ([-1.0 + 1j, -2.0 + 1e4j], ("linear", "symlog")),
    ],
)
def test_rates_that_differ_much_are_drawn_on_a_logarithmic_axis(values, scales):
    ax = plot.spectrum(spectrum(blocks(*values)))
    assert (ax.get_xscale(), ax.get_yscale()) == scales
    drawn(ax)
    places = ax.transAxes.inverted().transform(
        ax.transData.transform([(np.real(v), 0) for v in values])
    )
    assert np.all((places[:, 0] > 0.0) & (places[:, 0] < 1.0))
    assert len(ax.get_xticks()) < 10


def test_a_pair_on_the_imaginary_axis_is_marginal():
    ax = plot.spectrum(spectrum(blocks(50j)))
    assert ax.get_title(loc="left") == "marginal: 2 modes neither grow nor decay"
    assert drawn(ax) == ["neutral: 2"]


def test_a_spectrum_in_parts_says_so():
    flow, _ = flows.cells(1000)
    ax = plot.spectrum(spectrum(flow.jacobian(flow.start), count=7))
    assert ax.get_title(loc="left").endswith("(rightmost 7 of 3000)")


def test_the_best_point_of_a_failed_search_is_not_shown_as_an_equilibrium():
    flow = flows.Formula(lambda x: 1.0 + x**2, lambda x: np.diag(2.0 * x), [1.0])
    with pytest.raises(NotConvergedError) as error:
        fixed_point(flow, max_iterations=5)
    ax = plot.spectrum(error.value.point)
    assert ax.get_title(loc="left").startswith("not a fixed point")


def test_a_spectrum_is_drawn_into_given_axes():
    ax = plot.spectrum(spectrum(-np.eye(2)))
    assert plot.spectrum(spectrum(np.eye(2)), ax=ax) is ax


# -- transient growth -----------------------------------------------------------------------------


def test_transient_growth_is_the_norm_of_the_propagator():
    matrix = flows.chain([[[10.0]]] * 3, 0.1, tau=0.02)
    ax = plot.transient(flows.linear(matrix, np.ones(4)), 0.2)
    curve = labelled(ax, "‖exp(J t)‖")
    times, norms = curve.get_xdata() / 1e3, curve.get_ydata()
    assert times[-1] == pytest.approx(0.2)
    for i in (0, 20, 133, 399):
        assert norms[i] == pytest.approx(np.linalg.norm(propagator(matrix, times[i]), 2), rel=1e-9)
    growth = transient_growth(matrix)
    peak = labelled(ax, "peak")
    assert peak.get_xdata()[0] == pytest.approx(1e3 * growth.time)
    assert peak.get_ydata()[0] == pytest.approx(growth.peak)
    assert ax.get_title(loc="left").startswith(
        f"stable: a perturbation grows up to {growth.peak:.4g}"
    )
    assert ax.get_xlabel() == "time (ms)"
    assert len(drawn(ax)) == 4


def test_thin_lines_bound_the_start_and_meet_the_end():
    matrix = flows.chain([[[10.0]]] * 3, 0.1, tau=0.02)
    ax = plot.transient(fixed_point(flows.linear(matrix, np.ones(4))), 0.6)
    curve = labelled(ax, "‖exp(J t)‖")
    times, norms = curve.get_xdata() / 1e3, curve.get_ydata()
    fast = np.max(np.linalg.eigvalsh((matrix + matrix.T) / 2))
    first = labelled(ax, "numerical abscissa").get_ydata()
    np.testing.assert_allclose(first[:20], np.exp(fast * times[:20]), rtol=1e-9)
    assert np.all(norms <= first * (1 + 1e-9))
    last = labelled(ax, "spectral abscissa").get_ydata()
    slow = flows.chain_rates(4, 0.1, tau=0.02).max()
    assert np.log(last[-1] / last[0]) == pytest.approx(slow * 0.6)
    assert last[-1] == pytest.approx(norms[-1], rel=1e-3)


def test_symmetric_flows_do_not_grow_and_symmetries_are_left_out():
    ax = plot.transient(flows.sphere(3))
    curve = labelled(ax, "‖exp(J t)‖")
    np.testing.assert_allclose(curve.get_ydata(), np.exp(-2.0 * curve.get_xdata()), rtol=1e-9)
    assert ax.get_title(loc="left") == "stable: no perturbation grows"
    assert not any("peak" in text for text in drawn(ax))


def test_the_growth_drawn_of_states_of_several_units_is_the_one_reported():
    circuit = ds.load_circuit("pyramidal_burst")
    point = ds.fixed_point(ds.vector_field(circuit, subthreshold=True))
    assert len(set(point.flow.units)) == 2
    peak = labelled(plot.transient(point), "peak").get_ydata()[0]
    growth = transient_plain(point)["transient_growth"]
    assert 1 < peak < 2
    assert peak == pytest.approx(growth["peak"])


def test_the_transient_of_a_very_large_flow_is_not_drawn():
    flow = flows.linear(-sp.eye_array(4000, format="csc"), np.zeros(4000), start=np.zeros(4000))
    with pytest.raises(ParameterError, match="has 4000 states"):
        plot.transient(flow)


def test_units_of_states_scale_the_growth():
    matrix = np.array([[-1.0, 20.0], [0.0, -2.0]])
    point = fixed_point(flows.linear(matrix, np.zeros(2)))
    scale = np.array([10.0, 1.0])
    ax = plot.transient(point, scale=scale)
    peak = labelled(ax, "peak").get_ydata()[0] if any("peak" in t for t in drawn(ax)) else 1.0
    assert peak == pytest.approx(transient_growth(matrix, scale=scale).peak)
    with pytest.raises(ParameterError, match="scale must be positive"):
        plot.transient(point, scale=[1.0, 0.0])


@pytest.mark.parametrize(
    ("matrix", "verdict"),
    [([[1.0, 3.0], [-3.0, 2.0]], "unstable"), ([[0.0, 30.0], [-3.0, 0.0]], "marginal")],
)
def test_what_does_not_decay_is_said(matrix, verdict):
    ax = plot.transient(flows.linear(np.array(matrix), np.zeros(2)))
    assert ax.get_title(loc="left") == f"{verdict}: perturbations do not all decay"
    drawn(ax)
    curve = labelled(ax, "‖exp(J t)‖").get_ydata()
    line = labelled(ax, "spectral abscissa").get_ydata()
    assert np.all(curve <= 1.01 * line)


@pytest.mark.parametrize("duration", [0.0, -1.0, np.nan])
def test_a_duration_must_be_positive(duration):
    with pytest.raises(ParameterError, match="duration must be positive"):
        plot.transient(flows.linear(-np.eye(2), np.zeros(2)), duration)


# -- branches -------------------------------------------------------------------------------------


def pieces(ax, ls):
    """Return the lines of a style that are not marks, as arrays (2, points)."""
    found = [line for line in ax.lines if line.get_linestyle() == ls and len(line.get_xdata()) > 1]
    return [np.array(line.get_data()) for line in found]


def marks(ax):
    """Return where marks stand, rounded."""
    found = [line for line in ax.lines if line.get_linestyle() == "None"]
    return sorted({tuple(np.round(np.ravel(line.get_data()), 5)) for line in found})


def test_a_branch_is_solid_where_stable_and_dashed_between_its_folds():
    flow = continuation_flows.Hysteresis([-0.012], ["V"], p=-2e-10)
    branch = continuation(flow, "p", -2e-10, 2e-10)
    ax = plot.branch(branch, units={"p": "A"})
    assert drawn(ax) == ["stable", "unstable", "fold"]
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
    assert drawn(ax) == ["stable", "unstable", "Hopf"]
    (solid,), (dashed,) = pieces(ax, "-"), pieces(ax, "--")
    assert solid[0, [0, -1]] == pytest.approx([0.0, 1.0], abs=1e-6)
    assert dashed[0, [0, -1]] == pytest.approx([1.0, 3.0], abs=1e-6)
    assert marks(ax) == [(1.0, 0.0), (2.0, 0.0)]


def test_a_branch_may_be_unstable_in_between():
    ax = plot.branch(continuation(continuation_flows.Bump(1.5, 0.5), "p", 0.0, 3.0))
    ends = [piece[0, [0, -1]] for piece in (*pieces(ax, "-"), *pieces(ax, "--"))]
    np.testing.assert_allclose(ends, [[0.0, 1.0], [2.0, 3.0], [1.0, 2.0]], atol=1e-6)


def test_rounding_of_states_that_stay_does_not_move_the_bifurcations_of_a_branch():
    branch = continuation(continuation_flows.Bump(1.5, 0.5), "p", 0.0, 3.0)
    rounded = [replace(b, state=np.full_like(b.state, 1 + 2e-16)) for b in branch.bifurcations]
    still = replace(branch, states=np.ones_like(branch.states), bifurcations=tuple(rounded))
    ax = plot.branch(still)
    ends = [piece[0, [0, -1]] for piece in (*pieces(ax, "-"), *pieces(ax, "--"))]
    np.testing.assert_allclose(ends, [[0.0, 1.0], [2.0, 3.0], [1.0, 2.0]], atol=1e-6)


def test_branches_share_a_figure_and_meet_in_the_branch_point():
    flow = continuation_flows.Pitchfork([0.0, 0.0], p=0.0, c=0.5, cubic=1.0)
    branch = continuation(flow, "p", 0.0, 3.0)
    both = [branch, *branch.switch(branch.bifurcations[0])]
    ax = plot.branch(both, "x[0]")
    assert drawn(ax) == ["stable", "unstable", "fold", "branch point"]
    assert marks(ax) == [(0.9375, -0.25), (1.0, 0.0)]
    assert len({line.get_color() for line in ax.lines if line.get_linestyle() != "None"}) == 3
    for solid in pieces(ax, "-")[1:]:
        np.testing.assert_allclose(solid[0], 1 + solid[1] ** 2 + 0.5 * solid[1], atol=1e-6)


def test_a_bifurcation_that_was_not_asked_for_still_ends_the_solid_line():
    flow = continuation_flows.Hopf([1.0], [3.0])
    ax = plot.branch(continuation(flow, "p", 0.0, 3.0, events=["fold"]))
    assert drawn(ax) == ["stable", "unstable"]
    (solid,), (dashed,) = pieces(ax, "-"), pieces(ax, "--")
    assert solid[0, -1] == dashed[0, 0] == pytest.approx(1.0, abs=0.1)


def test_a_branch_through_infinity_is_broken_there():
    flow = continuation_flows.Chain([1.5, 2.0, 0.7], 0.2, 1.0)
    ax = plot.branch(continuation(flow, "gain", 1.0, 20.0, max_points=900))
    assert drawn(ax) == ["stable", "unstable", "through infinity"]
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
        assert drawn(ax) == ["x[0]", "x[1]", "stable"]
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


# -- maps -----------------------------------------------------------------------------------------


def grid(abscissa, rows, columns, names=("mu", "tau")):
    """Return a map with given numbers; without an equilibrium where they are nan."""
    failed = {(int(i), int(j)): "none" for i, j in np.argwhere(np.isnan(abscissa))}
    verdicts = np.where(abscissa > 0.0, "unstable", "stable")
    values = (np.asarray(rows, float), np.asarray(columns, float))
    states = np.zeros((*abscissa.shape, 1))
    return StabilityMap(
        names, values, abscissa, verdicts, abscissa > 0, states, ["x"], ["1"], failed
    )


def test_a_map_shows_the_abscissa_and_where_it_is_zero():
    flow = continuation_flows.Chain([1.5, 2.0, 0.7], 0.2, 1.0)
    found = stability_map(
        flow, {"mu": np.linspace(0.05, 0.95, 19)}, {"gain": np.geomspace(0.5, 10.0, 20)}
    )
    ax = plot.stability_map(found)
    assert drawn(ax) == ["limit of stability", "unstable"]
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), found.abscissa)
    assert mesh.norm.vmin == -mesh.norm.vmax == -np.max(np.abs(found.abscissa))
    lines = next(c for c in ax.collections if isinstance(c, ContourSet))
    gains, shares = lines.get_paths()[0].vertices.T
    # 1 = 2 mu (1 - mu) gain; between points of the grid the rates count as linear.
    np.testing.assert_allclose(gains, 1 / (2 * shares * (1 - shares)), rtol=0.05)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gain", "mu")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert figure_of(ax).axes[1].get_ylabel() == "spectral abscissa (1/s)"


def test_axes_of_a_map_have_units_and_ascend():
    abscissa = np.array([[-1.0, 2.0, 3.0], [-2.0, -1.0, 1.0]])
    ax = plot.stability_map(grid(abscissa, [0.2, 0.1], [0.03, 0.02, 0.01]), units={"tau": "s"})
    drawn(ax)
    assert ax.get_xlabel() == "tau (ms)"
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), abscissa[::-1, ::-1])
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [5.0, 15.0, 25.0, 35.0])
    np.testing.assert_allclose(ax.get_xlim(), [5.0, 35.0])


def test_points_without_equilibrium_are_hatched():
    abscissa = np.array([[-1.0, np.nan], [-2.0, -1.0]])
    ax = plot.stability_map(grid(abscissa, [0.1, 0.2], [1.0, 2.0]))
    assert drawn(ax) == ["no equilibrium"]
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array().mask, np.isnan(abscissa))
    assert mesh.cmap.get_bad()[3] == 0.0
    assert ax.patch.get_hatch()
    nowhere = plot.stability_map(grid(np.full((2, 2), np.nan), [0.1, 0.2], [1.0, 2.0]))
    drawn(nowhere)
    assert nowhere.texts[0].get_text() == "no equilibrium was found"


def test_a_map_may_be_a_single_row():
    ax = plot.stability_map(grid(np.array([[-1.0, 0.5, 2.0]]), [0.0], [1.0, 2.0, 3.0]))
    assert drawn(ax) == []
    assert ax.get_ylim() == (-0.5, 0.5)


def test_colours_stay_readable_when_a_corner_is_extreme():
    abscissa = np.array([[-1.0, -2.0, -1.0], [1.0, 2.0, 5000.0]])
    ax = plot.stability_map(grid(abscissa, [0.1, 0.2], [1.0, 2.0, 3.0]))
    drawn(ax)
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    assert mesh.norm(0.0) == pytest.approx(0.5)
    assert mesh.norm(-2.0) < 0.45


# -- phase plane ----------------------------------------------------------------------------------


def nullclines(ax):
    """Return the points of each nullcline."""
    found = [c for c in ax.collections if isinstance(c, ContourSet)]
    return [np.vstack([path.vertices for path in c.get_paths()]) for c in found]


def test_the_phase_plane_of_the_bistable_circuit_shows_both_stable_points_and_the_saddle():
    flow = flows.bistable()
    points = fixed_point(flow, starts=5, deflate=3)
    ax = plot.phase_plane(flow, "layer.h[0]", "layer.h[1]", points=points)
    names = ["layer.h[0] constant", "layer.h[1] constant", "stable point", "saddle"]
    assert drawn(ax) == names
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
    drawn(ax)
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
    assert drawn(ax)[-1] == "unstable point"


def test_trajectories_follow_the_flow_to_its_stable_point():
    flow = flows.linear(np.array([[-1.0, -3.0], [3.0, -1.0]]), np.array([1.0, 0.0]))
    point = fixed_point(flow)
    ax = plot.phase_plane(flow, "x[0]", "x[1]", points=point, trajectories=5)
    assert "trajectory" in drawn(ax)
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
    assert drawn(ax) == ["x[1] constant", "trajectory"]
    (line,) = nullclines(ax)
    assert line[:, 0].max() == pytest.approx(0.5, abs=0.04)
    assert all(np.max(line.get_xdata()) <= 0.5 for line in ax.lines)


def test_a_plane_that_makes_no_sense_is_refused():
    flow = flows.bistable()
    with pytest.raises(UnknownMemberError, match=r"'layer.h\[2\]'; did you mean 'layer.h"):
        plot.phase_plane(flow, "layer.h[2]", "layer.h[1]")
    with pytest.raises(ParameterError, match="stands for 2 states"):
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
        plot.save(plot.phase_plane(flow, "layer.h[0]", "layer.h[1]"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
