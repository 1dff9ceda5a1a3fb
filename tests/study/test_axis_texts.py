"""Texts of the values over which a parameter varies."""

import numpy as np
import pytest

from dendrosim.errors import DendrosimError, ParameterError, UnitError, UsageError
from dendrosim.library.parameters import declare_parameter
from dendrosim.study.axis_texts import read_span, read_values, split_outside
from dendrosim.units import Quantity, quantity

MU = declare_parameter("mu", float, 0.1, "", bounds={"above": 0.0, "below": 1.0})
TAU = declare_parameter("tau", Quantity, "10 ms", "")
SAMPLES = declare_parameter("samples", int | None, None, "")
SIZES = declare_parameter("sizes", tuple[int, ...], (5, 5), "")
CURRENTS = declare_parameter("currents", tuple[Quantity, ...], ("0 pA",), "")
TRANSFER = declare_parameter("transfer", str, "linear", "")


def test_a_range_has_both_ends_and_equal_steps():
    values = read_values(MU, "0.05:0.45:40")
    assert len(values) == 40
    assert np.allclose(values, np.linspace(0.05, 0.45, 40), rtol=1e-15)
    assert (values[0], values[-1]) == (0.05, 0.45)


def test_values_of_a_range_are_the_doubles_nearest_to_the_decimal_numbers():
    assert read_values(MU, "0.1:0.9:9") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_a_range_has_units():
    assert read_values(TAU, "5 ms:20 ms:4") == ["5 ms", "10 ms", "15 ms", "20 ms"]
    mixed = [quantity(v).value for v in read_values(TAU, "500 us:2 ms:4")]
    assert mixed == pytest.approx([0.5e-3, 1e-3, 1.5e-3, 2e-3], rel=1e-15)


def test_a_range_may_go_down_and_be_of_whole_numbers():
    assert read_values(SAMPLES, "400:100:4") == [400, 300, 200, 100]
    assert all(type(v) is int for v in read_values(SAMPLES, "400:100:4"))


@pytest.mark.parametrize(
    ("parameter", "text", "values"),
    [
        (TRANSFER, "linear,smooth_leaky", ["linear", "smooth_leaky"]),
        (TRANSFER, "'a,b',c:d", ["a,b", "c:d"]),
        (SIZES, "[5,4],[6, 5, 4]", [(5, 4), (6, 5, 4)]),
        (CURRENTS, "[0 pA],[0 pA, '20 pA']", [("0 pA",), ("0 pA", "20 pA")]),
        (MU, "0.1, 0.2:0.4:3", [0.1, 0.2, 0.3, 0.4]),
        (SAMPLES, "none,64", [None, 64]),
        (TAU, '"5 ms",10 ms', ["5 ms", "10 ms"]),
    ],
)
def test_commas_outside_of_brackets_and_quotes_separate_values(parameter, text, values):
    assert read_values(parameter, text) == values


@pytest.mark.parametrize(
    ("parameter", "text", "error", "message"),
    [
        (MU, "0.1,,0.2", UsageError, "value 2 of 3 is empty"),
        (MU, "", UsageError, "value 1 of 1 is empty"),
        (MU, "0.1:0.2", UsageError, "START:STOP:COUNT, as in '5:20:4', or START:STOP with --sampling"),
        (TAU, "5 ms:20 ms", UsageError, "as in '5 ms:20 ms:4'"),
        (MU, "0.1:0.2:0", ParameterError, "COUNT of START:STOP:COUNT must be a whole number from 2"),
        (MU, "0.1:0.2:1", ParameterError, "has 1 values"),
        (MU, "0.1:0.2:many", ParameterError, "has many values"),
        (MU, "0.1:0.2:3:4", UsageError, "is no range"),
        (MU, "0.1:2:3", ParameterError, "mu is 2.0; it must lie between 0"),
        (MU, "0.1:inf:3", DendrosimError, "inf"),
        (TAU, "5:20 ms:4", UnitError, "'5' has no unit.*write a number and a unit"),
        (TAU, "5 ms:20 mV:4", UnitError, "'20 mV' is in V, it must be in ms"),
        (TAU, "5,10 ms", UnitError, "'5' has no unit"),
        (CURRENTS, "[0, 20 pA]", UnitError, "'0' has no unit"),
        (SAMPLES, "1:4:3", ParameterError, "has the value 2.5, which is not whole"),
        (SIZES, "[5,4", UsageError, "bracket without its other half"),
        (SIZES, "5,4]", UsageError, "bracket without its other half"),
        (TRANSFER, "'linear", UsageError, "quotation mark ' without its other half"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(parameter, text, error, message):
    with pytest.raises(error, match=message) as caught:
        read_values(parameter, text)
    assert caught.type is error or error is DendrosimError


def test_a_span_has_two_ends_and_texts_have_none():
    assert read_span(MU, "0.1:0.4") == (0.1, 0.4)
    assert read_span(TAU, "5 ms:20 ms") == ("5 ms", "20 ms")
    assert read_span(MU, "0.1:0.4:3") is None
    assert read_span(TRANSFER, "a:b") is None


def test_parts_are_split_where_no_bracket_is_open():
    assert split_outside("a,[b,[c,d]],'e,f'", ",") == ["a", "[b,[c,d]]", "'e,f'"]
