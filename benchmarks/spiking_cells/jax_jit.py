"""JAX: compiled, with the loop over steps inside the compiled function, and JAX's own random numbers."""

import os
import time

import numpy as np

from benchmarks.spiking_cells import problem as p
from benchmarks.spiking_cells.problem import BURST, FREE, SEEN, Problem, Spikes


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
        shape, dtype = (2, problem.cells), problem.dtype

        def step(now, carried):
            key, v, d, w, r, z, last, count, following = carried
            z = p.KEEP * z + p.SPREAD * jax.random.normal(
                jax.random.fold_in(key, now), shape, dtype
            )
            since = now - last
            f = 1 / (1 + jnp.exp((p.E_D - d) / p.D_D))
            k = jnp.where((since > SEEN[0]) & (since <= SEEN[1]), p.BAP, 0.0).astype(dtype)
            into_s = p.G_S * f + p.MEAN_S + p.SIGMA * z[0] + w
            into_d = p.G_D * f + k + p.MEAN_D + p.SIGMA * z[1] + r
            free = since >= FREE
            moved = v + p.DT * ((p.E_L - v) / p.TAU_S + into_s / p.C_S)
            v = jnp.where(free, moved, v)
            r, d = (
                r + p.DT * (p.A * (d - p.E_L) - r) / p.TAU_WD,
                d + p.DT * ((p.E_L - d) / p.TAU_D + into_d / p.C_D),
            )
            spike = free & (v > p.V_T)
            w = w - p.DT * w / p.TAU_WS + jnp.where(spike, p.B, 0.0).astype(dtype)
            v = jnp.where(spike, p.E_L, v)
            count, following = count + spike, following + (spike & (since < BURST))
            return key, v, d, w, r, z, jnp.where(spike, now, last), count, following

        self.many = jax.jit(lambda n, s: jax.lax.fori_loop(0, n, step, s), donate_argnums=1)
        self.jax, self.array, self.problem = jax, jnp.asarray, problem
        self._state(0)
        self._advance(1)

    def run(self, seed: int) -> float:
        self._state(seed)
        begin = time.perf_counter()
        self._advance(self.problem.steps)
        return time.perf_counter() - begin

    def spikes(self) -> Spikes:
        return Spikes(*(np.asarray(a) for a in self.now[-2:]))

    def _advance(self, steps: int) -> None:
        self.now = self.jax.block_until_ready(self.many(np.int32(steps), self.now))

    def _state(self, seed: int) -> None:
        *state, z_s, z_d, last = self.problem.start(np.random.default_rng(seed))
        counts = [np.zeros(self.problem.cells, np.int32) for _ in range(2)]
        arrays = [*state, np.stack([z_s, z_d]), last.astype(np.int32), *counts]
        self.now = (self.jax.random.key(seed), *(self.array(a) for a in arrays))
