"""The figure of angles shows each layer against each direction, on one scale."""

import numpy as np
import pytest
from matplotlib.legend import Legend

from dendrosim import plot
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.plot.style import figure_of

TRIALS = np.arange(0, 500, 25)


def courses(layers=3, start=80.0, times=TRIALS):
    """Angles that fall, those of later layers faster."""
    return np.stack([start * np.exp(-times / (300.0 / (k + 1))) for k in range(layers)], axis=1)


def three_directions():
    return {
        "back-propagation": courses(),
        "Gauss-Newton": courses(start=70.0),
        "damped Gauss-Newton": courses(start=60.0),
    }


def test_every_direction_has_a_panel_and_every_layer_a_line():
    given = three_directions()
    axes = plot.angles(TRIALS, given, title="two phases")
    assert axes.shape == (3,)
    assert [a.get_title(loc="left") for a in axes] == list(given)
    for ax, values in zip(axes, given.values(), strict=True):
        *layers, limit = ax.lines
        assert [line.get_label() for line in layers] == ["layer 1", "layer 2", "layer 3"]
        for line, course in zip(layers, values.T, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), TRIALS)
            np.testing.assert_array_equal(line.get_ydata(), course)
        assert list(limit.get_ydata()) == [90.0, 90.0]
        assert ax.get_xlabel() == "trial"
    assert [a.get_ylabel() for a in axes] == ["angle (degrees)", "", ""]
    figure = figure_of(axes)
    assert figure.get_suptitle() == "two phases"
    figure.canvas.draw()


def test_a_layer_has_one_colour_and_the_legend_stands_once():
    axes = plot.angles(TRIALS, three_directions())
    colours = [[line.get_color() for line in ax.lines[:3]] for ax in axes]
    np.testing.assert_array_equal(colours[0], colours[1])
    assert len(np.unique(colours[0], axis=0)) == 3
    (legend,) = figure_of(axes).findobj(Legend)
    assert [t.get_text() for t in legend.get_texts()] == ["layer 1", "layer 2", "layer 3"]


@pytest.mark.parametrize(
    ("largest", "top"), [(20.0, 93.6), (100.0, 104.0), (179.0, 180.0), (np.nan, 93.6)]
)
def test_panels_share_a_scale_from_0_to_90_or_more(largest, top):
    axes = plot.angles([0, 1], {"a": [[10.0], [20.0]], "b": [[largest], [5.0]]})
    for ax in axes:
        assert ax.get_ylim() == pytest.approx((0.0, top))
        assert ax.get_yticks()[-1] == 30 * (top // 30)


def test_a_single_time_shows_as_dots():
    (ax,) = plot.angles([100], {"Gauss-Newton": [[10.0, 20.0]]}, xlabel="sample")
    assert [line.get_marker() for line in ax.lines[:2]] == ["o", "o"]
    assert ax.get_xlabel() == "sample"


def test_angles_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="at least one direction"):
        plot.angles(TRIALS, {})
    for bad in (courses()[1:], courses()[:, 0], courses(layers=2)):
        with pytest.raises(ShapeError, match="'b' has shape"):
            plot.angles(TRIALS, {"a": courses(), "b": bad})


def test_saved_figures_are_reproducible(tmp_path):
    for name in "ab":
        plot.save(plot.angles(TRIALS, three_directions()), tmp_path / name, "png,svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
