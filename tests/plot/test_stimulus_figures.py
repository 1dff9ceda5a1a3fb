"""Figures of responses to stimuli: families of curves, the window of coincidence, panels side by side."""

import numpy as np
import pytest
from drawing import drawn, legend_texts
from matplotlib.colors import to_rgba
from matplotlib.legend import Legend

from dendrosim import plot
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError


def ms(values):
    return 1e-3 * np.asarray(values, dtype=float)


LABELS = {"xlabel": "somatic current (pA)", "ylabel": "event rate (Hz)", "parameter": "I (pA)"}


def test_families_are_ordered_by_their_parameter_from_dark_to_light():
    x = np.arange(5.0)
    ax = plot.families(x, {200: 3 * x, 0: x, 100: 2 * x}, **LABELS)
    assert legend_texts(ax) == ["0", "100", "200"]
    for factor, line in enumerate(ax.lines, start=1):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([x, factor * x]))
    brightness = [sum(to_rgba(line.get_color())[:3]) for line in ax.lines]
    assert brightness == sorted(brightness)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (LABELS["xlabel"], LABELS["ylabel"])
    assert [x.get_title().get_text() for x in ax.findobj(Legend)] == ["I (pA)"]
    drawn(ax)


def test_bands_lie_around_their_curve():
    x = np.arange(5.0)
    ax = plot.families(x, {0: x, 1: 2 * x}, bands={1: (2 * x - 1, 2 * x + 2)}, **LABELS)
    (band,) = ax.collections
    (path,) = band.get_paths()
    corners = set(map(tuple, path.vertices.tolist()))
    assert {(v, 2 * v - 1) for v in x} | {(v, 2 * v + 2) for v in x} <= corners
    np.testing.assert_array_equal(band.get_facecolor()[0][:3], to_rgba(ax.lines[1].get_color())[:3])


def test_many_curves_have_a_colour_scale():
    x = np.arange(5.0)
    ax = plot.families(x, {10.0 * k: k * x for k in range(12)}, **LABELS)
    figure = drawn(ax)
    scale = figure.axes[1]
    assert scale.get_ylabel() == "I (pA)"
    assert [t.get_text() for t in scale.get_yticklabels()] == ["0", "20", "40", "60", "80", "100"]
    assert ax.get_legend() is None


def test_families_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="curve 1 has shape"):
        plot.families([0, 1], {1: [0, 1, 2]}, **LABELS)
    with pytest.raises(ShapeError, match="band of curve 1"):
        plot.families([0, 1], {1: [0, 1]}, bands={1: ([0], [1])}, **LABELS)
    with pytest.raises(UnknownNameError, match="unknown curve of a band '2'"):
        plot.families([0, 1], {1: [0, 1]}, bands={2: ([0, 0], [1, 1])}, **LABELS)
    with pytest.raises(ParameterError, match="at least one curve"):
        plot.families([0, 1], {}, **LABELS)


def test_window_shows_thresholds_and_where_there_is_none():
    delays, thresholds = ms([20, -10, 0, 40]), [0.4e-9, np.nan, 0.3e-9, 1.2e-9]
    ax = plot.window(delays, thresholds, 1e-9, tried=1.5e-9)
    line, alone, missing = ax.lines
    np.testing.assert_allclose(line.get_xdata(), [-10, 0, 20, 40])
    np.testing.assert_allclose(line.get_ydata(), [np.nan, 0.3, 0.4, 1.2])
    assert set(alone.get_ydata()) == {1.0}
    assert alone.is_dashed()
    np.testing.assert_allclose(missing.get_xydata(), [[-10, 1.5]])
    assert missing.get_marker() == "^"
    (shade,) = ax.collections
    area = np.concatenate([p.vertices for p in shade.get_paths()])
    assert area[:, 1].max() == pytest.approx(1.0)
    assert area[:, 0].max() == pytest.approx(35.0)  # where the line crosses the dashed one
    assert ax.get_ylabel() == "dendritic threshold (nA)"
    assert ax.get_xlabel() == "delay after the somatic spike (ms)"
    assert ax.get_ylim()[0] == 0
    expected = ["with a somatic spike", "dendrite alone", "reduction", "above 1.5 nA"]
    assert legend_texts(ax) == expected
    drawn(ax)


