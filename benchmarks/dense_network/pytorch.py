"""PyTorch on the CPU, with operations in place and without gradients."""

import time

import numpy as np
import torch

from benchmarks.dense_network.problem import DT, ETA, LAYERS, MU, TAU, Problem


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.rate = DT * ETA / problem.batch
        self.w, self.q = ([torch.from_numpy(m) for m in group] for group in problem.weights())
        x, self.target = (torch.from_numpy(a) for a in problem.samples())
        self.h = [x, *(torch.zeros_like(x) for _ in range(LAYERS))]

    def run(self, steps: int) -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            self._step()
        return time.perf_counter() - begin

    def state(self) -> list[np.ndarray]:
        return [a.numpy() for a in (*self.h[1:], *self.w)]

    def _step(self) -> None:
        h = self.h
        f = [torch.tanh_(self.w[i] @ h[i]) for i in range(LAYERS)]
        g = [*(self.q[i] @ h[i + 2] for i in range(LAYERS - 1)), self.target]
        # From the top down, because a layer learns from the old activities of the layer below.
        for i in reversed(range(LAYERS)):
            error = (h[i + 1] - f[i]).mul_(1 - f[i] * f[i])
            self.w[i].addmm_(error, h[i].T, alpha=self.rate)
            h[i + 1].mul_(1 - DT / TAU).add_(f[i], alpha=DT / TAU * (1 - MU))
            h[i + 1].add_(g[i], alpha=DT / TAU * MU)
