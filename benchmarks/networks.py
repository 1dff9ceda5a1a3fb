"""Spiking networks with static and plastic synapses: dendrosim compared with Brian2, NEST and handwritten C++.

The network is defined in `benchmarks/spiking_networks/problem.py`; each contestant is a file beside it. Only steps
are timed. Contestants draw different connections, so their numbers of spikes are compared, not their spikes. NEST
is installed from its wheel into an environment of its own, once.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import venv
from itertools import product
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.spiking_networks.problem import DT, Problem
from benchmarks.table import Table

REPEATS = 3
CONTESTANTS = {
    "dendrosim": "own",
    "C++ by hand": "handwritten",
    "Brian2": "brian_standalone",
    "NEST": "nest_simulator",
}
BOTH_PRECISIONS = {"dendrosim", "C++ by hand"}
TOLERANCE = 0.1
"""Largest relative difference of the number of spikes from that of the handwritten program."""

NEST = "nest-simulator==3.10.0"
LINE = 64  # bytes of a cache line


class Worker(Contestant):
    """A contestant that answers with seconds and with the numbers of excitatory and inhibitory spikes."""

    def __init__(self, name: str, problem: Problem, threads: int, folder: Path) -> None:
        python = nest_python() if name == "nest_simulator" else sys.executable
        arguments = [problem.cells, problem.plasticity, problem.precision]
        super().__init__("spiking_networks", name, arguments, threads, folder, python)
        self.spikes: list[tuple[int, int]] = []

    def run(self, seed: int) -> float:
        """Return the seconds of a run."""
        seconds, *spikes = self.answer(seed)
        self.spikes.append((int(spikes[0]), int(spikes[1])))
        return float(seconds)

    @property
    def all_spikes(self) -> float:
        """Mean number of spikes of a run."""
        return statistics.mean(map(sum, self.spikes))


def nest_python() -> str:
    """Return the Python of the environment with NEST; if NEST cannot be installed, it lacks NEST."""
    home = Path(tempfile.gettempdir()) / f"dendrosim-bench-{os.getuid()}-nest"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", NEST], check=False)
    return str(python)


def measure() -> Table:
    """Return seconds per simulated second of all contestants, and ratios between them."""
    from benchmarks.spiking_networks.handwritten import bandwidth

    cases = product((10_000, 1_000), ("static", "stdp", "tm"), ("double", "single"), (1, 2))
    speeds = {threads: bandwidth(threads) for threads in (1, 2)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for cells, plasticity, precision, threads in cases:
            problem = Problem(cells, plasticity, precision)
            rows.append(_row(problem, threads, speeds[threads], Path(folder)))
            print(*rows[-1], file=sys.stderr, flush=True)
    speed = " and ".join(f"{s / 1e9:.3g}" for s in speeds.values())
    return Table(
        "Networks of leaky cells, one tenth connected, 0.1 ms: seconds per simulated second",
        (
            "cells", "synapses", "precision", "threads", *CONTESTANTS, "over C++ by hand",
            "Brian2 over dendrosim", "NEST over dendrosim", "spikes/s per cell", "ns per event",
            "ns per event by hand", "ns per event of the bandwidth",
        ),
        rows,
        f"Medians of {REPEATS} interleaved repetitions; ratios are medians of the ratios within one repetition. "
        "Plasticity is that of synapses between excitatory cells: stdp (pairs, bounded), tm (Tsodyks-Markram). An "
        "event is a spike that arrives at a synapse; its time includes that of the cells. The last column divides "
        f"the bytes of an event by the measured bandwidth, {speed} GB/s with 1 and 2 threads: targets, weights, "
        "and for postsynaptic spikes a cache line read and written. In the small network all this is in caches. "
        "Brian2 and NEST run in double precision only. “-” means not installed or not run.",
    )  # fmt: skip


def _row(problem: Problem, threads: int, speed: float, folder: Path) -> tuple:
    workers = {
        label: Worker(module, problem, threads, folder)
        for label, module in CONTESTANTS.items()
        if problem.precision == "double" or label in BOTH_PRECISIONS
    }
    workers = {label: w for label, w in workers.items() if not w.missing}
    times: dict[str, list[float]] = {label: [] for label in workers}
    for repetition in range(REPEATS):
        for label, worker in workers.items():
            times[label].append(worker.run(repetition) / (problem.steps * DT / 1000))
    for worker in workers.values():
        worker.close()
    _check_spikes(workers, problem)
    own, simulated = times["dendrosim"], problem.steps * DT / 1000
    excitatory, inhibitory = map(statistics.mean, zip(*workers["dendrosim"].spikes, strict=True))
    events = problem.events(excitatory, inhibitory) / simulated
    by_hand = times["C++ by hand"]
    return (
        problem.cells, problem.plasticity, problem.precision, threads,
        *(statistics.median(times[k]) if k in times else "-" for k in CONTESTANTS),
        _ratio(own, by_hand),
        *(_ratio(times[k], own) if k in times else "-" for k in ("Brian2", "NEST")),
        workers["dendrosim"].all_spikes / problem.cells / simulated,
        1e9 * statistics.median(own) / events, 1e9 * statistics.median(by_hand) / events,
        1e9 * _bytes(problem, excitatory, inhibitory) / speed,
    )  # fmt: skip


def _check_spikes(workers: dict[str, Worker], problem: Problem) -> None:
    reference = workers["C++ by hand"].all_spikes
    for label, worker in workers.items():
        if abs(worker.all_spikes / reference - 1) > TOLERANCE:
            raise RuntimeError(
                f"{label} has {worker.all_spikes:.0f} spikes and C++ by hand {reference:.0f}, in {problem}"
            )


def _bytes(problem: Problem, excitatory: float, inhibitory: float) -> float:
    """Return the mean bytes that an event moves if nothing is in a cache."""
    number = 4 if problem.precision == "single" else 8
    plastic = problem.excitatory / problem.cells * excitatory / (excitatory + inhibitory)
    return 4 + plastic * (problem.plasticity == "stdp") * (2 * number + 8 + 2 * LINE)


def _ratio(times: list[float], reference: list[float]) -> float:
    return statistics.median(t / r for t, r in zip(times, reference, strict=True))
