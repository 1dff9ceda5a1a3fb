"""States of one unit share one scale: their largest size, or the typical size if all are zero."""

import numpy as np

from dendrosim.stability.vector_field.typical_scales import scales_by_unit

UNITS = ["V", "V", "S", "S", "1"]


def test_states_of_one_unit_share_their_largest_size():
    sizes = np.array([0.07, 0.05, 2e-9, 3e-9, 4.0])
    np.testing.assert_array_equal(scales_by_unit(UNITS, sizes), [0.07, 0.07, 3e-9, 3e-9, 4.0])


def test_states_that_are_all_zero_have_the_typical_size_of_their_unit():
    found = scales_by_unit([*UNITS, "A", "m^-3 mol"], np.zeros(7))
    np.testing.assert_array_equal(found, [1e-2, 1e-2, 1e-8, 1e-8, 1.0, 1e-10, 1.0])


def test_sizes_that_are_not_finite_or_negligible_are_no_scale():
    sizes = np.array([np.inf, 0.05, 1e-18, 0.0, np.nan])
    np.testing.assert_array_equal(scales_by_unit(UNITS, sizes)[[0, 2, 4]], [1e-2, 1e-18, 1.0])
    np.testing.assert_array_equal(scales_by_unit(UNITS, sizes, 1e-9)[2:4], [1e-8, 1e-8])
