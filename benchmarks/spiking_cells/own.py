"""dendrosim with the back end cpp: a circuit of the library with two noise signals and all spikes recorded."""

import numpy as np

import dendrosim as ds
from benchmarks.spiking_cells.problem import DT, MEAN_D, MEAN_S, SIGMA, TAU_N, Problem, Spikes


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.threads = problem, threads
        means = {"soma": MEAN_S, "apical": MEAN_D}
        self.protocol = ds.Protocol(
            ds.load_circuit("pyramidal_burst", cells=problem.cells),
            (ds.Block("trial", (ds.Phase("noise", f"{problem.steps * DT:g} ms"),)),),
            dt=f"{DT} ms",
            signals={
                f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(
                    f"{mean} pA", f"{SIGMA} pA", f"{TAU_N} ms"
                )
                for place, mean in means.items()
            },
            recordings=(ds.Recording("pyramidal.spike", every="spike"),),
        )
        self.run(0)  # so that compilation is not timed

    def run(self, seed: int) -> float:
        """Simulate, and return the seconds of the steps, without the time for files."""
        self.result = ds.run(
            self.protocol, backend="cpp", seed=seed, precision=self.problem.precision,
            threads=self.threads, progress=False,
        )  # fmt: skip
        return self.result.provenance["seconds"]["steps"]

    def spikes(self) -> Spikes:
        found = self.result.spikes["pyramidal"]
        steps = np.round(np.asarray(found.time) / (DT * 1e-3)).astype(int)
        return Spikes.of(self.problem, found.unit, steps)
