"""Random numbers of processes: a counter-based generator with the same results on every back end.

The generator is SplitMix64 (Steele, Lea, Flood 2014, OOPSLA): number n of a stream is a hash of key + n G modulo
2^64. The numbers of a step are a stream of their own, whose key is number `step` of the process's stream; in this
stream, unit u of sample b has the number u + 2^32 b. So any number can be computed by itself, in any order, by any
number of threads, and it depends neither on how many units or samples there are nor on other steps. Units u and u
+ 128 share the 64 bits of unit u: the Box-Muller method makes two normal numbers from them, the cosine for unit u
and the sine for unit u + 128.

Binomial numbers with a mean of at least 10 are drawn by transformed rejection (Hoermann 1993, Journal of
Statistical Computation and Simulation 46:101, algorithm BTRS). For this, each element draws pairs of numbers,
until one is accepted, from a stream whose key is the element's own number in the step.
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


_STIRLING = (
    0.08106146679532726, 0.0413406959554093, 0.027677925684998338, 0.020790672103765093,
    0.016644691189821193, 0.01387612882307075, 0.011896709945891771, 0.010411265261972096,
    0.009255462182712732, 0.008330563433362871,
)  # fmt: skip


def stirling_rest(k: Any) -> NDArray[np.float64]:
    """Return log k! minus Stirling's approximation (k + 1/2) log(k + 1) - (k + 1) + log(2 pi)/2."""
    q = 1 / ((k + 1) * (k + 1))
    series = (1 / 12 - (1 / 360 - (1 / 1260 - q / 1680) * q) * q) / (k + 1)
    return np.where(k < 10, np.take(_STIRLING, np.clip(k, 0, 9).astype(int)), series)


def binomial(base: Any, i: Any, n: Any, p: Any) -> NDArray[np.float64]:
    """Return binomial numbers: of n trials, each of which succeeds with the probability p, how many do.

    The number of successes, or of failures if these are rarer, is computed by inversion of the distribution if
    fewer than 10 are expected, and by transformed rejection otherwise. A p below 0 counts as 0, and above 1 as 1.
    """
    i, n, p = np.broadcast_arrays(np.asarray(i), np.asarray(n, float), np.asarray(p, float))
    count = np.where(p >= 1, n, 0.0)
    random = (p > 0) & (p < 1) & (n >= 1)
    rarer = np.where(p > 0.5, 1 - p, p)
    few = random & (n * rarer < 10)
    many = random & ~few
    count[few] = _invert_binomial(uniform(base, i[few]), n[few], rarer[few])
    count[many] = _reject_binomial(bits(base, i[many]), n[many], rarer[many])
    return np.where(random & (p > 0.5), n - count, count)


def _invert_binomial(u: Any, n: Any, p: Any) -> NDArray[np.float64]:
    """Return binomial numbers by inversion, for p up to 1/2; terms beyond 1e-20 are left out."""
    odds, term = p / (1 - p), np.exp(n * np.log1p(-p))
    total, count = term.copy(), np.zeros_like(term)
    while np.any(more := (u > total) & (count < n) & (term > 1e-20)):
        count[more] += 1
        term[more] *= (odds * (n - count + 1))[more] / count[more]
        total[more] += term[more]
    return count


def _reject_binomial(key: Any, n: Any, p: Any) -> NDArray[np.float64]:
    """Return binomial numbers by transformed rejection (BTRS), for p up to 1/2 and n p of at least 10.

    Each element draws pairs of numbers from a stream of its own, with the key `key`, until one is accepted.
    """
    found, left, k = np.zeros(len(key)), np.arange(len(key)), 0
    while len(left):
        count, accepted = _propose_binomial(key[left], k, n[left], p[left])
        found[left[accepted]] = count[accepted]
        left, k = left[~accepted], k + 2
    return found


