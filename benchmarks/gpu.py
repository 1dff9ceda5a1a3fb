"""Comparison of the back ends cuda and cpp on a machine with a GPU, in less than eight minutes.

`python -m benchmarks.gpu` first compiles all programs in parallel. Then it checks that cuda and cpp agree: they
must have the same states after a thousand steps in double and in single precision, and the same statistics of
bursts. Then it times two workloads on both: D, a dense plastic rate network, and S, bursting pyramidal cells with
noise. Nothing is downloaded.

The exit code is 5, with a message, if there is no GPU or a part of the tool chain is missing. It is 1 if the back
ends disagree or a program fails; the other programs still run.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_cases import AGREEING, BURSTS, STEPS, Case
from benchmarks.table import Table, save

TOLERANCE = {"double": 1e-10, "single": 1e-4}
DENSE = [(units, batch) for units in (1000, 4000, 16000) for batch in (64, 512)]
CELLS = (100_000, 1_000_000, 10_000_000)
LONGEST = 120
"""Seconds after which a program is stopped."""

SPENT = 1.5
"""Seconds that the timed steps of one measurement take, approximately."""


def main() -> int:
    from dendrosim.engine.cuda.toolchain import check_run, gpu
    from dendrosim.errors import BackendMissingError

    try:
        check_run()
    except BackendMissingError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return error.exit_code
    begin = time.perf_counter()
    timed = [Case("D", sizes, "single") for sizes in DENSE]
    timed += [Case("S", (cells,), "single") for cells in CELLS]
    _compile([*AGREEING, BURSTS, *timed])
    _say(f"compiled after {time.perf_counter() - begin:.0f} s")
    parts = [*(_attempt(_agreement, case) for case in AGREEING), _attempt(_bursts, BURSTS)]
    _say(f"compared after {time.perf_counter() - begin:.0f} s")
    agreement = Table(
        f"cuda beside cpp on {gpu().name}: largest differences",
        ("what", "precision", "difference", "allowed", "agrees"),
        [row for rows in parts if rows for row in rows],
        f"After {STEPS} steps, of states and recordings, relative to the largest of each; "
        "of statistics of bursts, the difference of means over the grid, relative to cpp's.",
    )  # fmt: skip
    print(save("gpu_agreement", agreement))
    with tempfile.TemporaryDirectory() as folder:
        flops, rate = _limits(Path(folder))
    rows = []
    for case in timed:
        if row := _attempt(_timing, case, flops, rate):
            rows.append(row)
            _say(*row)
    table = Table(
        f"cuda on {gpu().name}, beside cpp with all cores, single precision",
        ("workload", "size", "batch", "cuda ms/step", "cpp ms/step", "cpp over cuda", "share of peak GEMM",
         "share of bandwidth"),
        rows,
        "D: dense plastic rate network with one matrix, which is used forward and transposed, and learns; S: "
        f"bursting cells with noise. Peak: {flops / 1e12:.3g} TFLOP/s for products of 8192 x 8192 matrices in "
        f"single precision (no TF32); {rate / 1e9:.4g} GB/s for copies. The bytes of a step are those of "
        "matrices, once for each product, of states, read and written, and of inputs. The time of a step is the "
        "difference between a long and a short run, divided by that of their steps. The benchmark took "
        f"{time.perf_counter() - begin:.0f} s.",
    )  # fmt: skip
    print(save("gpu", table))
    complete = all(parts) and len(rows) == len(timed)
    return 0 if complete and all(row[-1] == "yes" for row in agreement.rows) else 1


def _attempt(part: Callable[..., Any], case: Case, *arguments: Any) -> Any:
    """Return the result of a part of the benchmark; print the reason and return None if a program fails."""
    from dendrosim.errors import DendrosimError

    try:
        return part(case, *arguments)
    except (DendrosimError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        _say(f"{case.workload} {case.arguments} failed: {error} {said}")
        return None


def _say(*words: Any) -> None:
    print(*(f"{w:.3g}" if isinstance(w, float) else w for w in words), file=sys.stderr, flush=True)


# -- compilation ----------------------------------------------------------------------------------


def _compile(cases: list[Case]) -> None:
    """Compile all programs into the cache, several at a time."""
    jobs = [(case, backend) for case in cases for backend in ("cuda", "cpp")]
    workers = max(1, min(8, len(os.sched_getaffinity(0)) // 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_compile_one, *zip(*jobs, strict=True)))


def _compile_one(case: Case, backend: str) -> None:
    from dendrosim.engine.compilation import compile_without_run

    compile_without_run(case.protocol(STEPS), backend, case.precision)


# -- agreement ------------------------------------------------------------------------------------


def _agreement(case: Case) -> list[tuple[Any, ...]]:
    """Return a row of the table of agreement, with the largest difference of states, recordings and spikes."""
    import dendrosim as ds

    protocol = case.protocol(STEPS)
    cuda, cpp = (
        ds.run(protocol, backend=b, seed=1, precision=case.precision, progress=False)
        for b in ("cuda", "cpp")
    )
    pairs = [(cuda.state[n], cpp.state[n]) for n in cpp.state]
    pairs += [(cuda.traces[n].values, cpp.traces[n].values) for n in cpp.traces]
    pairs += [(cuda.spikes[n].time, cpp.spikes[n].time) for n in cpp.spikes]
    gap = float(np.max([_gap(a, b) for a, b in pairs]))  # NaN if one is NaN
    allowed = TOLERANCE[case.precision]
    name = " ".join(str(n) for n in (case.workload, *case.arguments))
    return [(name, case.precision, gap, allowed, "yes" if gap <= allowed else "NO")]


def _gap(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference relative to the largest value; infinite if shapes differ."""
    if found.shape != expected.shape:
        return float("inf")
    largest = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    return float(np.max(np.abs(found.astype(float) - expected), initial=0.0)) / largest


