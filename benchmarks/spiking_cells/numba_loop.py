"""Numba: one compiled parallel loop over the cells per step.

Normal numbers are computed by the Box-Muller method from a hash of the cell and the step, and both numbers of a
pair are used. NumPy's generators take about twice as long in Numba.
"""

import time
from math import cos, exp, log, pi, sin, sqrt

import numba
import numpy as np
from numba import njit, prange

from benchmarks.spiking_cells import problem as p
from benchmarks.spiking_cells.problem import BURST, FREE, SEEN, Problem, Spikes


def _step(real):
    """Return the loop compiled for one floating-point type; all its constants have that type."""
    dt, leak, top, half, width = (real(x) for x in (p.DT, p.E_L, p.V_T, p.E_D, p.D_D))
    c_s, c_d, tau_s, tau_d = (real(x) for x in (p.C_S, p.C_D, p.TAU_S, p.TAU_D))
    tau_ws, tau_wd, g_s, g_d = (real(x) for x in (p.TAU_WS, p.TAU_WD, p.G_S, p.G_D))
    bap, b, a, keep, spread = (real(x) for x in (p.BAP, p.B, p.A, p.KEEP, p.SPREAD))
    mean_s, mean_d, sigma = (real(x) for x in (p.MEAN_S, p.MEAN_D, p.SIGMA))
    one, turn, unit = real(1), real(2 * pi * 2.0**-32), real(2.0**-32)
    gamma, first, second = (
        np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
    )

    @njit(fastmath=True)
    def normals(key, i):
        x = key + gamma * np.uint64(i)
        x = (x ^ (x >> np.uint64(30))) * first
        x = (x ^ (x >> np.uint64(27))) * second
        x ^= x >> np.uint64(31)
        upper, lower = np.uint32(x >> np.uint64(32)), np.uint32(x & np.uint64(0xFFFFFFFF))
        radius = sqrt(real(-2) * log(min((real(upper) + real(0.5)) * unit, real(1 - 2**-24))))
        angle = real(lower) * turn
        return radius * cos(angle), radius * sin(angle)

    @njit(parallel=True, fastmath=True)
    def step(now, key, v, d, w, r, z_s, z_d, last, count, following):
        for i in prange(v.size):
            n_s, n_d = normals(key, i)
            z_s[i] = keep * z_s[i] + spread * n_s
            z_d[i] = keep * z_d[i] + spread * n_d
            since = now - last[i]
            f = one / (one + exp((half - d[i]) / width))
            k = bap if since > SEEN[0] and since <= SEEN[1] else real(0)
            into_d = g_d * f + k + mean_d + sigma * z_d[i] + r[i]
            into_s = g_s * f + mean_s + sigma * z_s[i] + w[i]
            r[i] += dt * (a * (d[i] - leak) - r[i]) / tau_wd
            d[i] += dt * ((leak - d[i]) / tau_d + into_d / c_d)
            w[i] -= dt * w[i] / tau_ws
            if since >= FREE:
                v[i] += dt * ((leak - v[i]) / tau_s + into_s / c_s)
                if v[i] > top:
                    v[i] = leak
                    w[i] += b
                    count[i] += 1
                    following[i] += since < BURST
                    last[i] = now

    @njit
    def many(steps, seed, *state):
        for now in range(steps):
            key = (np.uint64(seed) * first + np.uint64(now)) * second
            step(now, key ^ (key >> np.uint64(29)), *state)

    return many


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        numba.set_num_threads(threads)
        self.problem, self.many = problem, _step(problem.dtype)
        self._state(0)
        self.many(1, 0, *self.state)

    def run(self, seed: int) -> float:
        self._state(seed)
        begin = time.perf_counter()
        self.many(self.problem.steps, seed, *self.state)
        return time.perf_counter() - begin

    def spikes(self) -> Spikes:
        return Spikes(*self.state[-2:])

    def _state(self, seed: int) -> None:
        *state, last = self.problem.start(np.random.default_rng(seed))
        counts = [np.zeros(self.problem.cells, np.int64) for _ in range(2)]
        self.state = [*state, last.astype(np.int64), *counts]