def _propose_binomial(key: Any, k: int, n: Any, p: Any) -> tuple[NDArray[np.float64], Any]:
    """Return numbers that numbers k and k + 1 of streams propose, and whether they are accepted."""
    q = 1 - p
    deviation = np.sqrt(n * p * q)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha, mode = (2.83 + 5.1 / b) * deviation, np.floor((n + 1) * p)
    u, v = uniform(key, k) - 0.5, uniform(key, k + 1)
    us = 0.5 - np.abs(u)
    count = np.floor((2 * a / us + b) * u + (n * p + 0.5))
    inside = (count >= 0) & (count <= n)
    m = np.where(inside, count, mode)
    bound = (
        (mode + 0.5) * np.log((mode + 1) * q / (p * (n - mode + 1)))
        + (n + 1) * np.log((n - mode + 1) / (n - m + 1))
        + (m + 0.5) * np.log((n - m + 1) * p / (q * (m + 1)))
        + stirling_rest(mode) + stirling_rest(n - mode) - stirling_rest(m) - stirling_rest(n - m)
    )  # fmt: skip
    in_box = (us >= 0.07) & (v <= 0.92 - 4.2 / b)
    return count, in_box | (inside & (np.log(v * alpha / (a / (us * us) + b)) <= bound))


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
    types = ["integer", "integer", "float", "float"][: arguments.count(",") + 1]
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
    "binomial": """
from libc.math cimport fabs, floor, log1p

cdef inline double _ds_number(int64_t key, int64_t k) noexcept nogil:
    return (<double>(_ds_bits(key, k) >> 11) + 0.5)/9007199254740992.0

cdef inline double _ds_stirling_rest(double k) noexcept nogil:
    cdef double* first = [STIRLING]
    cdef double q = 1/((k + 1)*(k + 1))
    if k < 10:
        return first[<int>k]
    return (1.0/12 - (1.0/360 - (1.0/1260 - q/1680)*q)*q)/(k + 1)

cdef inline double _ds_invert(double u, double n, double p) noexcept nogil:
    cdef double odds = p/(1 - p), term = exp(n*log1p(-p)), total = term, count = 0
    while u > total and count < n and term > 1e-20:
        count += 1
        term *= odds*(n - count + 1)/count
        total += term
    return count

cdef inline double _ds_reject(int64_t key, double n, double p) noexcept nogil:
    cdef double q = 1 - p, deviation = sqrt(n*p*q), b = 1.15 + 2.53*deviation
    cdef double a = -0.0873 + 0.0248*b + 0.01*p, c = n*p + 0.5, box = 0.92 - 4.2/b
    cdef double alpha = (2.83 + 5.1/b)*deviation, mode = floor((n + 1)*p), u, v, us, count, bound
    cdef int64_t k = 0
    while True:
        u, v = _ds_number(key, k) - 0.5, _ds_number(key, k + 1)
        k += 2
        us = 0.5 - fabs(u)
        count = floor((2*a/us + b)*u + c)
        if us >= 0.07 and v <= box:
            return count
        if count < 0 or count > n:
            continue
        bound = (mode + 0.5)*log((mode + 1)*q/(p*(n - mode + 1)))
        bound += (n + 1)*log((n - mode + 1)/(n - count + 1))
        bound += (count + 0.5)*log((n - count + 1)*p/(q*(count + 1)))
        bound += _ds_stirling_rest(mode) + _ds_stirling_rest(n - mode)
        bound -= _ds_stirling_rest(count) + _ds_stirling_rest(n - count)
        if log(v*alpha/(a/(us*us) + b)) <= bound:
            return count

cdef inline double ds_binomial(int64_t base, int64_t i, double n, double p) noexcept nogil:
    cdef double rarer = 1 - p if p > 0.5 else p, count
    if not p > 0 or n < 1:
        return 0
    if p >= 1:
        return n
    if n*rarer < 10:
        count = _ds_invert(_ds_number(base, i), n, rarer)
    else:
        count = _ds_reject(<int64_t>_ds_bits(base, i), n, rarer)
    return n - count if p > 0.5 else count
""".replace("STIRLING", ", ".join(map(repr, _STIRLING))),
}

FUNCTIONS = {
    "ds_uniform": _function("uniform", uniform, "int64_t base, int64_t i"),
    "ds_normal": _function("normal", normal, "int64_t base, int64_t i"),
    "ds_poisson": _function("poisson", poisson, "int64_t base, int64_t i, double mean"),
    "ds_binomial": _function("binomial", binomial, "int64_t base, int64_t i, double n, double p"),
}
"""The functions that the texts of processes, spikes and sources call, as Brian2 functions."""
