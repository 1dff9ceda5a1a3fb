"""The largest speed that the machine allows, see `limits.cpp`."""

import ctypes
from functools import cache

from benchmarks.dense_network.native import library
from benchmarks.dense_network.problem import Problem


@cache
def rate(name: str, *arguments: int) -> float:
    """Return operations (or bytes) per second."""
    function = getattr(library("limits.cpp"), name)
    function.restype = ctypes.c_double
    return function(*(ctypes.c_int64(a) for a in arguments))


def step_seconds(problem: Problem, threads: int) -> float:
    """Return a lower bound of the time of a step.

    This is the time for its multiplications or the time for reading its weights, whichever is longer.

    The rates are measured only once. If other programs slow the machine down at that moment, a contestant may need
    less time than this.
    """
    multiplying = problem.flops / rate(f"registers_{problem.precision}", threads)
    return max(multiplying, problem.bytes / rate("reading", threads, int(problem.bytes)))


def describe_limits() -> str:
    """Return the measured limits as a sentence."""
    parts = []
    for threads in (1, 2):
        rates = [
            f"{p} precision {rate(f'blas_{p}', threads) / 1e9:.0f} by BLAS and "
            f"{rate(f'registers_{p}', threads) / 1e9:.0f} in registers"
            for p in ("single", "double")
        ]
        read = [f"{rate('reading', threads, m << 20) / 1e9:.0f} ({m} MB)" for m in (1, 8, 16, 256)]
        parts.append(
            f"{threads} thread{'s' if threads > 1 else ''}: GFLOP/s in {', '.join(rates)}; reading in GB/s "
            f"{', '.join(read)}."
        )
    return " ".join(parts)
