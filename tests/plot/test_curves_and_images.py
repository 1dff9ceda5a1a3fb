"""Figures of curves and of grids of images."""

import numpy as np
import pytest
import result_examples as examples
from drawing import drawn, legend_texts

from dendrosim import plot
from dendrosim.errors import ShapeError


def test_curve_shows_the_optimum_as_a_dashed_line():
    x = np.arange(50.0)
    ax = plot.curve(
        x, {"local": 1 + np.exp(-x), "backprop": 1 + np.exp(-2 * x)}, 1.0, ylabel="loss"
    )
    assert legend_texts(ax) == ["local", "backprop", "optimum"]
    reference = ax.lines[-1]
    assert set(reference.get_ydata()) == {1.0}
    assert reference.is_dashed()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("time (s)", "loss", "linear")
    drawn(ax)


def test_curve_is_logarithmic_where_that_shows_more():
    x = np.arange(50.0)
    assert plot.curve(x, np.exp(-x)).get_yscale() == "log"
    assert plot.curve(x, np.exp(-x) - 0.5).get_yscale() == "linear"
    assert plot.curve(x, np.exp(-x), log=False).get_yscale() == "linear"
    assert plot.curve(x, np.full(50, np.nan)).get_yscale() == "linear"


def test_receptive_fields_are_rows_of_the_matrix():
    matrix = np.random.default_rng(0).normal(size=(6, 64)).astype(np.float32)
    ax = plot.receptive_fields(matrix, columns=3)
    picture = ax.images[0].get_array()
    np.testing.assert_array_equal(picture[:8, :8], matrix[0].reshape(8, 8))
    np.testing.assert_array_equal(picture[9:17, 18:26], matrix[5].reshape(8, 8))
    low, high = ax.images[0].get_clim()
    assert low == -high
    drawn(ax)


def test_receptive_fields_take_a_labelled_matrix():
    result = examples.result(units=5, inputs=6)
    ax = plot.receptive_fields(result.final["w"], shape=(2, 3))
    assert ax.images[0].colorbar.ax.get_ylabel() == "weight w (V)"


def test_images_are_the_samples_with_wrong_labels_marked():
    samples = np.random.default_rng(0).uniform(size=(5, 6))
    ax = plot.images(
        samples, labels=[1, 2, 3, 4, 5], truth=[1, 2, 9, 4, 5], shape=(2, 3), columns=5
    )
    picture = ax.images[0].get_array()
    np.testing.assert_array_equal(picture[:2, :3], samples[0].reshape(2, 3))
    np.testing.assert_array_equal(picture[:2, -3:], samples[4].reshape(2, 3))
    texts = [t.get_text() for t in ax.texts]
    assert texts == ["1", "2", "3 (9)", "4", "5"]
    assert ax.texts[2].get_color() != ax.texts[1].get_color()
    drawn(ax)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="8 x 8 = 64 pixels"):
        plot.images(np.zeros((3, 63)))
    with pytest.raises(ShapeError, match="2 labels for 3 images"):
        plot.images(np.zeros((3, 64)), labels=[1, 2])
