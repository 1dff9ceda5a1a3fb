"""The functions that the texts of programs call besides Brian2's own, on all back ends."""

from typing import Any

import numpy as np
from brian2.core.functions import Function

from dendrosim.engine.network.linear_functions import LINEAR
from dendrosim.engine.network.program_function import program_function
from dendrosim.engine.network.random_numbers import FUNCTIONS as RANDOM
from dendrosim.equations.real_numbers import CLIP, QUOTIENT, REMAINDER, TRUNCATE

SELECT = "ds_select"
"""Function of programs: ds_select(condition, x, y) is x where the condition holds, else y."""

_CYTHON = {
    TRUNCATE: """
from libc.math cimport trunc

cdef inline double ds_truncate(double x) noexcept nogil:
    return trunc(x)
""",
    REMAINDER: """
from libc.math cimport fmod

cdef inline double ds_remainder(double x, double y) noexcept nogil:
    cdef double rest = fmod(x, y)
    return rest + y if rest != 0 and (rest < 0) != (y < 0) else rest
""",
    QUOTIENT: """
from libc.math cimport fmod, rint

cdef inline double ds_quotient(double x, double y) noexcept nogil:
    cdef double rest = fmod(x, y)
    return rint((x - rest)/y - (1 if rest != 0 and (rest < 0) != (y < 0) else 0))
""",
    CLIP: """
cdef inline double ds_clip(double x, double low, double high) noexcept nogil:
    cdef double raised = low if x < low or low != low else x
    return high if raised > high or high != high else raised
""",
    SELECT: """
cdef inline double ds_select(bint free, double x, double otherwise) noexcept nogil:
    return x if free else otherwise
""",
}


def _function(name: str, pyfunc: Any, arguments: str, **units: Any) -> Function:
    return program_function(name, pyfunc, arguments, _CYTHON[name], **units)


def _truncate(x: Any) -> Any:
    return np.trunc(x)


def _remainder(x: Any, y: Any) -> Any:
    return np.mod(x, y)


def _quotient(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def _select(free: Any, x: Any, otherwise: Any) -> Any:
    return np.where(free, x, otherwise)


def _first(x: Any, *_: Any) -> Any:
    return x


def _second(_: Any, x: Any, *__: Any) -> Any:
    return x


def _ratio(x: Any, y: Any) -> Any:
    return x / y


_TWO = "double x, double y"
ARITHMETIC = {
    TRUNCATE: _function(TRUNCATE, _truncate, "double x", arg_units=[1], return_unit=1),
    REMAINDER: _function(
        REMAINDER, _remainder, _TWO, arg_units=[None, "x"], arg_names=["x", "y"], return_unit=_first
    ),
    QUOTIENT: _function(QUOTIENT, _quotient, _TWO, arg_units=[None, None], return_unit=_ratio),
    CLIP: _function(
        CLIP,
        _clip,
        "double x, double low, double high",
        arg_units=[None, "x", "x"],
        arg_names=["x", "low", "high"],
        return_unit=_first,
    ),
    SELECT: _function(
        SELECT,
        _select,
        "bool free, double x, double otherwise",
        arg_units=[1, None, None],
        arg_types=["boolean", "float", "float"],
        return_unit=_second,
    ),
}
"""The functions of `dendrosim.equations.real_numbers`, and `SELECT`, by name."""

FUNCTIONS = {**RANDOM, **ARITHMETIC, **LINEAR}
"""All these functions, as Brian2 functions by name."""
