"""Dense plastic rate network: dendrosim compared with NumPy, PyTorch, JAX, Brian2 and handwritten C++.

The network is defined in `benchmarks/dense_network/problem.py`; each contestant is a file beside it. Before they
are timed, all contestants must compute the same activities and weights. Only steps are timed.
"""

import statistics
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.contestants import Contestant
from benchmarks.dense_network import limits
from benchmarks.dense_network.problem import Problem
from benchmarks.table import Table

REPEATS, SECONDS = 5, 0.3
CONTESTANTS = {
    "dendrosim cpp": "own_cpp",
    "C++ by hand": "handwritten",
    "NumPy": "numpy_blas",
    "PyTorch": "pytorch",
    "JAX": "jax_jit",
    "Brian2": "brian_standalone",
    "dendrosim numpy": "own_numpy",
}
TOLERANCE = {"double": 1e-9, "single": 1e-4}


class Worker(Contestant):
    """A contestant; each run continues from the end of the run before."""

    def __init__(self, name: str, problem: Problem, threads: int, folder: Path) -> None:
        arguments = [problem.units, problem.batch, problem.precision]
        super().__init__("dense_network", name, arguments, threads, folder)
        # The number of steps of the contestant's only run, or 0 if it can run any number of steps.
        self.steps = 0 if self.missing else int(self.ready[1])

    def step_seconds(self, steps: int) -> float:
        return self.seconds(self.steps or steps) / (self.steps or steps)


def measure() -> Table:
    """Return microseconds per step of all contestants, and ratios between them."""
    cases = product((100, 500, 1000), (1, 64), ("single", "double"), (1, 2))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for units, batch, precision, threads in cases:
            rows.append(_row(Problem(units, batch, precision), threads, Path(folder)))
            print(*rows[-1], file=sys.stderr, flush=True)
    return Table(
        "Dense plastic rate network, 3 layers: microseconds per step",
        (
            "units", "batch", "precision", "threads", *CONTESTANTS, "limit", "over C++ by hand",
            "over the best of NumPy, PyTorch, JAX", "Brian2 over dendrosim, per sample", "largest difference",
        ),
        rows,
        f"Medians of {REPEATS} interleaved repetitions of about {SECONDS:g} s; ratios are medians of the ratios "
        "within one repetition, for dendrosim's back end cpp. Brian2 has no batches: both rows show its time for "
        "one sample. The largest difference is that of activities and weights from NumPy's after some steps, "
        "relative to the largest of them. The limit is the time of the multiplications at the rate of products "
        "in registers, or that of reading all weights once. It is measured once, so a program can be faster at "
        f"times if others use the machine. {limits.describe_limits()} “-” means not installed.",
    )  # fmt: skip


def _row(problem: Problem, threads: int, folder: Path) -> tuple:
    single = Problem(problem.units, 1, problem.precision)
    workers = {
        label: Worker(module, single if label == "Brian2" else problem, threads, folder)
        for label, module in CONTESTANTS.items()
    }
    workers = {label: w for label, w in workers.items() if not w.missing}
    gap = _largest_gap(workers, problem)
    limit = limits.step_seconds(problem, threads)
    steps = {
        label: round(SECONDS / max(limit, w.step_seconds(_trial_steps(problem)))) or 1
        for label, w in workers.items()
    }
    times: dict[str, list[float]] = {label: [] for label in workers}
    for _ in range(REPEATS):
        for label, worker in workers.items():
            times[label].append(1e6 * worker.step_seconds(steps[label]))
    for worker in workers.values():
        worker.close()
    libraries = [k for k in ("NumPy", "PyTorch", "JAX") if k in times]
    best = [min(values) for values in zip(*(times[k] for k in libraries), strict=True)]
    return (
        problem.units, problem.batch, problem.precision, threads,
        *(statistics.median(times[k]) if k in times else "-" for k in CONTESTANTS),
        1e6 * limit,
        _ratio(times["dendrosim cpp"], times["C++ by hand"]),
        _ratio(times["dendrosim cpp"], best),
        problem.batch * _ratio(times["Brian2"], times["dendrosim cpp"]) if "Brian2" in times else "-",
        gap,
    )  # fmt: skip


def _trial_steps(problem: Problem) -> int:
    """Return the number of steps of a first run, which shows how many steps fit into a repetition."""
    return max(3, int(4e9 / problem.flops))


def _ratio(times: list[float], reference: list[float]) -> float:
    return statistics.median(t / r for t, r in zip(times, reference, strict=True))


def _largest_gap(workers: dict[str, Worker], problem: Problem) -> float:
    """Return the largest difference of a contestant from NumPy, relative to the largest value.

    Raises RuntimeError if it is above the tolerance.
    """
    states = {label: list(np.load(w.file).values()) for label, w in workers.items()}
    largest = 0.0
    for label, found in states.items():
        if label == "Brian2" and problem.batch > 1:
            continue  # it simulates one sample, for which it is compared in another row
        for a, b in zip(found, states["NumPy"], strict=True):
            gap = float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
            largest = max(largest, gap)
            if not gap < TOLERANCE[problem.precision]:
                raise RuntimeError(f"{label} differs from NumPy by {gap:.2g} in {problem}")
    return largest
