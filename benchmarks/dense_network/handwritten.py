"""Handwritten C++ for this network only, see `bound.cpp`."""

import ctypes

import numpy as np

from benchmarks.dense_network.native import library
from benchmarks.dense_network.problem import DT, ETA, LAYERS, MU, TAU, Problem


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        code = library("bound.cpp")
        code.threads(threads)
        real = ctypes.c_float if problem.precision == "single" else ctypes.c_double
        self.call = getattr(code, f"run_{problem.precision}")
        self.call.restype = ctypes.c_double
        self.w, self.q = problem.weights()
        x, target = problem.samples()
        self.h = [x, *(np.zeros_like(x) for _ in range(LAYERS))]
        rates = (1 - DT / TAU, DT / TAU * (1 - MU), DT / TAU * MU, DT * ETA / problem.batch)
        work = np.zeros(3 * LAYERS * x.size, problem.dtype)
        self.kept = target, work
        self.arguments = (
            LAYERS, problem.units, problem.batch, *(_pointers(v) for v in (self.h, self.w, self.q)),
            _pointer(target), *(real(r) for r in rates), _pointer(work),
        )  # fmt: skip

    def run(self, steps: int) -> float:
        return self.call(ctypes.c_int64(steps), *self.arguments)

    def state(self) -> list[np.ndarray]:
        return [*self.h[1:], *self.w]


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _pointers(arrays: list[np.ndarray]) -> ctypes.Array:
    return (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
