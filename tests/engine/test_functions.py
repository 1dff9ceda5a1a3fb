"""The functions and the normal numbers that programs bring along, compiled with the flags of programs."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dendrosim.engine.cpp import toolchain
from dendrosim.engine.standalone.host_compiler import find_compiler

COUNT = 200_000


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    source, made = Path(__file__).with_name("functions.cpp"), folder / "functions.o"
    flags = [*toolchain.FLAGS, "-fPIC", *(f"-I{home}" for home in toolchain.SOURCES)]
    subprocess.run([find_compiler(), *flags, "-c", source, "-o", made], check=True)
    # Linked without -ffast-math, which would take subnormal numbers from all of Python.
    library = folder / "functions.so"
    subprocess.run([find_compiler(), "-shared", made, "-lm", "-o", library], check=True)
    return ctypes.CDLL(str(library))


def called(function, given, *made):
    arrays = [np.ascontiguousarray(a) for a in (given, *made)]
    function(ctypes.c_long(len(given)), *(ctypes.c_void_p(a.ctypes.data) for a in arrays))
    return arrays[1:]


def both(function, x):
    """Return what a function makes of numbers in double and in single precision."""
    with np.errstate(over="ignore"):
        x, u = np.asarray(x, float), np.asarray(x, np.float32)
    y, v = np.zeros_like(x), np.zeros_like(u)
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (x, y, u, v))
    function(ctypes.c_long(len(x)), *pointers)
    return y, v


@pytest.mark.parametrize(
    ("low", "high", "double", "single"),
    [(-1, 1, 1.0, 1.0), (-20, 20, 1.0, 1.0), (-87.33, 87, 1.0, 1.5), (-708.39, 709, 1.0, np.inf)],
)
def test_the_exponential_is_exact_to_a_unit_in_the_last_place(functions, low, high, double, single):
    x = np.random.default_rng(1).uniform(low, high, COUNT)
    y, v = both(functions.exponentials, x)
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(y - exact) / exact) < double * np.finfo(np.float64).eps
    if np.isfinite(single):
        exact = np.exp(x.astype(np.float32).astype(np.longdouble))
        assert np.max(np.abs(v - exact) / exact) < single * np.finfo(np.float32).eps


def test_the_exponential_of_what_is_too_large_too_small_or_no_number(functions):
    x = [np.nan, np.inf, 800.0, 1e300, -np.inf, -800.0, -1e300, 0.0]
    for found in both(functions.exponentials, x):
        assert np.array_equal(found, [np.nan, np.inf, np.inf, np.inf, 0, 0, 0, 1], equal_nan=True)


@pytest.mark.parametrize("size", [1e-30, 1e-6, 0.1, 1.0, 5.0, 30.0])
def test_the_hyperbolic_tangent_is_exact_to_two_units_in_the_last_place(functions, size):
    x = np.random.default_rng(1).uniform(-size, size, COUNT)
    for found in both(functions.tangents, x):
        exact = np.tanh(x.astype(found.dtype).astype(np.longdouble))
        assert np.max(np.abs(found - exact) / np.abs(exact)) < 2 * np.finfo(found.dtype).eps


def test_the_hyperbolic_tangent_is_odd_between_its_limits(functions):
    x = [np.nan, np.inf, 1e300, 50.0, -np.inf, -50.0, 0.0]
    for found in both(functions.tangents, x):
        assert np.array_equal(found, [np.nan, 1, 1, 1, -1, -1, 0], equal_nan=True)


def test_two_normal_numbers_are_radius_and_angle_of_the_same_bits(functions):
    z = np.random.default_rng(2).integers(0, 2**64, COUNT, dtype=np.uint64)
    x, y, u, v = called(
        functions.pairs, z, *(np.zeros(COUNT, t) for t in (float, float, np.float32, np.float32))
    )
    radius = np.sqrt(-2 * np.log(((z >> 32).astype(np.longdouble) + 0.5) * 2.0**-32))
    angle = (z & 0xFFFFFFFF).astype(np.longdouble) * 2.0**-32 * 2 * np.longdouble(np.pi)
    for found, exact in ((x, radius * np.cos(angle)), (y, radius * np.sin(angle))):
        assert np.max(np.abs(found - exact)) < 4e-15
    # In single precision a radius near 0 suffers: 1 - u is known to half a unit in the last place of 1.
    for found, exact in ((u, radius * np.cos(angle)), (v, radius * np.sin(angle))):
        assert np.max(np.abs(found - exact)[radius > 0.1]) < 4e-6
