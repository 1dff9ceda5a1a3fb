"""dendrosim: the network as a circuit of populations, matrices and projections."""

import dendrosim as ds
from benchmarks.dense_network.problem import ETA, LAYERS, MU, TAU, Problem

LAYER = """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
f = s(basal)                         : 1
basal                                : 1
g                                    : 1
"""
PLASTICITY = "dw/dt = eta*ds(basal_post)*(h_post - f_post)*h_pre : 1"


class Own:
    """A back end of dendrosim; each run continues from the end of the run before."""

    backend = ""

    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.threads = problem, threads
        self.circuit = circuit_of(problem)
        self._advance(1, None)  # so that compilation is not timed
        self.now = None

    def run(self, steps: int) -> float:
        """Advance the network, and return the seconds of the steps, without the time for files."""
        self.now = self._advance(steps, self.now)
        return self.now.provenance["seconds"]["steps"]

    def state(self):
        names = [f"layer{i}.h" for i in range(1, LAYERS + 1)]
        return [self.now.state[n] for n in (*names, *(f"w{i}" for i in range(1, LAYERS + 1)))]

    def _advance(self, steps: int, initial):
        protocol = steps_of(self.problem, self.circuit, steps)
        return ds.run(
            protocol, backend=self.backend, seed=0, precision=self.problem.precision,
            threads=self.threads, initial=initial, progress=False,
        )  # fmt: skip


def steps_of(
    problem: Problem, circuit: ds.Circuit, steps: int, method: str = "euler"
) -> ds.Protocol:
    """Return the protocol of so many steps of a circuit that has the network's layers."""
    x, target = problem.samples()
    return ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("on", f"{steps * 0.1:g} ms"),)),),
        dt="0.1 ms",
        signals={"layer0.h": ds.Samples("x"), f"layer{LAYERS}.g": ds.Samples("y")},
        data={"x": x.T, "y": target.T},
        batch=problem.batch,
        method=method,
    )


def circuit_of(problem: Problem) -> ds.Circuit:
    """Return the network as a circuit."""
    (w, q), n = problem.weights(), problem.units
    populations = [ds.Population("layer0", n, "h : 1", inputs=["h"])]
    matrices, projections = [], []
    for i in range(1, LAYERS + 1):
        inputs = ["g"] if i == LAYERS else ()
        populations.append(ds.Population(f"layer{i}", n, LAYER, transfer="tanh", inputs=inputs))
        matrices.append(
            ds.Matrix(f"w{i}", f"layer{i}", f"layer{i - 1}", w[i - 1], plasticity=PLASTICITY)
        )
        projections.append(ds.Projection(f"layer{i - 1}.h", f"w{i}", f"layer{i}.basal"))
        if i < LAYERS:
            matrices.append(ds.Matrix(f"q{i}", f"layer{i}", f"layer{i + 1}", q[i - 1]))
            projections.append(ds.Projection(f"layer{i + 1}.h", f"q{i}", f"layer{i}.g"))
    parameters = {"mu": MU, "tau": f"{TAU} s", "eta": f"{ETA} Hz"}
    return ds.Circuit(populations, matrices, projections, parameters)
