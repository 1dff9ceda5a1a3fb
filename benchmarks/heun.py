"""A step of Heun's method compared with a step of forward Euler, on the dense plastic network and back end cpp.

Heun's method evaluates the vector field twice, so two Euler steps are the least that its step can take. Besides
the network's own rule, an outer product, the matrices learn with bounds or by a rule that is computed weight by
weight.
"""

import statistics
import sys
from itertools import product

import dendrosim as ds
from benchmarks.dense_network.own import circuit_of, steps_of
from benchmarks.dense_network.problem import Problem
from benchmarks.table import Table

REPEATS, SECONDS = 7, 0.3
RULES = {
    "outer product": {},
    "with bounds": {"bounds": (-10.0, 10.0)},
    "weight by weight": {
        "plasticity": "dw/dt = eta*(1 - w**2)*h_post*h_pre + 0.01*eta*tanh(w*h_pre) : 1"
    },
}
CASES = (
    *product(("outer product",), (100, 300, 1000), (1, 16, 64), (1, 2)),
    *product(("with bounds", "weight by weight"), (300,), (1, 64), (1,)),
)


class Stepper:
    """The network with one rule and one method, whose steps are timed."""

    def __init__(self, problem: Problem, rule: str, method: str, threads: int) -> None:
        self.problem, self.method, self.threads = problem, method, threads
        circuit = circuit_of(problem)
        learning = [m.replace(**RULES[rule]) if m.plasticity else m for m in circuit.matrices]
        self.circuit = circuit.replace(matrices=learning)

    def step_seconds(self, steps: int) -> float:
        protocol = steps_of(self.problem, self.circuit, steps, method=self.method)
        result = ds.run(
            protocol, "cpp", 0, self.problem.precision, threads=self.threads, progress=False
        )
        return result.provenance["seconds"]["steps"] / steps


def measure() -> Table:
    """Return microseconds per step of both methods, and their ratio."""
    rows = []
    for rule, units, batch, threads in CASES:
        rows.append(_row(rule, Problem(units, batch, "double"), threads))
        print(*rows[-1], file=sys.stderr, flush=True)
    return Table(
        "Heun's method: microseconds per step",
        ("rule", "units", "batch", "threads", "Euler", "Heun", "Heun over Euler"),
        rows,
        "Dense plastic rate network of three layers in double precision, back end cpp. Medians of "
        f"{REPEATS} repetitions of about {SECONDS:g} s, in which both methods take turns; the ratio is the median "
        "of the ratios within one repetition.",
    )


def _row(rule: str, problem: Problem, threads: int) -> tuple:
    steppers = [Stepper(problem, rule, method, threads) for method in ("euler", "rk2")]
    counts = [max(3, round(SECONDS / stepper.step_seconds(10))) for stepper in steppers]
    times = [
        tuple(s.step_seconds(n) for s, n in zip(steppers, counts, strict=True))
        for _ in range(REPEATS)
    ]
    return (
        rule, problem.units, problem.batch, threads,
        *(1e6 * statistics.median(column) for column in zip(*times, strict=True)),
        statistics.median(heun / euler for euler, heun in times),
    )  # fmt: skip
