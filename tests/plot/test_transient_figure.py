"""The figure of transient growth shows the norm of the propagator, with its slopes and its peak."""

import flows
import numpy as np
import pytest
import scipy.sparse as sp
from drawing import drawn_legend, labelled

import dendrosim as ds
from dendrosim import plot
from dendrosim.cli.stability_report import transient_plain
from dendrosim.errors import ParameterError
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.spectrum.transient_growth import propagator, transient_growth


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
    assert len(drawn_legend(ax)) == 4


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
    assert not any("peak" in text for text in drawn_legend(ax))


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
    peak = (
        labelled(ax, "peak").get_ydata()[0] if any("peak" in t for t in drawn_legend(ax)) else 1.0
    )
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
    drawn_legend(ax)
    curve = labelled(ax, "‖exp(J t)‖").get_ydata()
    line = labelled(ax, "spectral abscissa").get_ydata()
    assert np.all(curve <= 1.01 * line)


@pytest.mark.parametrize("duration", [0.0, -1.0, np.nan])
def test_a_duration_must_be_positive(duration):
    with pytest.raises(ParameterError, match="duration must be positive"):
        plot.transient(flows.linear(-np.eye(2), np.zeros(2)), duration)


def test_a_repeated_eigenvalue_without_eigenvectors_multiplies_by_time():
    """A chain of three equal decays: exp(J t) is exp(-t) times (1, t, t^2/2), with the factor 10 per link."""
    matrix = -np.eye(3) + 10.0 * np.eye(3, k=1)
    ax = plot.transient(flows.linear(matrix, np.ones(3)), 30.0)
    line = labelled(ax, "spectral abscissa \N{MINUS SIGN}1/s, times t^2")
    t = line.get_xdata()[1:]
    np.testing.assert_allclose(line.get_ydata()[1:], 50.0 * t**2 * np.exp(-t), rtol=0.02)
    equal = plot.transient(flows.linear(-np.eye(3), np.ones(3)), 3.0)
    assert not any("times t" in text for text in drawn_legend(equal))
