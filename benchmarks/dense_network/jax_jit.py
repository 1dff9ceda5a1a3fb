"""JAX: compiled, with the loop over steps inside the compiled function."""

import os
import time

import numpy as np

from benchmarks.dense_network.problem import DT, ETA, LAYERS, MU, TAU, Problem


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        # XLA has no setting for threads; it uses as many as the process has processors.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["XLA_FLAGS"] = (
            f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        )
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.precision == "double")
        w, q = problem.weights()
        x, target = problem.samples()
        rate = DT * ETA / problem.batch

        def step(_, state):
            h, w, q, x, target = state
            below = [x, *h[:-1]]
            f = [jnp.tanh(w[i] @ below[i]) for i in range(LAYERS)]
            g = [*(q[i] @ h[i + 1] for i in range(LAYERS - 1)), target]
            error = [(h[i] - f[i]) * (1 - f[i] * f[i]) for i in range(LAYERS)]
            learned = [w[i] + rate * error[i] @ below[i].T for i in range(LAYERS)]
            moved = [h[i] + DT / TAU * (-h[i] + (1 - MU) * f[i] + MU * g[i]) for i in range(LAYERS)]
            return moved, learned, q, x, target

        self.many = jax.jit(lambda steps, s: jax.lax.fori_loop(0, steps, step, s), donate_argnums=1)
        start = [np.zeros_like(x) for _ in range(LAYERS)], w, q, x, target
        self.now = jax.tree.map(jnp.array, start)
        self.ready = jax.block_until_ready
        self.now = self.ready(self.many(0, self.now))

    def run(self, steps: int) -> float:
        begin = time.perf_counter()
        self.now = self.ready(self.many(steps, self.now))
        return time.perf_counter() - begin

    def state(self) -> list[np.ndarray]:
        return [np.asarray(a) for a in (*self.now[0], *self.now[1])]
