"""Parameter values: texts and Python values are read by their declared type, or refused by name."""

import math
from contextlib import suppress
from typing import Annotated, Literal, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrosim.errors import (
    DendrosimError,
    ParameterError,
    SpecError,
    UnitError,
    UnknownNameError,
    UsageError,
)
from dendrosim.library.circuit_parameters import parameters_of
from dendrosim.library.docstrings import parameter_texts, split_sections
from dendrosim.library.parameter_types import parameter_type, to_text
from dendrosim.library.parameters import complete_values, convert_to_si, read_texts
from dendrosim.library.signatures import read_signature
from dendrosim.units import Quantity, quantity

TRANSFER = Literal["linear", "relu"]

# annotation, default of a valid declaration
DECLARED = [
    (int, 1),
    (float, 1.0),
    (bool, True),
    (str, "a"),
    (TRANSFER, "relu"),
    (Quantity, "20 ms"),
    (tuple[float, ...], (1.0,)),
    (tuple[int, ...], (1,)),
    (tuple[str, ...], ()),
    (tuple[bool, ...], (True,)),
    (tuple[TRANSFER, ...], ("relu",)),
    (tuple[Quantity, ...], ("20 ms",)),
    (float | None, None),
    (Optional[tuple[int, ...]], None),  # noqa: UP045
    (TRANSFER | None, None),
    (Annotated[Quantity | None, "s"], None),
    (Quantity | None, None),
]
TYPES = [parameter_type(annotation, default) for annotation, default in DECLARED]


@pytest.mark.parametrize(
    ("annotation", "default", "text", "value"),
    [
        (float, 0.1, "3", 3.0),
        (float, 0.1, " -2.5e-3 ", -0.0025),
        (float, 0.1, "'0.5'", 0.5),
        (int, 1, "-7", -7),
        (bool, True, "No", False),
        (bool, False, "1", True),
        (bool, True, "off", False),
        (str, "", "two words", "two words"),
        (str, "", '"quoted"', "quoted"),
        (str, "", "it's", "it's"),
        (TRANSFER, "relu", "linear", "linear"),
        (Quantity, "20 ms", "13 ms", "13 ms"),
        (Quantity, "20 ms", "0.013 second", "0.013 second"),
        (tuple[float, ...], (), "[.9, .7]", (0.9, 0.7)),
        (tuple[float, ...], (1.0,), "[]", ()),
        (tuple[int, ...], (), "[ 8 ,8,8 ]", (8, 8, 8)),
        (tuple[str, ...], (), "[relu, \"tanh\", 'a, b']", ("relu", "tanh", "a, b")),
        (tuple[Quantity, ...], ("1 mV",), "[-70 mV, '-55 mV']", ("-70 mV", "-55 mV")),
        (float | None, None, "none", None),
        (float | None, None, "2", 2.0),
        (str | None, None, '"none"', "none"),
    ],
)
def test_a_text_is_read_by_its_type(annotation, default, text, value):
    read = parameter_type(annotation, default).read(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("annotation", "default", "text", "error"),
    [
        (float, 0.1, "abc", UsageError),
        (float, 0.1, "", UsageError),
        (float, 0.1, "none", UsageError),
        (float, 0.1, "nan", ParameterError),
        (int, 1, "3.5", UsageError),
        (int, 1, "9" * 5000, UsageError),
        (bool, True, "maybe", UsageError),
        (TRANSFER, "relu", "cubic", ParameterError),
        (Quantity, "20 ms", "20", UnitError),
        (Quantity, "20 ms", "20 mV", UnitError),
        (Quantity, "20 ms", "20 msec", UnitError),
        (Quantity, "20 ms", "20 fm^400", UnitError),
        (Quantity, "20 ms", "20 km^999", UnitError),
        (Quantity, "20 ms", "abc", UsageError),
        (tuple[float, ...], (), "1, 2", UsageError),
        (tuple[float, ...], (), "[1, 2", UsageError),
        (tuple[float, ...], (), "[1, 2,]", UsageError),
        (tuple[float, ...], (), "[1,, 2]", UsageError),
        (tuple[float, ...], (), "[[1], 2]", UsageError),
        (tuple[float, ...], (), "[1, x]", UsageError),
        (tuple[Quantity, ...], ("1 mV",), "[1 mV, 2 ms]", UnitError),
        (Annotated[Quantity | None, "s"], None, "5", UnitError),
    ],
)
def test_a_text_that_does_not_fit_is_refused(annotation, default, text, error):
    with pytest.raises(error) as caught:
        parameter_type(annotation, default).read(text)
    assert isinstance(caught.value, UsageError) == (error is UsageError)


@given(value_type=st.sampled_from(TYPES), text=st.text())
def test_any_text_is_read_or_refused_in_our_words(value_type, text):
    with suppress(DendrosimError):
        value_type.build(value_type.read(text))


NEARLY = st.lists(
    st.sampled_from([*"[]\"',.- eE019", "ms", "mV", "^", "/", "*", "inf", "nan", "none", "relu"])
)


