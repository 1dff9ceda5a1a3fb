"""Handwritten C++ for these cells only, see `bound.cpp`."""

import ctypes
from pathlib import Path

import numpy as np

from benchmarks.spiking_cells import problem as p
from benchmarks.spiking_cells.native import library
from benchmarks.spiking_cells.problem import Problem, Spikes


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.code = problem, library(Path(__file__).with_name("bound.cpp"))
        self.code.threads(threads)
        self.call = getattr(self.code, f"run_{problem.precision}")
        self.call.restype = ctypes.c_double
        self.code.spikes.restype = ctypes.c_int64
        for name in ("cells", "steps"):
            getattr(self.code, name).restype = ctypes.POINTER(ctypes.c_int32)
        numbers = (
            p.DT, p.E_L, p.V_T, p.E_D, 1 / p.D_D, p.G_S, p.G_D, p.BAP, p.B, p.A,
            p.DT / p.TAU_S, p.DT / p.TAU_D, p.DT / p.TAU_WS, p.DT / p.TAU_WD, p.DT / p.C_S, p.DT / p.C_D,
            p.MEAN_S, p.MEAN_D, p.SIGMA, p.KEEP, p.SPREAD,
        )  # fmt: skip
        self.numbers = np.array(numbers, problem.dtype)

    def run(self, seed: int) -> float:
        state = self.problem.start(np.random.default_rng(seed))
        pointers = (ctypes.c_void_p * len(state))(*(a.ctypes.data for a in state))
        numbers = ctypes.c_void_p(self.numbers.ctypes.data)
        steps, cells = (ctypes.c_int64(n) for n in (self.problem.steps, self.problem.cells))
        return self.call(steps, cells, ctypes.c_uint64(seed), numbers, pointers)

    def spikes(self) -> Spikes:
        count = (self.code.spikes(),)
        found = [
            np.ctypeslib.as_array(f(), count).copy() for f in (self.code.cells, self.code.steps)
        ]
        return Spikes.of(self.problem, *found)
