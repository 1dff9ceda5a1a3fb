"""The functions that the texts of programs call besides Brian2's own, on all back ends."""

from typing import Any

import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.functions import Function
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

from dendrosim.engine.network.random_numbers import FUNCTIONS as RANDOM
from dendrosim.equations.real_numbers import QUOTIENT, REMAINDER, TRUNCATE

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
}


def _function(name: str, pyfunc: Any, arguments: str, **units: Any) -> Function:
    function = Function(pyfunc, return_type="float", stateless=True, **units)
    plain = ", ".join(part.split()[-1] for part in arguments.split(","))
    # Units are discarded because Brian2's check of them would convert every array to text.
    function.implementations.add_numpy_implementation(pyfunc, discard_units=True)
    function.implementations.add_implementation(
        CPPStandaloneCodeObject,
        f"static inline double {name}({arguments}) {{ return ds::{name.removeprefix('ds_')}({plain}); }}",
        name=name,
    )
    function.implementations.add_implementation(CythonCodeObject, _CYTHON[name], name=name)
    return function


def _truncate(x: Any) -> Any:
    return np.trunc(x)


def _remainder(x: Any, y: Any) -> Any:
    return np.mod(x, y)


def _quotient(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y)


def _first(x: Any, _: Any) -> Any:
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
}
"""Whole parts, remainders and quotients of real numbers, by the names in `dendrosim.equations.real_numbers`."""

FUNCTIONS = {**RANDOM, **ARITHMETIC}
"""All these functions, as Brian2 functions by name."""
