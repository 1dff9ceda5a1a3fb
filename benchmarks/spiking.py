"""Noisy bursting cells: dendrosim compared with Numba, JAX, Brian2 and handwritten C++.

The cells are defined in `benchmarks/spiking_cells/problem.py`; each contestant is a file beside it. Only steps are
timed. The contestants draw different noise, so two statistics are compared that do not depend on the sequence of
random numbers: the firing rate and the fraction of spikes within bursts.
"""

import statistics
import sys
import tempfile
from itertools import product
from math import hypot
from pathlib import Path

import numpy as np

from benchmarks.contestants import Contestant
from benchmarks.spiking_cells.problem import Problem, Spikes
from benchmarks.table import Table

REPEATS = 5
CONTESTANTS = {
    "dendrosim cpp": "own",
    "C++ by hand": "handwritten",
    "Brian2": "brian_standalone",
    "Numba": "numba_loop",
    "JAX": "jax_jit",
}
ONLY_DOUBLE = {"Brian2"}
TOLERANCE = 5.0
"""Rates and fractions count as equal if they differ by at most this number of standard errors."""


class Worker(Contestant):
    """A contestant, which saves its counts of spikes after each run."""

    def __init__(self, name: str, problem: Problem, threads: int, folder: Path) -> None:
        arguments = [problem.cells, problem.precision]
        super().__init__("spiking_cells", name, arguments, threads, folder)
        self.problem = problem
        self.counts: list[Spikes] = []

    def nanoseconds(self, seed: int) -> float:
        """Return the nanoseconds per cell and step of a run."""
        seconds = self.seconds(seed)
        self.counts.append(Spikes(*np.load(self.file).values()))
        return 1e9 * seconds / self.problem.cells / self.problem.steps

    @property
    def spikes(self) -> Spikes:
        """Counts of spikes of all runs together."""
        return sum(self.counts[1:], self.counts[0])


def measure() -> Table:
    """Return nanoseconds per cell and step of all contestants, and ratios between them."""
    cases = product((1_000, 10_000, 100_000), ("double", "single"), (1, 2))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for cells, precision, threads in cases:
            rows.append(_row(Problem(cells, precision), threads, Path(folder)))
            print(*rows[-1], file=sys.stderr, flush=True)
    return Table(
        "Noisy pyramidal_burst cells at 0.1 ms: nanoseconds per cell and step",
        (
            "cells", "precision", "threads", *CONTESTANTS, "over C++ by hand", "Brian2 over dendrosim",
            "best of Numba and JAX over dendrosim", "spikes/s per cell", "burst fraction",
            "largest difference (standard errors)",
        ),
        rows,
        f"Medians of {REPEATS} interleaved repetitions; ratios are medians of the ratios within one repetition. "
        "Rates and burst fractions (of spikes less than 16 ms after the one before) are those of C++ by hand, "
        "over all repetitions; they depend on the length of a run, because all cells start at rest. The last "
        "column is the largest difference of another contestant from them, in standard errors of the difference. "
        "Brian2 runs in double precision only. “-” means not installed or not run.",
    )  # fmt: skip


def _row(problem: Problem, threads: int, folder: Path) -> tuple:
    workers = {
        label: Worker(module, problem, threads, folder)
        for label, module in CONTESTANTS.items()
        if problem.precision == "double" or label not in ONLY_DOUBLE
    }
    workers = {label: w for label, w in workers.items() if not w.missing}
    times: dict[str, list[float]] = {label: [] for label in workers}
    for repetition in range(REPEATS):
        for label, worker in workers.items():
            times[label].append(worker.nanoseconds(repetition))
    for worker in workers.values():
        worker.close()
    reference = workers["C++ by hand"].spikes
    own, libraries = times["dendrosim cpp"], [k for k in ("Numba", "JAX") if k in times]
    best = [min(values) for values in zip(*(times[k] for k in libraries), strict=True)]
    return (
        problem.cells, problem.precision, threads,
        *(statistics.median(times[k]) if k in times else "-" for k in CONTESTANTS),
        _ratio(own, times["C++ by hand"]),
        _ratio(times["Brian2"], own) if "Brian2" in times else "-",
        _ratio(best, own) if best else "-",
        reference.rate(REPEATS * problem.steps)[0], reference.burst_fraction()[0],
        _largest_difference(workers, problem),
    )  # fmt: skip


def _ratio(times: list[float], reference: list[float]) -> float:
    return statistics.median(t / r for t, r in zip(times, reference, strict=True))


def _largest_difference(workers: dict[str, Worker], problem: Problem) -> float:
    """Return the largest difference of a contestant from C++ by hand, in standard errors.

    Raises RuntimeError if it is above the tolerance.
    """
    largest = 0.0
    (rate, rate_error), (bursts, bursts_error) = _measures(workers["C++ by hand"], problem)
    for label, worker in workers.items():
        if label == "C++ by hand":
            continue
        (own_rate, own_rate_error), (own_bursts, own_bursts_error) = _measures(worker, problem)
        away = max(
            abs(own_rate - rate) / hypot(rate_error, own_rate_error),
            abs(own_bursts - bursts) / hypot(bursts_error, own_bursts_error),
        )
        largest = max(largest, away)
        if not away < TOLERANCE:
            raise RuntimeError(
                f"{label} has {own_rate:.3g} spikes/s and burst fraction {own_bursts:.3g}, C++ by hand {rate:.3g} "
                f"and {bursts:.3g}, which is {away:.2g} standard errors away, in {problem}"
            )
    return largest


def _measures(worker: Worker, problem: Problem) -> tuple[tuple[float, float], tuple[float, float]]:
    spikes = worker.spikes
    return spikes.rate(REPEATS * problem.steps), spikes.burst_fraction()
