"""NumPy with its BLAS and without temporary arrays."""

import time

import numpy as np

from benchmarks.dense_network.problem import DT, ETA, LAYERS, MU, TAU, Problem


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        self.w, self.q = problem.weights()
        x, self.target = problem.samples()
        self.h = [x, *(np.zeros_like(x) for _ in range(LAYERS))]
        self.f = [np.empty_like(x) for _ in range(LAYERS)]
        self.g = [*(np.empty_like(x) for _ in range(LAYERS - 1)), self.target]
        self.change = np.empty_like(self.w[0])
        self.error, self.slope = np.empty_like(x), np.empty_like(x)
        self.rate = problem.dtype(DT * ETA / problem.batch)
        self.decay, self.basal, self.apical = (
            problem.dtype(v) for v in (1 - DT / TAU, DT / TAU * (1 - MU), DT / TAU * MU)
        )

    def run(self, steps: int) -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            self._step()
        return time.perf_counter() - begin

    def state(self) -> list[np.ndarray]:
        return [*self.h[1:], *self.w]

    def _step(self) -> None:
        h, f, g, error, slope = self.h, self.f, self.g, self.error, self.slope
        for i in range(LAYERS):
            np.matmul(self.w[i], h[i], out=f[i])
            np.tanh(f[i], out=f[i])
        for i in range(LAYERS - 1):
            np.matmul(self.q[i], h[i + 2], out=g[i])
        # From the top down, because a layer learns from the old activities of the layer below.
        for i in reversed(range(LAYERS)):
            np.multiply(f[i], f[i], out=slope)
            np.subtract(1, slope, out=slope)
            np.subtract(h[i + 1], f[i], out=error)
            error *= slope
            error *= self.rate
            np.matmul(error, h[i].T, out=self.change)
            self.w[i] += self.change
            h[i + 1] *= self.decay
            np.multiply(f[i], self.basal, out=slope)
            h[i + 1] += slope
            np.multiply(g[i], self.apical, out=slope)
            h[i + 1] += slope
