"""The functions that the texts of programs call besides Brian2's own, on all back ends."""

from typing import Any

import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.functions import Function
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

from dendrosim.engine.network.random_numbers import FUNCTIONS as RANDOM
from dendrosim.equations.linear import DIFFERENCE, SECOND_DIFFERENCE
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
    DIFFERENCE: """
from libc.math cimport exp, expm1

cdef inline double ds_difference(double p, double q) noexcept nogil:
    cdef double d = q - p if p > q else p - q
    return exp(p if p > q else q)*(1 if d > -1e-16 else expm1(d)/d)
""",
    SECOND_DIFFERENCE: """
from libc.math cimport exp, expm1

cdef inline double _ds_difference(double p, double q) noexcept nogil:
    cdef double d = q - p if p > q else p - q
    return exp(p if p > q else q)*(1 if d > -1e-16 else expm1(d)/d)

cdef inline double ds_second_difference(double p, double q, double r) noexcept nogil:
    cdef double high = max(p, max(q, r)), low = min(p, min(q, r)), mean = (p + q + r)/3
    cdef double middle = p + q + r - high - low
    if high - low > 0.1:
        return (_ds_difference(high, middle) - _ds_difference(middle, low))/(high - low)
    cdef double a = high - mean, b = middle - mean, c = low - mean
    cdef double two = a*b + b*c + c*a, three = a*b*c
    cdef double h0 = 1, h1 = 0, h2 = -two, h3, total = 0.5 - two/24, factorial = 24
    for k in range(3, 9):
        h3 = three*h0 - two*h1
        h0, h1, h2 = h1, h2, h3
        factorial *= k + 2
        total += h3/factorial
    return exp(mean)*total
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


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def _select(free: Any, x: Any, otherwise: Any) -> Any:
    return np.where(free, x, otherwise)


def _difference(p: Any, q: Any) -> Any:
    high, d = np.maximum(p, q), -np.abs(np.subtract(p, q))
    near = d > -1e-16
    return np.exp(high) * np.where(near, 1.0, np.expm1(d) / np.where(near, 1.0, d))


def _second_difference(p: Any, q: Any, r: Any) -> Any:
    low, middle, high = np.sort(np.broadcast_arrays(p, q, r), axis=0)
    apart = high - low > 0.1
    steps = _difference(high, middle) - _difference(middle, low)
    # A series in the distances from the mean, whose terms follow from their elementary symmetric polynomials.
    mean = (low + middle + high) / 3
    a, b, c = (np.where(apart, 0.0, x - mean) for x in (low, middle, high))
    two, three = a * b + b * c + c * a, a * b * c
    terms, total, factorial = [np.ones_like(two), np.zeros_like(two), -two], 0.5 - two / 24, 24.0
    for k in range(3, 9):
        terms.append(three * terms[k - 3] - two * terms[k - 2])
        factorial *= k + 2
        total = total + terms[k] / factorial
    return np.where(apart, steps / np.where(apart, high - low, 1.0), np.exp(mean) * total)


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
    DIFFERENCE: _function(
        DIFFERENCE, _difference, "double p, double q", arg_units=[1, 1], return_unit=1
    ),
    SECOND_DIFFERENCE: _function(
        SECOND_DIFFERENCE,
        _second_difference,
        "double p, double q, double r",
        arg_units=[1, 1, 1],
        return_unit=1,
    ),
}
"""The functions of `dendrosim.equations.real_numbers` and `dendrosim.equations.linear`, by their names there."""

FUNCTIONS = {**RANDOM, **ARITHMETIC}
"""All these functions, as Brian2 functions by name."""
