"""Figures of sparse matrices show weights where units are connected."""

import numpy as np
import pytest
import sparse_layer as layer

import dendrosim as ds
from dendrosim.plot._overview import overview
from dendrosim.plot.weight_arrays import weight_courses, weight_image


@pytest.fixture(scope="module")
def result():
    return ds.run(layer.protocol(layer.HEBB, recordings=layer.EVERYTHING), backend="numpy")


def test_the_image_is_empty_where_there_is_no_connection(result):
    image, pre, post = weight_image(result, "w", result.final["w"])
    where = layer.mask() == 1
    assert (pre, post) == ("image", "cell")
    assert np.array_equal(np.isnan(image), ~where)
    assert np.array_equal(image[where], result.state["w"])


def test_courses_are_named_by_their_units(result):
    course, names = weight_courses(result, "w")
    assert course.shape == (20, layer.PATCHES.count)
    post, pre = np.nonzero(layer.mask())
    assert names == [f"{i} → {j}" for i, j in zip(pre, post, strict=True)]


def test_all_figures_of_an_overview_are_drawn(result):
    figures = overview(result)
    assert {"weights_w", "weight_traces_w", "plasticity_w"} <= set(figures)
    for draw in figures.values():
        draw()


def test_weights_are_given_by_one_name(result):
    with pytest.raises(ds.errors.SpecError, match="name of the weights"):
        ds.plot.weight_traces(result, ["w"])
