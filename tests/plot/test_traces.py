"""Figures of results show the data they are given, with units on their axes."""

import warnings

import numpy as np
import pytest
import result_examples as examples
from drawing import drawn, legend_texts
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from dendrosim import plot
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.plot.style import POINTS, thin
from dendrosim.results.result import Result
from dendrosim.results.result_data import Trace


def test_traces_have_a_panel_per_variable_with_units():
    panels = plot.traces(examples.result(units=3))
    assert [p.get_ylabel() for p in panels] == ["soma\nv (mV)", "soma\nu", "soma\ndrive (mV)"]
    assert panels[-1].get_xlabel() == "time (ms)"
    assert [len(p.lines) for p in panels] == [3, 3, 3]
    drawn(panels[0])


def test_traces_are_the_recorded_numbers():
    result = examples.result(units=4, batch=3)
    (panel,) = plot.traces(result, "soma.v", units=[2], sample=1)
    (line,) = panel.lines
    np.testing.assert_allclose(line.get_xdata(), 1e3 * result["soma.v"]["time"])
    np.testing.assert_allclose(line.get_ydata(), 1e3 * result["soma.v"].sel(unit=2, sample=1))


def test_traces_of_many_units_show_six_and_say_so():
    (panel,) = plot.traces(examples.result(units=30), "soma.v")
    assert len(panel.lines) == 6
    titles = [legend.get_title().get_text() for legend in panel.findobj(Legend)]
    assert "unit (6 of 30)" in titles
    assert {"0", "29"} <= set(legend_texts(panel))


def test_few_phases_are_named_and_many_are_not():
    few, many = examples.result(trials=6), examples.result(trials=7)
    (panel,) = plot.traces(few, "soma.v")
    assert {"free", "learning"} <= set(legend_texts(panel))
    (panel,) = plot.traces(many, "soma.v")
    assert "free" not in legend_texts(panel)


def test_legends_lie_beside_the_data():
    (panel,) = plot.traces(examples.result(), "soma.v")
    figure = drawn(panel)
    for legend in panel.findobj(Legend):
        box = legend.get_window_extent()
        assert not box.overlaps(panel.get_window_extent())
        assert figure.bbox.containsx(box.x1)
        assert figure.bbox.containsy(box.y1)


def test_traces_draw_into_given_axes():
    ax = Figure().subplots()
    assert plot.traces(examples.result(), ["soma.v", "soma.drive"], units=[0], ax=ax) is ax
    assert len(ax.lines) == 2
    assert ax.get_ylabel() == "value (mV)"
    assert {"soma v 0", "soma drive 0"} <= set(legend_texts(ax))
    with pytest.raises(ParameterError, match="different units"):
        plot.traces(examples.result(), ["soma.v", "soma.u"], ax=ax)


def test_traces_break_where_the_recording_paused():
    result = examples.result(units=1, trials=2)
    kept = np.r_[0:10, 25:40]
    result.traces["soma.v"] = Trace(*(part[kept] for part in result.traces["soma.v"]))
    (panel,) = plot.traces(result, "soma.v")
    values = panel.lines[0].get_ydata()
    assert np.flatnonzero(np.isnan(values)).tolist() == [10]
    np.testing.assert_allclose(np.delete(values, 10), 1e3 * result["soma.v"][:, 0])


def test_traces_name_what_was_not_recorded():
    result = examples.result(batch=2, kept_units=(1, 2))
    for options in ({"names": "soma.z"}, {"units": [0]}, {"sample": 2}):
        with pytest.raises(UnknownNameError):
            plot.traces(result, **options)


def test_long_lines_are_thinned_to_their_extremes():
    x = np.arange(50 * POINTS, dtype=float)
    y = np.sin(x)
    y[777], y[99999] = 3.0, -4.0
    few_x, few_y = thin(x, y)
    assert len(few_x) < 2.1 * POINTS
    assert few_y.max() == 3.0
    assert few_y.min() == -4.0
    assert (few_x[0], few_x[-1]) == (x[0], x[-1])
    np.testing.assert_array_equal(few_y, y[few_x.astype(int)])