@given(value_type=st.sampled_from(TYPES), parts=NEARLY)
def test_texts_made_of_the_right_pieces_are_read_or_refused_in_our_words(value_type, parts):
    with suppress(DendrosimError):
        value_type.build(value_type.read("".join(parts)))


ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(value_type=st.sampled_from(TYPES), value=ANY_VALUE)
def test_any_python_value_is_taken_or_refused_in_our_words(value_type, value):
    with suppress(DendrosimError):
        value_type.build(value_type.check(value))


UNQUOTABLE = st.text().filter(lambda s: not ('"' in s and "'" in s))
FINITE = st.floats(allow_nan=False)


@given(value=st.lists(FINITE).map(tuple))
def test_lists_of_numbers_come_back(value):
    assert parameter_type(tuple[float, ...], ()).read(to_text(value)) == value


@given(value=st.lists(UNQUOTABLE).map(tuple))
def test_lists_of_texts_come_back(value):
    assert parameter_type(tuple[str, ...], ()).read(to_text(value)) == value


@given(value=UNQUOTABLE | st.none())
def test_optional_texts_come_back(value):
    assert parameter_type(str | None, None).read(to_text(value)) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_quantity_given_as_value_keeps_every_bit(value):
    value_type = parameter_type(Quantity, "1 nS*mV")
    given_value = Quantity(value, quantity("1 A").dimension)
    assert value_type.build(value_type.check(given_value)) == given_value


@pytest.mark.parametrize(
    ("annotation", "value", "plain"),
    [
        (float, 3, 3.0),
        (float, np.float32(0.5), 0.5),
        (float, np.int64(2), 2.0),
        (int, np.int32(5), 5),
        (bool, np.True_, True),
        (tuple[float, ...], [1, np.float64(2)], (1.0, 2.0)),
        (tuple[int, ...], np.array([1, 2]), (1, 2)),
        (float | None, None, None),
    ],
)
def test_python_values_take_their_plain_form(annotation, value, plain):
    checked = parameter_type(annotation).check(value)
    assert checked == plain
    assert type(checked) is type(plain)


@pytest.mark.parametrize(
    ("annotation", "default", "value", "error"),
    [
        (float, 0.1, "0.5", UsageError),
        (float, 0.1, True, UsageError),
        (float, 0.1, None, UsageError),
        (float, 0.1, 10**400, ParameterError),
        (float, 0.1, math.nan, ParameterError),
        (int, 1, 3.0, UsageError),
        (int, 1, True, UsageError),
        (bool, True, 1, UsageError),
        (str, "", 5, UsageError),
        (TRANSFER, "relu", 5, ParameterError),
        (Literal[1, 2], 1, True, ParameterError),
        (Quantity, "20 ms", 5.0, UnitError),
        (Quantity, "20 ms", ["1 ms", "2 ms"], ParameterError),
        (Quantity, "20 ms", math.nan * 1, UnitError),
        (tuple[float, ...], (), 1.0, UsageError),
        (tuple[str, ...], (), "abc", UsageError),
    ],
)
def test_python_values_of_another_type_are_refused(annotation, default, value, error):
    with pytest.raises(error):
        parameter_type(annotation, default).check(value)


def test_an_integer_stands_for_a_choice_of_its_digits():
    """As on the command line, where both are texts."""
    choice = parameter_type(Literal["2", "all"], "2")
    assert choice.check(2) == choice.read("2") == "2"
    with pytest.raises(ParameterError):
        choice.check(2.0)


@pytest.mark.parametrize(
    "annotation", [dict, list[int], tuple[int, int], float | str, complex, "x"]
)
def test_a_type_that_no_parameter_can_have_is_refused(annotation):
    with pytest.raises(SpecError, match="cannot be the type"):
        parameter_type(annotation)


# -- signatures -----------------------------------------------------------------------------------


def model(*, size: int = 2, tau: Quantity = "20 ms", transfer: TRANSFER = "relu"):
    """A model.

    Parameters
    ----------
    size, unused : int
        Number of units.
    tau : time
        Time constant
        of the membrane.

    Notes
    -----
    None.
    """


MODELS = {"model": read_signature(model, "", lambda name: ())}


def declared(function, docstring=""):
    return {p.name: p for p in read_signature(function, docstring, MODELS.__getitem__)}


def test_the_signature_is_the_parameter_list():
    found = declared(model)
    assert list(found) == ["size", "tau", "transfer"]
    assert found["size"].doc == "Number of units."
    assert found["tau"].doc == "Time constant of the membrane."
    assert found["tau"].default == "20 ms"
    assert found["tau"].type.unit == "ms"
    assert found["transfer"].doc == ""


def test_a_protocol_takes_the_parameters_of_its_model_with_their_meaning():
    def protocol(*, samples: int, tau: Quantity = "5 ms", **circuit: parameters_of("model")): ...

    found = declared(protocol)
    assert list(found) == ["samples", "tau", "size", "transfer"]
    assert found["samples"].required
    assert found["tau"].default == "5 ms"
    assert found["tau"].doc == "Time constant of the membrane."
    assert found["size"].doc == "Number of units."


