"""Checks and conversions that the objects of a circuit share: names, symbols, parameters and units."""

import keyword
import re
from collections.abc import Mapping
from typing import Any

from dendrosim.checks import (
    Check,
    as_text,
    as_value,
    as_values,
    check_unit,
    mapping_of,
)
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.coercion import as_initial
from dendrosim.circuit.symbol_values import SymbolValues
from dendrosim.equations.declarations import find_identifiers
from dendrosim.equations.evaluation import NAMES
from dendrosim.equations.random_calls import CALLS as RANDOM
from dendrosim.equations.transfer.base import CALLS
from dendrosim.errors import ParameterError, SpecError, UnitError, abbreviate, prefix_errors
from dendrosim.units import DIMENSIONLESS, Quantity, unit

_LONGEST = 100  # names become names of files and of objects in C++
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
_FUNCTIONS = frozenset({*NAMES, *RANDOM, "poisson"})
_IN_EXPRESSIONS = {"i", "j", "N_pre", "N_post", *RANDOM}
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
# Attributes of Brian2's objects, and names that its templates, the run-time back ends and the generated programs
# use; `tests/campaigns/test_names.py` finds them.
_BRIAN_WORDS = """
self owner variables variable_indices scalar_code vector_code codeobj_name constant_or_scalar
eventspace_variable get_array_name sources targets spikespace refractory not_refractory t_in_timesteps
pre post idx vectorisation_idx lastupdate profiled EMPTY_CODE_BLOCK LazyArange defined
user_headers openmp_pragma
BRIAN_NETWORK_H BRIAN_OBJECTS_H BRIAN_SYNAPSES_H
"""
_BRIAN = frozenset(_BRIAN_WORDS.split())
# Brian2 puts an underscore in front of the name of a state, and has its own names that begin with `_lio_`, ...
_BEGINNINGS = ("ds_", "lio_", "array_", "dynamic_array_", "ptr_")
# Objects that Brian2 makes have the name of a population followed by one of these endings.
_ENDINGS = ("_stateupdater", "_codeobject", "_thresholder", "_resetter", "_subexpression_update")


def as_name(where: str, value: Any) -> str:
    """Return a value as the name of a population, matrix or pathway; raises SpecError if it cannot be one."""
    name = as_text(where, value, _LONGEST)
    if not _NAME.match(name) or name.startswith("ds_"):
        raise SpecError(
            f"{where} is {name!r}; a name consists of lower case letters, digits and underscores and starts with "
            "a letter (but not with ds_, which is reserved)"
        )
    if name.endswith(_ENDINGS):
        raise SpecError(
            f"{where} is {name!r}; names that end with {', '.join(_ENDINGS)} are reserved"
        )
    return name


def as_scope(where: str, value: Any) -> str:
    """Return a value as a scope, which is a name or empty; raises SpecError."""
    return "" if isinstance(value, str) and not value else as_name(where, value)


def as_symbol(where: str, value: Any) -> str:
    """Return a value as the name of a variable or parameter in equations; raises SpecError."""
    name = as_text(where, value, _LONGEST)
    check_symbol(where, name)
    return name


def as_initial_value(where: str, value: Any) -> Initial:
    """Return a value as an initial value: a distribution, or a number, text or array."""
    with prefix_errors(where):
        return as_initial(value)


def as_value_of_synapses(where: str, value: Any) -> Initial:
    """Return a value as numbers of synapses; if it is the text of an expression, say how to write that."""
    try:
        return as_initial_value(where, value)
    except UnitError as error:
        if isinstance(value, str) and find_identifiers(value) & _IN_EXPRESSIONS:
            error.args = (
                f"{error}; an expression in the indices i and j is ds.Expression(text, unit), and random numbers "
                "are ds.Uniform or ds.Normal",
            )
        raise


def as_parameters(where: str, value: Any) -> Mapping[str, Quantity]:
    """Return the parameters of an object, one finite number each, by symbol; raises SpecError."""
    return _parameters(as_value)(where, value)


def as_parameters_per_unit(where: str, value: Any) -> Mapping[str, Quantity]:
    """Return the parameters of a population, one number or one per unit each, by symbol; raises SpecError."""
    return _parameters(as_values)(where, value)


def _parameters(check: Check) -> Check:
    def as_mapping(where: str, value: Any) -> Mapping[str, Quantity]:
        if isinstance(value, SymbolValues):
            raise SpecError(
                f"{where}: declared parameters are given to the circuit as a whole, Circuit(parameters=p); "
                "give the parameters of this object alone as a mapping, such as {'tau': p.tau}"
            )
        return mapping_of(check, as_symbol)(where, value)

    return as_mapping


def as_shared_parameters(where: str, value: Any) -> Any:
    """Return the parameters of a circuit: declared parameters, or what `as_parameters` returns."""
    return value if isinstance(value, SymbolValues) else as_parameters(where, value)


def as_gate(where: str, value: Any) -> float:
    """Return the value of a gate as a number; raises ParameterError if it is not one finite number."""
    gate = as_values(where, value)
    if gate.dimension != DIMENSIONLESS or not gate.scalar:
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be one number without unit")
    return float(gate.value)


def check_unit_text(where: str, value: Quantity | Initial, text: str) -> None:
    """Raise UnitError unless a value is in the unit `text`; initial values of 0 need no unit."""
    with prefix_errors(where):
        expected, _ = unit(text)
    zero = isinstance(value, Initial) and value.zero
    check_unit(where, value.dimension, expected, zero=zero)


def is_symbol(name: str) -> bool:
    """Return whether a text can name a variable or parameter in equations and in generated code."""
    try:
        check_symbol("", name)
    except SpecError:
        return False
    return True


def check_symbol(where: str, name: str) -> None:
    """Raise SpecError unless a text can name a variable or parameter in equations and in generated code."""
    if not _SYMBOL.match(name):
        raise SpecError(
            f"{where}: {name!r} is not a valid symbol; use letters, digits and underscores"
        )
    if (
        name in _RESERVED | _FUNCTIONS | _CPP | _BRIAN
        or keyword.iskeyword(name)
        or name.startswith(_BEGINNINGS)
        or name.endswith(("_pre", "_post"))
    ):
        reason = _MEANINGS.get(name, "")
        if name in _FUNCTIONS:
            reason = " (the name of a function)"
        elif keyword.iskeyword(name):
            reason = " (a word of Python)"
        raise SpecError(f"{where}: the symbol {name!r} is reserved{reason}; choose another name")
