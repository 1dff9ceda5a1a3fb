"""Checks and conversions that the objects of a circuit share: names, symbols, parameters and units."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dendrosim.checks import check_finite, check_per_unit, check_unit
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.symbol_values import SymbolValues
from dendrosim.equations.transfer.base import CALLS
from dendrosim.errors import ParameterError, ShapeError, SpecError, prefix_errors
from dendrosim.spec import freeze_mapping
from dendrosim.units import DIMENSIONLESS, Quantity, quantity, unit

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
# Keywords, macros and names of C++ and of the generated programs. A symbol of the same name would hide or break
# them.
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
# Objects that Brian2 makes have the name of a population followed by one of these endings.
_ENDINGS = ("_stateupdater", "_codeobject", "_thresholder", "_resetter", "_subexpression_update")


def as_parameters(
    where: str, values: Mapping[str, Any], size: int | None = None
) -> Mapping[str, Quantity]:
    """Return the parameters of an object as quantities.

    Parameters
    ----------
    where : str
        The object that has the parameters, for messages.
    values : mapping
        For each symbol, its value: a quantity, text or number.
    size : int, optional
        Number of units, if a parameter may have one value per unit. Without `size`, each value must be one number.

    Raises
    ------
    SpecError
        If a name cannot be a symbol, or a value is not a finite quantity of the right shape.
    """
    if isinstance(values, SymbolValues):
        raise SpecError(
            f"{where}: declared parameters are given to the circuit as a whole, Circuit(parameters=p); "
            "give the parameters of this object alone as a mapping, such as {'tau': p.tau}"
        )
    result = {}
    for name, value in values.items():
        check_symbol(where, name)
        place = f"{where}: parameter {name!r}"
        with prefix_errors(place):
            result[name] = quantity(value)
        check_finite(place, result[name])
        if size is not None:
            check_per_unit(place, result[name], size)
        elif not result[name].scalar:
            raise ShapeError(
                f"{place} must be one number; only a parameter of a population may have one value per unit"
            )
    return freeze_mapping(result)


def as_gate(name: str, value: Any) -> float:
    """Return the value of a gate as a number; raises ParameterError if it is not one finite number."""
    gate = quantity(value)
    if gate.dimension != DIMENSIONLESS or not gate.scalar or not np.isfinite(gate.value):
        raise ParameterError(
            f"Circuit: gate {name!r} is {value!r}; it must be one number without unit"
        )
    return float(gate.value)


def check_unit_text(where: str, value: Quantity | Initial, text: str) -> None:
    """Raise UnitError unless a value is in the unit `text`; initial values of 0 need no unit."""
    with prefix_errors(where):
        expected, _ = unit(text)
    zero = isinstance(value, Initial) and value.zero
    check_unit(where, value.dimension, expected, zero=zero)


def check_name(where: str, name: str) -> None:
    """Raise SpecError unless a text is a valid name of a population, matrix or pathway on every back end."""
    if not isinstance(name, str) or not _NAME.match(name) or name.startswith("ds_"):
        raise SpecError(
            f"{where}: a name consists of lower case letters, digits and underscores and starts with a "
            "letter (but not with ds_, which is reserved)"
        )
    if name.endswith(_ENDINGS):
        raise SpecError(f"{where}: names that end with {', '.join(_ENDINGS)} are reserved")


def check_symbol(where: str, name: str) -> None:
    """Raise SpecError unless a text can name a variable or parameter in equations and in generated code."""
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
