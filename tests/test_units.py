"""Units mean what they mean in Brian2, text is read exactly, and unreadable text is a UnitError."""

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrosim.errors import UnitError
from dendrosim.units import DIMENSIONLESS, UNITS, Quantity, quantity, unit, unit_name

NAMES = sorted(UNITS)


def test_units_that_brian2_knows_have_its_value_and_dimension():
    from brian2.core.namespace import DEFAULT_UNITS

    shared = [name for name in NAMES if name in DEFAULT_UNITS]
    assert {"ms", "mV", "pA", "nS", "Hz", "mM", "Mohm", "pF", "um", "kelvin"} <= set(shared)
    for name in shared:
        dimension, factor = UNITS[name]
        theirs = DEFAULT_UNITS[name]
        assert dimension == tuple(float(e) for e in theirs.dim._dims), name
        assert factor == pytest.approx(float(theirs), rel=1e-12), name


@pytest.mark.parametrize(
    ("symbol", "long"),
    [
        ("m", "metre"), ("s", "second"), ("A", "amp"), ("K", "kelvin"), ("mol", "mole"), ("V", "volt"),
        ("cd", "candle"), ("S", "siemens"), ("F", "farad"), ("C", "coulomb"), ("N", "newton"),
        ("J", "joule"), ("W", "watt"), ("Pa", "pascal"), ("M", "molar"), ("g", "gram"), ("Hz", "hertz"),
    ],
)  # fmt: skip
def test_a_symbol_and_its_long_name_are_the_same_unit_under_every_prefix(symbol, long):
    for prefix in ("", "f", "p", "n", "u", "m", "c", "d", "k", "M", "G"):
        assert UNITS[prefix + symbol] == UNITS[prefix + long]


@pytest.mark.parametrize(
    ("text", "value", "name"),
    [
        ("20 ms", 0.02, "s"),
        ("13ms", 0.013, "s"),
        ("-70 mV", -0.07, "V"),
        ("1e3 Hz", 1000.0, "Hz"),
        ("+.5", 0.5, "1"),
        ("3.", 3.0, "1"),
        ("2 mV/ms", 2.0, "V/s"),
        ("4 nS*mV", 4e-12, "A"),
        ("4 nS mV", 4e-12, "A"),
        ("10 uF/cm**2", 0.1, "m^-4 kg^-1 s^4 A^2"),
        ("10 uF cm^-2", 0.1, "m^-4 kg^-1 s^4 A^2"),
        ("2 cm2", 2e-4, "m^2"),
        ("6 1/s", 6.0, "Hz"),
        ("100 Mohm", 1e8, "ohm"),
        ("2 mM", 2.0, "m^-3 mol"),
        ("5 kg", 5.0, "kg"),
    ],
)
def test_text_is_read_as_physicists_write_it(text, value, name):
    read = quantity(text)
    assert read.value == pytest.approx(value, rel=1e-15)
    assert read.dimension == unit(name)[0]
    assert unit(read.unit) == (read.dimension, 1.0)


@given(st.integers(-100000, 100000), st.sampled_from(["ms", "mV", "pA", "nS", "us", "kHz", "volt"]))
def test_whole_numbers_of_a_unit_give_the_double_that_brian2_gives(number, name):
    from brian2.core.namespace import DEFAULT_UNITS

    ours = quantity(f"{number} {name}").value
    assert ours == pytest.approx(float(number * DEFAULT_UNITS[name]), rel=3e-16, abs=0)
    exponent = {"p": -12, "n": -9, "u": -6, "m": -3, "k": 3}.get(name[0], 0)
    assert ours == float(f"{number}e{exponent}")


_exponents = st.one_of(st.integers(-4, 4).map(float), st.sampled_from([0.5, -0.5, 1.5]))


@given(st.tuples(*[_exponents] * 7))
def test_every_dimension_has_a_name_that_reads_back(dimension):
    assert unit(unit_name(dimension)) == (dimension, 1.0)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.data())
def test_products_and_quotients_multiply_factors_and_add_exponents(names, data):
    operators = [data.draw(st.sampled_from("*/")) for _ in names[1:]]
    powers = [data.draw(st.integers(-2, 3)) for _ in names]
    text, factor, dimension = "", 1.0, np.zeros(7)
    for operator, name, power in zip(["", *operators], names, powers, strict=True):
        text += f"{operator}{name}^{power}"
        sign = -1 if operator == "/" else 1
        factor *= UNITS[name][1] ** (sign * power)
        dimension += sign * power * np.array(UNITS[name][0])
    read, scale = unit(text)
    assert read == tuple(dimension)
    assert scale == pytest.approx(factor, rel=1e-12)


@given(st.text(max_size=30))
def test_garbage_is_a_unit_error_and_nothing_else(text):
    for reader in (unit, quantity):
        with suppress(UnitError):
            reader(text)


@given(st.text(alphabet="0123456789.eE+-*/^ msVAHzinfkMG()", max_size=25))
def test_text_that_nearly_is_a_quantity_is_read_or_refused(text):
    try:
        value = quantity(text)
    except UnitError:
        return
    assert isinstance(value.value, float)
    assert not math.isnan(value.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("20 MS/x", "unknown unit 'x'"),
        ("20 mvolts", "did you mean 'mvolt'"),
        ("20 hz", "did you mean 'Hz'"),
        ("twenty ms", "write a number and a unit"),
        ("20 ms*", "ends with '*'"),
        ("", "write a number and a unit"),
        ("3 km^400", "a power must not exceed"),
    ],
)
def test_the_message_says_what_to_write(text, hint):
    with pytest.raises(UnitError) as raised:
        quantity(text)
    assert hint in str(raised.value)


def test_lists_must_agree_in_dimension():
    assert np.array_equal(quantity(["1 mV", "2 mV"]).value, [1e-3, 2e-3])
    with pytest.raises(UnitError, match="different units"):
        quantity(["1 mV", "2 ms"])


def test_arrays_inside_quantities_are_read_only_copies():
    source = np.array([1.0, 2.0])
    kept = quantity(source)
    source[0] = 5.0
    assert kept == Quantity(np.array([1.0, 2.0]), DIMENSIONLESS)
    with pytest.raises(ValueError, match="read-only"):
        kept.value[0] = 3.0


def test_a_brian2_quantity_is_accepted():
    from brian2 import mV, nS

    assert quantity(3 * nS * mV) == Quantity(float(3 * nS * mV), unit("A")[0])


def test_objects_that_are_no_numbers_are_refused():
    for value in (object(), {"a": 1}, [1, "x y"], [[1, 2], [3]], None):
        with pytest.raises(UnitError):
            quantity(value)


def test_an_array_with_masked_elements_is_refused_because_their_numbers_are_not_meant():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for read in (quantity, Quantity):
        with pytest.raises(UnitError, match="masked elements"):
            read(masked)
    assert quantity(np.ma.masked_array([1.0, 2.0])).value.tolist() == [1.0, 2.0]
