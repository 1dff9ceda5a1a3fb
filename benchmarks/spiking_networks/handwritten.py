"""Handwritten C++ for this network only, see `bound.cpp`."""

import ctypes
from math import exp
from pathlib import Path

import numpy as np

from benchmarks.spiking_cells.native import library
from benchmarks.spiking_networks import problem as p
from benchmarks.spiking_networks.problem import Problem

BOUND = Path(__file__).with_name("bound.cpp")


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.threads, self.code = problem, threads, library(BOUND)
        self.code.threads(threads)
        self.call = getattr(self.code, f"run_{problem.precision}")
        self.call.restype = ctypes.c_double
        top = 2 * problem.weight
        self.numbers = np.array([
            p.DT / p.TAU_M, p.DT / p.TAU_G, exp(-p.DT / p.TAU_PLUS), exp(-p.DT / p.TAU_MINUS), problem.weight,
            p.INHIBITION * problem.weight, top, p.A_PLUS * top, p.A_MINUS * top, problem.full_weight, p.U,
            p.DT / p.TAU_D, p.DT / p.TAU_F, round(p.REFRACTORY / p.DT), round(p.DELAY / p.DT),
        ])  # fmt: skip
        self.drive, self.counts = problem.drive(), np.zeros(2, np.int64)

    def run(self, seed: int) -> float:
        problem = self.problem
        sizes = (problem.cells, problem.excitatory, *problem.inputs, problem.steps)
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (self.drive, self.numbers, self.counts))
        plasticity = ("static", "stdp", "tm").index(problem.plasticity)
        return self.call(
            *map(ctypes.c_int64, sizes), plasticity, ctypes.c_uint64(seed), self.threads, *pointers
        )

    def spikes(self) -> tuple[int, int]:
        """Return the numbers of excitatory and of inhibitory spikes."""
        return int(self.counts[0]), int(self.counts[1])


def bandwidth(threads: int) -> float:
    """Return the bytes per second that threads read from memory."""
    code = library(BOUND)
    code.threads(threads)
    code.bandwidth.restype = ctypes.c_double
    return code.bandwidth(threads)
