"""Random numbers of processes: a counter-based generator with the same results on every back end.

The generator is SplitMix64 (Steele, Lea, Flood 2014, OOPSLA): number n of a stream is a hash of key + n G modulo
2^64. The numbers of a step are a stream of their own, whose key is number `step` of the process's stream; in this
stream, unit u of sample b has the number u + 2^32 b. So any number can be computed by itself, in any order, by any
number of threads, and it depends neither on how many units or samples there are nor on other steps. Units u and u
+ 128 share the 64 bits of unit u: the Box-Muller method makes two normal numbers from them, the cosine for unit u
and the sine for unit u + 128.
"""

from typing import Any

import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.functions import Function
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from numpy.typing import NDArray

GAMMA = 0x9E3779B97F4A7C15
"""The increment of SplitMix64, G: 2^64 divided by the golden ratio, as an odd number."""

PARTNER = 128
"""Distance of two units that share bits: half a block of the 256 elements that compiled programs draw at once."""
_WRAP = 2**64


def step_key(key: int, step: int) -> int:
    """Return the key of a step's numbers, as a signed 64-bit integer."""
    place = int(bits(np.int64(key - _WRAP if key >= _WRAP // 2 else key), step))
    return place - _WRAP if place >= _WRAP // 2 else place


def bits(base: Any, i: Any) -> NDArray[np.uint64]:
    """Return 64 random bits for element `i`."""
    with np.errstate(over="ignore"):
        z = np.asarray(base).astype(np.uint64) + np.uint64(GAMMA) * (
            np.asarray(i).astype(np.uint64) + np.uint64(1)
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(base: Any, i: Any) -> NDArray[np.float64]:
    """Return numbers in (0, 1)."""
    return ((bits(base, i) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def normal(base: Any, i: Any) -> NDArray[np.float64]:
    """Return standard normal numbers (Box and Muller 1958). They are made from 32 bits, so none exceeds 6.8."""
    i = np.asarray(i, dtype=np.int64)
    z = bits(base, i & ~PARTNER)
    radius = np.sqrt(-2 * np.log(((z >> np.uint64(32)).astype(float) + 0.5) * 2.0**-32))
    angle = (z & np.uint64(0xFFFFFFFF)).astype(float) * (2 * np.pi * 2.0**-32)
    return radius * np.where(i & PARTNER, np.sin(angle), np.cos(angle))


def poisson(base: Any, i: Any, mean: Any) -> NDArray[np.float64]:
    """Return Poisson numbers by inversion, for means up to 100."""
    u = uniform(base, i)
    term = np.exp(-np.broadcast_to(np.asarray(mean, dtype=float), u.shape))
    total, count = term.copy(), np.zeros_like(u)
    while np.any(more := (u > total) & (term > 0)):
        count[more] += 1
        term = np.where(more, term * mean / np.maximum(count, 1), term)
        total = np.where(more, total + term, total)
    return count


_CYTHON = """
from libc.stdint cimport int64_t, uint64_t
from libc.math cimport log, cos, sin, sqrt, exp

cdef inline uint64_t _ds_bits(int64_t base, int64_t i) noexcept nogil:
    cdef uint64_t z = <uint64_t>base + <uint64_t>0x9E3779B97F4A7C15u*(<uint64_t>i + 1u)
    z = (z ^ (z >> 30))*<uint64_t>0xBF58476D1CE4E5B9u
    z = (z ^ (z >> 27))*<uint64_t>0x94D049BB133111EBu
    return z ^ (z >> 31)
"""


def _function(name: str, pyfunc: Any, arguments: str) -> Function:
    types = ["integer", "integer", "float"][: arguments.count(",") + 1]
    function = Function(
        pyfunc, arg_units=[1] * len(types), arg_types=types, return_unit=1, return_type="float",
        stateless=True,
    )  # fmt: skip
    plain = ", ".join(part.split()[-1] for part in arguments.split(","))
    # Units are discarded because Brian2's check of them would convert every array to text.
    function.implementations.add_numpy_implementation(pyfunc, discard_units=True)
    function.implementations.add_implementation(
        CPPStandaloneCodeObject,
        f"static inline double ds_{name}({arguments}) {{ return ds::{name}({plain}); }}",
        name=f"ds_{name}",
    )
    # A code object may use several functions, so each has a helper of its own.
    code = (_CYTHON + _CYTHON_BODIES[name]).replace("_ds_bits", f"_ds_bits_{name}")
    function.implementations.add_implementation(CythonCodeObject, code, name=f"ds_{name}")
    return function


_CYTHON_BODIES = {
    "uniform": """
cdef inline double ds_uniform(int64_t base, int64_t i) noexcept nogil:
    return (<double>(_ds_bits(base, i) >> 11) + 0.5)/9007199254740992.0
""",
    "normal": """
cdef inline double ds_normal(int64_t base, int64_t i) noexcept nogil:
    cdef uint64_t z = _ds_bits(base, i & ~<int64_t>128)
    cdef double radius = sqrt(-2*log((<double>(z >> 32) + 0.5)/4294967296.0))
    cdef double angle = <double>(z & 0xFFFFFFFFu)*(6.283185307179586/4294967296.0)
    return radius*(sin(angle) if i & 128 else cos(angle))
""",
    "poisson": """
cdef inline double ds_poisson(int64_t base, int64_t i, double mean) noexcept nogil:
    cdef double u = (<double>(_ds_bits(base, i) >> 11) + 0.5)/9007199254740992.0
    cdef double term = exp(-mean), total = term, count = 0
    while u > total and term > 0:
        count += 1
        term *= mean/count
        total += term
    return count
""",
}

FUNCTIONS = {
    "ds_uniform": _function("uniform", uniform, "int64_t base, int64_t i"),
    "ds_normal": _function("normal", normal, "int64_t base, int64_t i"),
    "ds_poisson": _function("poisson", poisson, "int64_t base, int64_t i, double mean"),
}
"""The functions that the texts of processes call, as Brian2 functions."""
