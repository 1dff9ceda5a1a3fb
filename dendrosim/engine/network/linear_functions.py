"""The functions of programs that solve linear equations: `dendrosim.equations.linear`.

The solution of a pair of states x and y with the rates a x + b y and c x + d y is a matrix exponential. With the
eigenvalues z1 and z2 of the matrix times the elapsed time, it is

    exp(z2) I + e[z1, z2] (A - z2 I).

The larger of the entries a - z2 and d - z2 is a sum of positive numbers, and the smaller one is b c divided by the
larger one, so that no digits are lost. For complex eigenvalues, the mean of the eigenvalues takes the place of z2.
The integral of the solution is the same with the function e[z, 0], whose divided difference is e[z1, z2, 0].
"""

from typing import Any

import numpy as np
from brian2.core.functions import Function

from dendrosim.engine.network.program_function import program_function
from dendrosim.equations.linear import COUPLED, DIFFERENCE, DRIVEN, SECOND_DIFFERENCE

_CYTHON = {
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
_CYTHON_HELPERS = """
from libc.math cimport cos, exp, expm1, fabs, sin, sqrt

cdef inline double NAME_first(double p, double q) noexcept nogil:
    cdef double d = q - p if p > q else p - q
    return exp(p if p > q else q)*(1 if d > -1e-16 else expm1(d)/d)

cdef inline double NAME_series(double mean, double two, double three) noexcept nogil:
    cdef double h0 = 1, h1 = 0, h2 = -two, h3, total = 0.5 - two/24, factorial = 24
    for k in range(3, 17):
        h3 = three*h0 - two*h1
        h0, h1, h2 = h1, h2, h3
        factorial *= k + 2
        total += h3/factorial
    return exp(mean)*total

cdef inline double NAME_second(double p, double q) noexcept nogil:
    cdef double high = max(p, max(q, 0.0)), low = min(p, min(q, 0.0))
    cdef double middle = p + q - high - low, mean = (p + q)/3
    if high - low > 0.1:
        return (NAME_first(high, middle) - NAME_first(middle, low))/(high - low)
    cdef double a = high - mean, b = middle - mean, c = low - mean
    return NAME_series(mean, a*b + b*c + c*a, a*b*c)

cdef inline double NAME_waves(double p, double z) noexcept nogil:
    cdef double square = p*p + z*z, half = sin(z/2)
    if square > 0.25:
        return (exp(p)*(sin(z)/z if z > 0 else 1)*p - expm1(p)*cos(z) + 2*half*half)/square
    return NAME_series(2*p/3, z*z - p*p/3, -(p*p/9 + z*z)*2*p/3)
"""
_CYTHON[COUPLED] = (
    _CYTHON_HELPERS.replace("NAME", "ds_coupled")
    + """
cdef inline double ds_coupled(
        double t, double a, double b, double c, double d, double x, double y) noexcept nogil:
    cdef double half = 0.5*(a - d), square = half*half + b*c, root = sqrt(fabs(square)), large, small, low, high
    if square < 0:
        return exp(0.5*(a + d)*t)*(cos(root*t)*x + sin(root*t)/root*(half*x + b*y))
    large = root + fabs(half)
    small = b*c/large if large > 0 else 0
    low, high = (min(a, d) - small)*t, (max(a, d) + small)*t
    return exp(low)*x + t*ds_coupled_first(low, high)*((small if half < 0 else large)*x + b*y)
"""
)
_CYTHON[DRIVEN] = (
    _CYTHON_HELPERS.replace("NAME", "ds_driven")
    + """
cdef inline double ds_driven(
        double t, double a, double b, double c, double d, double u, double v) noexcept nogil:
    cdef double half = 0.5*(a - d), square = half*half + b*c, root = sqrt(fabs(square)), large, small, low, high
    cdef double p, z, size, real, part
    if square < 0:
        p, z = 0.5*(a + d)*t, root*t
        size, part = p*p + z*z, sin(z/2)
        real = expm1(p)*cos(z) - 2*part*part
        part = (real*p + exp(p)*sin(z)*z)/size if size > 0 else 1
        return t*part*u + t*t*ds_driven_waves(p, z)*(half*u + b*v)
    large = root + fabs(half)
    small = b*c/large if large > 0 else 0
    low, high = (min(a, d) - small)*t, (max(a, d) + small)*t
    return t*ds_driven_first(low, 0)*u + t*t*ds_driven_second(low, high)*((small if half < 0 else large)*u + b*v)
"""
)


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
    return np.where(apart, steps / np.where(apart, high - low, 1.0), _series(mean, two, three, 9))


def _series(mean: Any, two: Any, three: Any, count: int) -> Any:
    """Return a second divided difference from the mean of its arguments and the symmetric polynomials."""
    terms, total, factorial = [np.ones_like(two), np.zeros_like(two), -two], 0.5 - two / 24, 24.0
    for k in range(3, count):
        terms.append(three * terms[k - 3] - two * terms[k - 2])
        factorial *= k + 2
        total = total + terms[k] / factorial
    return np.exp(mean) * total


def _waves(p: Any, z: Any) -> Any:
    """Return e[p + iz, p - iz, 0]."""
    square = p * p + z * z
    far = square > 0.25
    slope = np.where(z > 0, np.sin(z) / np.where(z > 0, z, 1.0), 1.0)
    direct = np.exp(p) * slope * p - _real_part(p, z)
    p, z = np.where(far, 0.0, p), np.where(far, 0.0, z)
    near = _series(2 * p / 3, z * z - p * p / 3, -(p * p / 9 + z * z) * 2 * p / 3, 17)
    return np.where(far, direct / np.where(far, square, 1.0), near)


def _real_part(p: Any, z: Any) -> Any:
    """Return the real part of exp(p + iz) - 1."""
    return np.expm1(p) * np.cos(z) - 2 * np.sin(z / 2) ** 2


class _Pair:
    """The eigenvalues of a matrix: `turns` is true where they are complex.

    Real ones are `low` and `high`, and `own` is the first entry of the matrix minus the lower one; complex ones
    have the imaginary part `root`. `half` is half the difference of the diagonal.
    """

    def __init__(self, a: Any, b: Any, c: Any, d: Any) -> None:
        self.half, product = 0.5 * np.subtract(a, d), np.multiply(b, c)
        square = self.half**2 + product
        self.turns = square < 0
        size = np.sqrt(np.abs(square))
        self.root, self.mean = np.where(self.turns, size, 1.0), 0.5 * np.add(a, d)
        large = np.where(self.turns, 0.0, size) + np.abs(self.half)
        real = ~self.turns & (large > 0)
        small = np.where(real, product, 0.0) / np.where(real, large, 1.0)
        self.low, self.high = np.minimum(a, d) - small, np.maximum(a, d) + small
        self.own = np.where(self.half < 0, small, large)


def _coupled(t: Any, a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    pair = _Pair(a, b, c, d)
    waves = np.cos(pair.root * t) * x + np.sin(pair.root * t) / pair.root * (pair.half * x + b * y)
    low, high = pair.low * t, pair.high * t
    real = np.exp(low) * x + t * _difference(low, high) * (pair.own * x + b * y)
    return np.where(pair.turns, np.exp(pair.mean * t) * waves, real)


def _driven(t: Any, a: Any, b: Any, c: Any, d: Any, u: Any, v: Any) -> Any:
    pair = _Pair(a, b, c, d)
    p, z = pair.mean * t, pair.root * t
    square = p * p + z * z
    part = _real_part(p, z) * p + np.exp(p) * np.sin(z) * z
    part = np.where(square > 0, part / np.where(square > 0, square, 1.0), 1.0)
    waves = t * part * u + t * t * _waves(p, z) * (pair.half * u + b * v)
    low, high = pair.low * t, pair.high * t
    real = t * _difference(low, 0.0) * u
    real = real + t * t * _second_difference(low, high, 0.0) * (pair.own * u + b * v)
    return np.where(pair.turns, waves, real)


def _function(name: str, pyfunc: Any, arguments: str, **units: Any) -> Function:
    return program_function(name, pyfunc, arguments, _CYTHON[name], **units)


_PAIR = "double t, double a, double b, double c, double d"
LINEAR = {
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
    COUPLED: _function(
        COUPLED,
        _coupled,
        f"{_PAIR}, double x, double y",
        arg_units=[None] * 7,
        return_unit=lambda *units: units[5],
    ),
    DRIVEN: _function(
        DRIVEN,
        _driven,
        f"{_PAIR}, double u, double v",
        arg_units=[None] * 7,
        return_unit=lambda *units: units[0] * units[5],
    ),
}
"""The functions of `dendrosim.equations.linear`, by their names there."""