def _bursts(case: Case) -> list[tuple[Any, ...]]:
    """Return rows of the table of agreement for statistics of bursts; noise may make them differ a little."""
    import dendrosim as ds

    protocol = case.protocol(0)
    cuda, cpp = (
        ds.run(protocol, backend=b, seed=1, precision=case.precision, progress=False).metrics
        for b in ("cuda", "cpp")
    )
    rows = []
    for name in ("event_rate", "burst_probability", "event_rate_index", "burst_probability_index"):
        found, expected = (float(np.nanmean(metrics[name])) for metrics in (cuda, cpp))
        gap = abs(found - expected) / abs(expected)
        agrees = "yes" if gap <= 0.02 else "NO"
        rows.append((f"burst_coding {name}", case.precision, gap, 0.02, agrees))
    return rows


# -- times ----------------------------------------------------------------------------------------


def _timing(case: Case, flops: float, rate: float) -> tuple[Any, ...]:
    """Return a row of the table of times."""
    products, moved = _work(case)
    cores = len(os.sched_getaffinity(0))
    state = _state(case)
    cuda = _seconds_a_step(case, state, "cuda", max(products / flops, moved / rate) + 1e-4)
    # Expected rates of cpp per core: 50 GFLOP/s and 10 GB/s; they only decide how many steps are timed.
    cpp = _seconds_a_step(case, state, "cpp", products / (5e10 * cores) + moved / (1e10 * cores))
    size, batch = case.arguments[0], case.arguments[1] if case.workload == "D" else 1
    share = products / cuda / flops if products else float("nan")
    return case.workload, size, batch, 1e3 * cuda, 1e3 * cpp, cpp / cuda, share, moved / cuda / rate


def _work(case: Case) -> tuple[float, float]:
    """Return the floating-point operations of the products of a step, and the bytes that a step has to move."""
    if case.workload == "D":
        units, batch = case.arguments
        # Two products read the matrix, and plasticity reads and writes it; 14 arrays of activities are moved.
        return 6.0 * units**2 * batch, 4.0 * (4 * units**2 + 14 * units * batch)
    from dendrosim.engine.compilation import compile_without_run

    # Each array of the cells is read once; four states of a cell and two of its noise are written.
    manifest = compile_without_run(case.protocol(1), "cuda", case.precision).manifest
    cells = case.arguments[0]
    read = sum(
        np.dtype(d).itemsize
        for s, d in zip(manifest["sizes"], manifest["dtypes"], strict=True)
        if s == cells
    )
    return 0.0, float(cells * (read + 6 * 4))


def _state(case: Case) -> Any:
    """Return the initial state of all runs of a case, drawn once because that takes long."""
    from dendrosim.engine.plan.state_arrays import initial_state

    return initial_state(case.protocol(1), 0)


def _seconds_a_step(case: Case, state: Any, backend: str, expected: float) -> float:
    """Return the seconds of a step, from the difference in time between a long and a short run."""
    many = int(min(max(SPENT / expected, 6), 20_000))
    few = max(1, many // 10)
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            _program(case, state, backend, steps, Path(folder) / str(steps))
            for steps in (few, many)
        ]
        times = [[_loop(*run) for run in runs] for _ in range(2 if expected < 0.05 else 1)]
    return statistics.median(long - short for short, long in times) / (many - few)


def _program(
    case: Case, state: Any, backend: str, steps: int, folder: Path
) -> tuple[list[str], Path]:
    """Prepare a run of a compiled program, and return its command and its folder."""
    from dendrosim.engine.compilation import compile_without_run
    from dendrosim.engine.plan.timeline import timeline
    from dendrosim.engine.settings import RunSettings
    from dendrosim.engine.standalone.task_file import write_task
    from dendrosim.engine.task import Task

    protocol = case.protocol(steps)
    made = compile_without_run(protocol, backend, case.precision)
    threads = len(os.sched_getaffinity(0))
    settings = RunSettings(backend, precision=case.precision, threads=threads)
    folder.mkdir()
    task = Task(protocol, timeline(protocol, 0), lambda: state, settings)
    write_task(folder, task, made.manifest)
    return [str(made.folder / "program"), str(folder)], made.folder


def _loop(command: list[str], home: Path) -> float:
    """Run a program, and return the seconds of its steps, as the program prints them."""
    done = subprocess.run(
        command, cwd=home, check=True, capture_output=True, text=True, timeout=LONGEST,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return next(float(line[2:]) for line in done.stdout.splitlines() if line.startswith("T "))


def _limits(folder: Path) -> tuple[float, float]:
    """Return the peak rates of products and of copies."""
    from dendrosim.engine.cuda.toolchain import command

    source = Path(__file__).with_name("gpu_limits.cu")
    subprocess.run(command(str(source), "limits"), cwd=folder, check=True, capture_output=True)
    done = subprocess.run([str(folder / "limits")], check=True, capture_output=True, text=True)
    flops, rate = (float(word) for word in done.stdout.split())
    return flops, rate


if __name__ == "__main__":
    sys.exit(main())