def test_window_of_small_currents_is_in_picoampere():
    ax = plot.window(ms([0, 10]), [2e-10, 3e-10], 4e-10)
    assert ax.get_ylabel() == "dendritic threshold (pA)"
    assert legend_texts(ax) == ["with a somatic spike", "dendrite alone", "reduction"]


@pytest.mark.parametrize("thresholds", [[np.nan, np.nan], [np.nan, 3e-10]])
@pytest.mark.parametrize("tried", [None, 5e-10])
def test_window_where_the_dendrite_alone_has_no_threshold(thresholds, tried):
    ax = plot.window(ms([0, 10]), thresholds, np.nan, tried=tried)
    word = "not reached" if tried is None else "above 500 pA"
    assert {f"dendrite alone: {word}", word} <= set(legend_texts(ax))
    drawn(ax)


def test_window_needs_a_threshold_per_delay():
    with pytest.raises(ShapeError, match="delays have shape"):
        plot.window([0, 1], [1e-9], 1e-9)
    drawn(plot.window([], [], 1e-9))


TIME = np.linspace(0, 0.05, 51)
REST = np.full(51, -0.07)


def test_panels_show_voltages_above_their_currents():
    soma = REST + 0.01 * np.sin(100 * TIME)
    columns = {"soma alone": {"soma": (TIME, soma), "dendrite": (TIME, REST)}}
    columns["dendrite alone"] = {"soma": (TIME, REST), "dendrite": (TIME, soma)}
    pulse = 1e-9 * (TIME > 0.02)
    axes = plot.panels(columns, {"dendrite alone": {"dendrite": (TIME, pulse)}})
    assert axes.shape == (2, 2)
    np.testing.assert_allclose(axes[0, 0].lines[0].get_xdata(), 1e3 * TIME)
    np.testing.assert_allclose(axes[0, 0].lines[0].get_ydata(), 1e3 * soma)
    np.testing.assert_allclose(axes[1, 1].lines[0].get_ydata(), 1e9 * pulse)
    assert not axes[1, 0].lines
    colour = axes[0, 1].lines[1].get_color()
    assert axes[1, 1].lines[0].get_color() == colour == axes[0, 0].lines[1].get_color()
    assert [a.get_title(loc="left") for a in axes[0]] == ["soma alone", "dendrite alone"]
    assert [a.get_ylabel() for a in axes[:, 0]] == ["voltage (mV)", "current (nA)"]
    assert [a.get_xlabel() for a in axes[1]] == ["time (ms)", "time (ms)"]
    assert legend_texts(axes[0, 1]) == ["soma", "dendrite"]
    assert axes[0, 0].get_ylim() == axes[0, 1].get_ylim()
    drawn(axes[0, 0])


def test_spikes_are_drawn_up_to_their_peak():
    ramp = REST + TIME
    axes = plot.panels({"both": {"soma": (TIME, ramp)}}, spikes={"both": {"soma": [0.01, 0.0205]}})
    (marks,) = axes[0, 0].collections
    segments = marks.get_segments()
    np.testing.assert_allclose(segments, [[[10, -60], [10, 20]], [[20.5, -49.5], [20.5, 20]]])
    assert axes[0, 0].get_ylim()[1] >= 20
    drawn(axes[0, 0])


def test_panels_that_do_not_fit_are_refused():
    columns = {"both": {"soma": (TIME, REST)}}
    with pytest.raises(ParameterError, match="at least one column"):
        plot.panels({})
    with pytest.raises(UnknownNameError, match="unknown column 'bot'; did you mean 'both'"):
        plot.panels(columns, {"bot": {"soma": (TIME, REST)}})
    with pytest.raises(UnknownNameError, match="unknown voltage of 'both' 'some'"):
        plot.panels(columns, spikes={"both": {"some": [0.1]}})
    with pytest.raises(ShapeError, match=r"voltage 'soma' of 'both' has \(50,\) values"):
        plot.panels({"both": {"soma": (TIME, REST[1:])}})
