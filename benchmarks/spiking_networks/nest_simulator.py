"""NEST, from its wheel: `iaf_psc_exp` cells, and the synapses that come nearest. It computes in double precision.

With C_m = 20 pF and tau_m = 20 ms, the numbers of `problem` are mV and pA. NEST delays both parts of STDP in
another way, which matters for weights but not for time.
"""

import time

from benchmarks.spiking_networks import problem as p
from benchmarks.spiking_networks.problem import Problem


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        import nest

        self.nest, self.problem, self.threads = nest, problem, threads
        nest.set_verbosity("M_ERROR")

    def run(self, seed: int) -> float:
        """Build the network, simulate, and return the seconds of the simulation."""
        nest, problem = self.nest, self.problem
        nest.ResetKernel()
        nest.set(local_num_threads=self.threads, resolution=p.DT, rng_seed=seed + 1)
        cells = nest.Create("iaf_psc_exp", problem.cells, {
            "C_m": p.TAU_M, "tau_m": p.TAU_M, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "V_th": 1.0,
            "t_ref": p.REFRACTORY, "tau_syn_ex": p.TAU_G, "tau_syn_in": p.TAU_G, "I_e": problem.drive().tolist(),
            "tau_minus": p.TAU_MINUS,
        })  # fmt: skip
        parts = {"e": cells[: problem.excitatory], "i": cells[problem.excitatory :]}
        self.recorders = [nest.Create("spike_recorder") for _ in "ei"]
        for name, recorder in zip("ei", self.recorders, strict=True):
            nest.Connect(parts[name], recorder)
        for pre, count, weight in zip(
            "ei", problem.inputs, (problem.weight, -p.INHIBITION * problem.weight), strict=True
        ):
            for post in "ei":
                synapse = (
                    self._synapse(weight)
                    if pre + post == "ee"
                    else {"synapse_model": "static_synapse"}
                )
                rule = {"rule": "fixed_indegree", "indegree": count}
                nest.Connect(
                    parts[pre], parts[post], rule, {"weight": weight, "delay": p.DELAY, **synapse}
                )
        nest.Prepare()
        begin = time.perf_counter()
        nest.Run(problem.steps * p.DT)
        seconds = time.perf_counter() - begin
        nest.Cleanup()
        return seconds

    def _synapse(self, weight: float) -> dict:
        if self.problem.plasticity == "stdp":
            return {
                "synapse_model": "stdp_synapse", "lambda": p.A_PLUS, "alpha": p.A_MINUS / p.A_PLUS,
                "mu_plus": 0.0, "mu_minus": 0.0, "tau_plus": p.TAU_PLUS, "Wmax": 2 * weight,
                "weight": self.nest.random.uniform(0.0, 2 * weight),
            }  # fmt: skip
        if self.problem.plasticity == "tm":
            return {
                "synapse_model": "tsodyks2_synapse", "U": p.U, "u": p.U, "x": 1.0, "tau_rec": p.TAU_D,
                "tau_fac": p.TAU_F, "weight": self.problem.full_weight,
            }  # fmt: skip
        return {"synapse_model": "static_synapse"}

    def spikes(self) -> tuple[int, int]:
        """Return the numbers of excitatory and of inhibitory spikes."""
        return tuple(recorder.n_events for recorder in self.recorders)