def test_weights_image_is_the_matrix_centred_at_zero():
    result = examples.result(units=3, inputs=4)
    ax = plot.weights(result, "w")
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), result.state["w"])
    low, high = image.get_clim()
    assert low == -high == -np.abs(result.state["w"]).max()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("source unit (pre)", "soma unit (post)")
    assert image.colorbar.ax.get_ylabel() == "weight w (V)"
    drawn(ax)


@pytest.mark.parametrize(
    ("when", "index", "title"),
    [("start", 0, "w at the start"), (0.024, 2, "w at 24 ms"), ("20 ms", 1, "w at 19 ms")],
)
def test_weights_at_another_time(when, index, title):
    result = examples.result()
    ax = plot.weights(result, "w", when=when)
    np.testing.assert_allclose(ax.images[0].get_array(), result["w"][index])
    assert ax.get_title(loc="left") == title


def test_weights_need_a_matrix():
    for name in ("v", "soma.v"):
        for draw in (plot.weights, plot.weight_traces, plot.weight_distribution):
            with pytest.raises(UnknownNameError, match=f"unknown weights '{name}'; there are: w"):
                draw(examples.result(), name)


def test_weight_traces_show_weights_and_their_root_mean_square():
    result = examples.result(units=3, inputs=2)
    ax = plot.weight_traces(result, "w")
    assert len(ax.lines) == 7
    rms = next(line for line in ax.lines if line.get_label() == "root mean square")
    frobenius = np.linalg.norm(result["w"], axis=(1, 2))
    np.testing.assert_allclose(rms.get_ydata(), frobenius / np.sqrt(6))
    assert "[2, 1]" in legend_texts(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "weight w (V)")


def test_weight_traces_of_many_say_how_many():
    ax = plot.weight_traces(examples.result(units=10, inputs=10), "w", count=12)
    assert len(ax.lines) == 13
    assert "12 of 100 weights" in legend_texts(ax)
    drawn(ax)


def test_plasticity_is_the_slope_of_the_weights():
    result = examples.result()
    time = np.array([0.0, 0.5, 1.5])
    weights = time[:, None, None] * np.full((3, 4), 2.0)
    result.traces["w"] = Trace(time, weights)
    ax = plot.plasticity(result)
    np.testing.assert_allclose(
        ax.lines[0].get_xdata(), [250.0, 1000.0]
    )  # in ms, the unit of all figures of this short run
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.0, 2.0])
    assert "(V/s)" in ax.get_ylabel()
    with pytest.raises(UnknownNameError, match="unknown recording of weights"):
        plot.plasticity(result, "z")


def diverged():
    result = examples.result()
    for trace in result.traces.values():
        trace.values[-3:] = np.nan
    result.state["w"][:] = np.nan
    return result


def constant():
    result = examples.result()
    for trace in result.traces.values():
        trace.values[:] = 0.0
    result.state["w"][:] = 0.0
    return result


def cut(instants):
    result = examples.result()
    kept = {k: Trace(t.time[:instants], t.values[:instants]) for k, t in result.traces.items()}
    return Result(result.protocol, kept, result.state)


RESULTS = {
    "single precision": lambda: examples.result(dtype=np.float32),
    "batch": lambda: examples.result(batch=3, kept_units=(1,), kept_samples=(0, 2)),
    "one unit, one input": lambda: examples.result(units=1, inputs=1),
    "elongated matrix": lambda: examples.result(units=1, inputs=40),
    "diverged": diverged,
    "constant": constant,
    "one instant": lambda: cut(1),
    "nothing recorded yet": lambda: cut(0),
    "no recordings": lambda: Result(examples.protocol(), {}, {}),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_overview_draws_every_result(kind):
    result = RESULTS[kind]()
    figures = plot.overview(result)
    assert ("weights_w" in figures) == bool(result.state)
    assert ("traces_soma" in figures) == bool(result.traces)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in figures.values():
            figure = draw()
            assert isinstance(figure, Figure)
            figure.canvas.draw()


def test_overview_names_its_figures_after_what_they_show():
    names = set(plot.overview(examples.result()))
    assert names == {"traces_soma", "weights_w", "weight_traces_w", "plasticity_w"}
