"""Locally connected layers: patches are where the definition of a convolution has them."""

import numpy as np
import pytest
import sparse_layer as layer
from hypothesis import assume, given
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.errors import ParameterError, ShapeError, SpecError

SMALL = st.integers(1, 6)


@given(
    height=SMALL, width=SMALL, channels=st.integers(1, 3), filters=st.integers(1, 3), kernel=st.integers(1, 8),
    stride=st.integers(1, 3), padding=st.sampled_from(["same", "valid"]),
)  # fmt: skip
def test_units_see_their_patch(**fields):
    try:
        rule = ds.LocalPatches(**fields)
    except ShapeError:
        rule = None
    assume(rule is not None)
    where = layer.mask(rule)
    assert rule.shape == where.shape
    assert rule.count == rule.expected(*rule.shape) == where.sum()
    post, pre = rule.draw(*rule.shape, False, np.random.default_rng(0))
    found = np.zeros(where.shape)
    np.add.at(found, (post, pre), 1)
    assert np.array_equal(found, where)


def test_an_inner_unit_sees_all_channels_of_its_patch():
    rule = ds.LocalPatches(height=5, width=5, channels=2, filters=1, kernel=3)
    post, pre = rule.draw(*rule.shape, False, np.random.default_rng(0))
    rows = np.array([1, 2, 3])  # around place (2, 2)
    places = (rows[:, None] * 5 + rows).ravel()
    assert sorted(pre[post == 12]) == sorted([*(2 * places), *(2 * places + 1)])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kernel": 9, "padding": "valid"}, ShapeError, "larger than height = 8"),
        ({"kernel": 8, "width": 6}, ShapeError, "the kernel is 8, larger than width = 6; choose at most 6"),
        ({"stride": 3}, ShapeError, "do not tile the image: height = 8 is not a multiple of stride = 3"),
        ({"stride": 2, "kernel": 3, "padding": "valid"}, ShapeError, "height - kernel = 5"),
        ({"filters": 0}, ParameterError, "filters"),
        ({"channels": 1.5}, SpecError, "channels"),
        ({"padding": "full"}, SpecError, "padding"),
    ],
)  # fmt: skip
def test_patches_that_do_not_fit_are_refused(changes, error, message):
    fields = {"height": 8, "width": 8, "channels": 3, "filters": 4, "kernel": 3}
    with pytest.raises(error, match=message):
        ds.LocalPatches(**{**fields, **changes})