def test_a_protocol_can_leave_parameters_out():
    def protocol(**circuit: parameters_of("model", without=("size",))): ...

    assert list(declared(protocol)) == ["tau", "transfer"]


def test_a_parameter_that_a_protocol_sets_in_its_own_way_keeps_its_meaning():
    def protocol(*, size: int = 9, **circuit: parameters_of("model", without=("size",))): ...

    assert declared(protocol)["size"].default == 9
    assert declared(protocol)["size"].doc == "Number of units."


def test_annotations_may_be_text():
    def protocol(*, samples: "int" = 3, **circuit: "parameters_of('model')"): ...

    assert declared(protocol)["samples"].read("4") == 4
    assert "tau" in declared(protocol)


def test_leaving_out_what_is_not_there_is_an_error():
    def protocol(**circuit: parameters_of("model", without=("sise",))): ...

    with pytest.raises(SpecError, match="did you mean 'size'"):
        declared(protocol)


def test_models_that_differ_in_a_parameter_leave_it_to_the_protocol(monkeypatch):
    def other(*, size: int = 5): ...

    monkeypatch.setitem(MODELS, "other", read_signature(other, "", lambda name: ()))

    def ambiguous(**circuit: parameters_of("model", "other")): ...

    def settled(*, size: int = 4, **circuit: parameters_of("model", "other")): ...

    with pytest.raises(SpecError, match="differ in type or default of 'size'"):
        declared(ambiguous)
    assert declared(settled)["size"].default == 4


def without_type(*, size=3): ...
def wrong_default(*, size: int = 3.5): ...
def without_unit(*, tau: Quantity = "20 mss"): ...
def not_a_list(*, sizes: tuple[int, ...] = "abc"): ...
def open_keywords(**anything): ...
def typed_keywords(**anything: int): ...
def open_positions(*anything: int): ...


@pytest.mark.parametrize(
    "function",
    [
        without_type,
        wrong_default,
        without_unit,
        not_a_list,
        open_keywords,
        typed_keywords,
        open_positions,
    ],
)
def test_a_signature_that_is_no_parameter_list_is_refused(function):
    with pytest.raises(SpecError):
        declared(function)


def test_defaults_are_filled_in_and_unknown_names_refused():
    parameters = declared(model).values()
    assert complete_values("model 'm'", parameters, {"size": np.int64(3)}) == {
        "size": 3,
        "tau": "20 ms",
        "transfer": "relu",
    }
    for refuse in (complete_values, read_texts):
        with pytest.raises(UnknownNameError, match=r"unknown parameter of model 'm' 'taw'.*'tau'"):
            refuse("model 'm'", parameters, {"taw": "5 ms"})


def test_a_required_parameter_must_be_given():
    def protocol(*, samples: int): ...

    with pytest.raises(UsageError, match=r"needs a value for samples \(integer\)"):
        complete_values("protocol 'p'", declared(protocol).values(), {})


def test_an_error_names_the_parameter_the_value_and_an_example():
    with pytest.raises(UnitError, match=r"parameter 'tau': '5' has no unit.*as in '20 ms'"):
        declared(model)["tau"].read("5")
    with pytest.raises(UnitError) as caught:
        declared(model)["tau"].check("soon")
    assert str(caught.value) == (
        "parameter 'tau': cannot read 'soon' as a quantity: write a number and a unit, as in '20 ms'"
    )
    with pytest.raises(ParameterError, match="parameter 'transfer': 'cubic' is not one of linear"):
        declared(model)["transfer"].read("cubic")


def test_quantities_become_si_numbers_with_units():
    def protocol(
        *, tau: Quantity = "20 ms", levels: tuple[Quantity, ...] = ("1 mV", "2 mV"), n: int = 3
    ): ...

    plain = {"tau": "5 ms", "levels": ("1 mV", "2 mV"), "n": 3}
    values, units = convert_to_si(declared(protocol).values(), plain)
    assert values == {"tau": 0.005, "levels": [0.001, 0.002], "n": 3}
    assert units == {"tau": "s", "levels": "V"}


# -- docstrings -----------------------------------------------------------------------------------


def test_sections_are_split_at_dashed_titles():
    text = """First line.

    More.

    Parameters
    ----------
    a, b : int
        Both.
    **rest
        Others,
        in two lines.

    Sources
    -------
    Somebody, eq. 1.
    """
    assert split_sections(text)[""] == "First line.\n\nMore."
    assert split_sections(text)["Sources"] == "Somebody, eq. 1."
    assert parameter_texts(text) == {"a": "Both.", "b": "Both.", "rest": "Others, in two lines."}


@given(st.text())
def test_any_docstring_can_be_read(text):
    assert "" in split_sections(text)
    parameter_texts(f"x\n\nParameters\n----------\n{text}")
