"""Labels with units, and lines that are thinned."""

import numpy as np
import pytest

from dendrosim.plot.style import si_label


@pytest.mark.parametrize(
    ("units", "values", "factor", "label"),
    [
        ("s", [0.0, 0.2], 1e3, "x (ms)"),
        ("s", [0.0, 5e-4], 1e6, "x (µs)"),
        ("s", [0.0, 1.0], 1.0, "x (s)"),
        ("s", [0.0, 5e4], 1.0, "x (s)"),
        ("V", [-0.07, 0.0], 1e3, "x (mV)"),
        ("A", [2e-10], 1e12, "x (pA)"),
        ("ohm", [2e7], 1e-6, "x (MΩ)"),
        ("Hz", [40.0], 1.0, "x (Hz)"),
        ("V", [0.0], 1.0, "x (V)"),
        ("V", [np.nan, 0.02], 1e3, "x (mV)"),
        ("V", [], 1.0, "x (V)"),
        ("1", [1e-6], 1.0, "x"),
    ],
)
def test_units_read_well(units, values, factor, label):
    assert si_label("x", units, values) == (pytest.approx(factor), label)


def test_products_of_units_keep_the_scale_of_the_data():
    factor, label = si_label("g", "m^-2 S", [1e-6])
    assert factor == 1.0
    assert "S" in label
