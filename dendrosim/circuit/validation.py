"""Checks that the objects of a specification share: names, units, shapes, and where an error is."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.equations.transfer.base import CALLS
from dendrosim.errors import ParameterError, SpecError, UnitError, located
from dendrosim.spec import frozen_mapping
from dendrosim.units import DIMENSIONLESS, Dimension, Quantity, quantity, unit, unit_name

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_RESERVED = {"t", "dt", "i", "j", "N", "xi", "lastspike", "pi", "e", "inf", *CALLS}
_MEANINGS = {
    "i": " (the index of a unit)",
    "j": " (the index of a postsynaptic unit)",
    "N": " (the number of units)",
    "e": " (Euler's number)",
    "t": " (time)",
    "dt": " (the time step)",
    "lastspike": " (the time of the last spike)",
}
# Names that mean something else in generated C++.
_CPP_WORDS = """
alignas alignof and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class compl
const constexpr const_cast continue decltype default delete do double dynamic_cast else enum explicit
export extern false float for friend goto if inline int long mutable namespace new noexcept not_eq
nullptr operator or_eq private protected public register reinterpret_cast return short signed sizeof
static static_assert static_cast struct switch template this thread_local throw true try typedef
typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq NAN INFINITY NULL
EOF HUGE_VAL M_PI errno assert stdin stdout stderr main brian Network Clock unix linux
int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t
"""
_CPP = frozenset(_CPP_WORDS.split())
# What Brian2 appends to a population's name for objects of its own.
_ENDINGS = ("_stateupdater", "_codeobject", "_thresholder", "_resetter", "_subexpression_update")


def quantities(where: str, values: Mapping[str, Any]) -> Mapping[str, Quantity]:
    result = {}
    for name, value in values.items():
        check_symbol(where, name)
        with located(f"{where}: parameter {name!r}"):
            result[name] = quantity(value)
        if not np.all(np.isfinite(result[name].value)):
            raise ParameterError(
                f"{where}: parameter {name!r} is {result[name]}; it must be finite"
            )
    return frozen_mapping(result)


def gate_value(name: str, value: Any) -> float:
    gate = quantity(value)
    if gate.dimension != DIMENSIONLESS or not gate.scalar or not np.isfinite(gate.value):
        raise ParameterError(
            f"Circuit: gate {name!r} is {value!r}; it must be one number without unit"
        )
    return float(gate.value)


def same_unit(where: str, value: Quantity | Initial, text: str) -> None:
    dimension: Dimension
    with located(where):
        dimension, _ = unit(text)
    zero = isinstance(value, Initial) and value.zero
    if value.dimension != dimension and not zero:
        raise UnitError(
            f"{where} is in {unit_name(value.dimension)}; it must be in {unit_name(dimension)}"
        )


def check_name(where: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.match(name) or name.startswith("ds_"):
        raise SpecError(
            f"{where}: a name is lower case letters, digits and underscores, starting with a letter "
            "(not with ds_, which is reserved)"
        )
    if name.endswith(_ENDINGS):
        raise SpecError(f"{where}: names that end with {', '.join(_ENDINGS)} are reserved")


def check_symbol(where: str, name: str) -> None:
    if not _SYMBOL.match(name):
        raise SpecError(
            f"{where}: {name!r} is not a valid symbol; use letters, digits and underscores"
        )
    if (
        name in _RESERVED
        or name in _CPP
        or name.startswith("ds_")
        or name.endswith(("_pre", "_post"))
    ):
        reason = _MEANINGS.get(name, "")
        raise SpecError(f"{where}: the symbol {name!r} is reserved{reason}; choose another name")
