"""The back end cuda on a machine with a GPU, in less than eight minutes: `python -m benchmarks.gpu`.

First all programs are compiled, side by side. Then it is shown that cuda computes what cpp computes: the same
state after a thousand steps in double and in single precision, the same statistics of bursts. Then two workloads
are timed on both: D, a dense plastic rate network, and S, bursting pyramidal cells with noise. Nothing is
downloaded. Without a GPU, or where a part of the tool chain is missing, it says so and ends with code 5; with code
1 where the two back ends disagree or a program fails, which keeps the others from nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Table, save

STEPS, DT = 1000, 1e-4
TOLERANCE = {"double": 1e-10, "single": 1e-4}
DENSE = [(units, batch) for units in (1000, 4000, 16000) for batch in (64, 512)]
CELLS = (100_000, 1_000_000, 10_000_000)
LONGEST = 120  # seconds that one program may take
SPENT = 1.5  # seconds that the timed steps of one measurement should take, about

LAYER = """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
f = s(basal) + x                     : 1
basal                                : 1
x                                    : 1
g                                    : 1
"""
PLASTICITY = "dw/dt = eta*ds(basal_post)*(h_post - f_post)*h_pre : 1"


@dataclass(frozen=True)
class Case:
    """A circuit to run: its kind, numbers that make it, and a precision."""

    kind: str
    numbers: tuple[Any, ...]
    precision: str

    def protocol(self, steps: int) -> Any:
        """Return so many steps of it."""
        import dendrosim as ds

        makers = {
            "D": _dense, "S": _cells, "synapses": _synapses, "rules": _rules, "model": _model,
            "protocol": ds.load_protocol,
        }  # fmt: skip
        made = makers[self.kind](*self.numbers)
        if self.kind == "protocol":
            return made
        circuit, options = made
        block = ds.Block("run", (ds.Phase("on", f"{steps * DT:.10g} s"),))
        return ds.Protocol(circuit, (block,), dt=f"{DT} s", **options)


AGREEING = [
    Case(kind, numbers, precision)
    for kind, numbers, precisions in (
        ("D", (60, 8, 2), ("double", "single")),
        ("model", ("dynamical_tp",), ("double", "single")),
        ("model", ("bmvr",), ("double", "single")),
        # In single precision a spike may come a step earlier or later.
        ("model", ("pyramidal_burst",), ("double",)),
        ("synapses", (100,), ("double",)),
        ("rules", (50, 1), ("double", "single")),
        ("rules", (50, 3), ("double", "single")),
    )
    for precision in precisions
]
BURSTS = Case("protocol", ("burst_coding",), "single")


def _dense(units: int, batch: int, layers: int = 1) -> tuple[Any, dict[str, Any]]:
    """Layers whose matrices are each used forward, transposed, and learn: three products a step."""
    import dendrosim as ds

    names = [f"layer{i}" for i in range(layers + 1)]
    populations = [
        ds.Population(
            name, units, LAYER, transfer="tanh",
            inputs=[v for v, at in (("x", 0), ("basal", 0), ("g", layers)) if at == i]
            + (["x"] if i else []),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    matrices, projections = [], []
    for i in range(1, layers + 1):
        weights = ds.Normal(0.0, units**-0.5)
        matrices.append(ds.Matrix(f"w{i}", names[i], names[i - 1], weights, PLASTICITY))
        projections.append(ds.Projection(f"{names[i - 1]}.h", f"w{i}", f"{names[i]}.basal"))
        back = ds.Projection(f"{names[i]}.h", f"w{i}", f"{names[i - 1]}.g", transpose=True)
        projections.append(back)
    circuit = ds.Circuit(
        populations, matrices, projections, {"mu": 0.1, "tau": "10 ms", "eta": "0.1 Hz"}
    )
    rng = np.random.default_rng(2)
    signals: dict[str, Any] = dict.fromkeys(circuit.inputs, 0)
    signals |= {"layer0.x": ds.Samples("x"), f"{names[-1]}.g": ds.Samples("y")}
    data = {name: rng.normal(size=(batch, units)) for name in "xy"}
    return circuit, {"signals": signals, "data": data, "batch": batch}


def _cells(cells: int) -> tuple[Any, dict[str, Any]]:
    import dendrosim as ds

    means = {"soma": "400 pA", "apical": "-100 pA"}
    signals = {
        f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(mean, "450 pA", "2 ms")
        for place, mean in means.items()
    }
    return ds.load_circuit("pyramidal_burst", cells=cells), {"signals": signals}


def _synapses(cells: int) -> tuple[Any, dict[str, Any]]:
    """Cells that inhibit each other after delays that differ."""
    import dendrosim as ds

    cell = ds.Population(
        "cell", cells, "dv/dt = (x - v)/(10*ms) : 1\nx : 1", inputs=["x"], threshold="v > 1", reset="v = 0"
    )  # fmt: skip
    inhibition = ds.Pathway(
        "inhibition", "cell", "cell", "v_post -= weight", ds.Probability(0.2), ds.Uniform(0.01, 0.05),
        ds.Uniform("0.1 ms", "5 ms"),
    )  # fmt: skip
    recordings = (ds.Recording("cell.v", "1 ms"), ds.Recording("cell.spike", every="spike"))
    signals = {"cell.x": np.linspace(0.8, 3, cells)}
    return ds.Circuit((cell,), pathways=(inhibition,)), {
        "signals": signals,
        "recordings": recordings,
    }


def _rules(units: int, batch: int) -> tuple[Any, dict[str, Any]]:
    """Matrices that decay, that learn element by element, and one that is the inverse of another."""
    import dendrosim as ds

    population = ds.Population(
        "unit", units, "dv/dt = (tanh(r) + x - v)/(10*ms) : 1\nr : 1\nx : 1", inputs=["x"],
        initial={"v": ds.Uniform(-1, 1)},
    )  # fmt: skip
    rules = {
        "hebb": "dw/dt = (v_post*v_pre - w)/second : 1",
        "cubic": "dw/dt = (tanh(v_post*v_pre*w) + v_post*v_pre*w - w**3)/second : 1",
        "inverted": "dw/dt = v_post*v_pre/(10*second) : 1",
    }
    start = ds.Identity(1.0, 0.1)
    matrices = [ds.Matrix(name, "unit", "unit", start, rule) for name, rule in rules.items()]
    matrices.append(ds.Matrix("inverse", "unit", "unit", inverse_of="inverted"))
    projections = [ds.Projection("unit.v", m.name, "unit.r") for m in matrices]
    signals = {"unit.x": ds.Samples("x")}
    data = {"x": np.random.default_rng(3).normal(size=(batch, units))}
    circuit = ds.Circuit((population,), matrices, projections)
    return circuit, {"signals": signals, "data": data, "batch": batch}


def _model(name: str) -> tuple[Any, dict[str, Any]]:
    """A model of the library whose inputs are constant: currents of 600 pA, other numbers of 0.3."""
    import dendrosim as ds

    circuit = ds.load_circuit(name)
    recordings = tuple(
        ds.Recording(f"{p.name}.{s}", "1 ms") for p in circuit.populations for s in p.states
    )
    signals = {
        f"{p.name}.{n}": "600 pA" if p.variables[n].unit == "amp" else 0.3
        for p in circuit.populations
        for n in p.inputs
    }
    return circuit, {"signals": signals, "recordings": recordings}


def main() -> int:
    from dendrosim.engine.cuda.toolchain import can_run, gpu
    from dendrosim.errors import BackendMissingError

    try:
        can_run()
    except BackendMissingError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return error.exit_code
    begin = time.perf_counter()
    timed = [Case("D", numbers, "single") for numbers in DENSE]
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
        "D: dense plastic rate network, one matrix used forward, transposed and learning; S: bursting cells with "
        f"noise. Peak: {flops / 1e12:.3g} TFLOP/s for products of 8192 x 8192 matrices in single precision (no "
        f"TF32); {rate / 1e9:.4g} GB/s for copies. What has to move is counted once: matrices as often as "
        "products need them, states read and written, inputs read. Steps are timed as the difference of a long "
        f"and a short run, of each the loop alone. All of it took {time.perf_counter() - begin:.0f} s.",
    )  # fmt: skip
    print(save("gpu", table))
    complete = all(parts) and len(rows) == len(timed)
    return 0 if complete and all(row[-1] == "yes" for row in agreement.rows) else 1


def _attempt(part: Callable[..., Any], case: Case, *arguments: Any) -> Any:
    """Return what a part of the benchmark finds; None, after saying why, where a program fails."""
    from dendrosim.errors import DendrosimError

    try:
        return part(case, *arguments)
    except (DendrosimError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        _say(f"{case.kind} {case.numbers} failed: {error} {said}")
        return None


def _say(*words: Any) -> None:
    print(*(f"{w:.3g}" if isinstance(w, float) else w for w in words), file=sys.stderr, flush=True)


# -- compilation ----------------------------------------------------------------------------------


def _compile(cases: list[Case]) -> None:
    """Compile all programs, several at a time; their later runs find them in the cache."""
    jobs = [(case, backend) for case in cases for backend in ("cuda", "cpp")]
    workers = max(1, min(8, len(os.sched_getaffinity(0)) // 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_compile_one, *zip(*jobs, strict=True)))


def _compile_one(case: Case, backend: str) -> None:
    from dendrosim.engine.compilation import compile_without_run

    compile_without_run(case.protocol(STEPS), backend, case.precision)


# -- agreement ------------------------------------------------------------------------------------


def _agreement(case: Case) -> list[tuple[Any, ...]]:
    import dendrosim as ds

    protocol = case.protocol(STEPS)
    cuda, cpp = (
        ds.run(protocol, backend=b, seed=1, precision=case.precision, progress=False)
        for b in ("cuda", "cpp")
    )
    pairs = [(cuda.state[n], cpp.state[n]) for n in cpp.state]
    pairs += [(cuda.traces[n].values, cpp.traces[n].values) for n in cpp.traces]
    pairs += [(cuda.spikes[n].time, cpp.spikes[n].time) for n in cpp.spikes]
    gap = float(np.max([_gap(a, b) for a, b in pairs]))  # NaN if any is
    allowed = TOLERANCE[case.precision]
    name = " ".join(str(n) for n in (case.kind, *case.numbers))
    return [(name, case.precision, gap, allowed, "yes" if gap <= allowed else "NO")]


def _gap(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float("inf")
    largest = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    return float(np.max(np.abs(found.astype(float) - expected), initial=0.0)) / largest


def _bursts(case: Case) -> list[tuple[Any, ...]]:
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
    products, moved = _work(case)
    cores = len(os.sched_getaffinity(0))
    state = _state(case)
    cuda = _seconds_a_step(case, state, "cuda", max(products / flops, moved / rate) + 1e-4)
    cpp = _seconds_a_step(case, state, "cpp", products / (5e10 * cores) + moved / (1e10 * cores))
    size, batch = case.numbers[0], case.numbers[1] if case.kind == "D" else 1
    share = products / cuda / flops if products else float("nan")
    return case.kind, size, batch, 1e3 * cuda, 1e3 * cpp, cpp / cuda, share, moved / cuda / rate


def _work(case: Case) -> tuple[float, float]:
    """Return floating point operations in products, and bytes that have to move, of a step."""
    if case.kind == "D":
        units, batch = case.numbers
        # The matrix is read by two products, read and written by its plasticity; 14 arrays of activities.
        return 6.0 * units**2 * batch, 4.0 * (4 * units**2 + 14 * units * batch)
    from dendrosim.engine.compilation import compile_without_run

    # Every array of the cells is read once; the states, four of the cell and two of the noise, are written.
    manifest = compile_without_run(case.protocol(1), "cuda", case.precision).manifest
    cells = case.numbers[0]
    read = sum(
        np.dtype(d).itemsize
        for s, d in zip(manifest["sizes"], manifest["dtypes"], strict=True)
        if s == cells
    )
    return 0.0, float(cells * (read + 6 * 4))


def _state(case: Case) -> Any:
    """Return the state from which all runs of a case start: to draw it takes long."""
    from dendrosim.engine.plan.state_arrays import initial_state

    return initial_state(case.protocol(1), 0)


def _seconds_a_step(case: Case, state: Any, backend: str, expected: float) -> float:
    """Return what a step takes: the difference of a long and a short run, over that of their steps."""
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
    """Prepare a run of a compiled program; return its command and its folder."""
    from dendrosim.engine.compilation import compile_without_run
    from dendrosim.engine.plan.timeline import timeline
    from dendrosim.engine.standalone.task_file import write_task
    from dendrosim.engine.task import Task

    protocol = case.protocol(steps)
    made = compile_without_run(protocol, backend, case.precision)
    threads = len(os.sched_getaffinity(0))
    folder.mkdir()
    task = Task(protocol, timeline(protocol, 0), lambda: state, case.precision, threads)
    write_task(folder / "task.bin", task, made.manifest)
    return [str(made.folder / "program"), str(folder)], made.folder


def _loop(command: list[str], home: Path) -> float:
    """Run a program; return the seconds that it says its steps took."""
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
