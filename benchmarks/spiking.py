"""Bursting pyramidal cells with noise, against a hand-written Brian2 C++ standalone script of the same equations.

10,000 cells for one second of model time at 0.1 ms, in double precision. Only the programs are timed, from start
to end, not their compilation. Both count the spikes of the same second; the rates must agree.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.table import Table

CELLS, SECONDS, REPEATS = 10_000, 1.0, 7
MEANS = {"soma": "400 pA", "apical": "-100 pA"}

BRIAN = """
import sys
from brian2 import *

folder, threads, cells, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
set_device("cpp_standalone", build_on_run=False)
prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
defaultclock.dt = 0.1*ms
tau_s, tau_d, tau_ws, tau_wd, tau_n = 16*ms, 7*ms, 100*ms, 30*ms, 2*ms
C_s, C_d, E_L, V_T, E_d, D_d = 370*pF, 170*pF, -70*mV, -50*mV, -38*mV, 6*mV
g_s, g_d, c_d, b, a, sigma = 1300*pA, 1200*pA, 2600*pA, -200*pA, -13*nS, 450*pA
mu_s, mu_d = 400*pA, -100*pA
cell = NeuronGroup(cells, '''
dV_s/dt = -(V_s - E_L)/tau_s + (g_s*f + I_s + w_s)/C_s : volt (unless refractory)
dV_d/dt = -(V_d - E_L)/tau_d + (g_d*f + c_d*K + I_d + w_d)/C_d : volt
dw_s/dt = -w_s/tau_ws : amp
dw_d/dt = (-w_d + a*(V_d - E_L))/tau_wd : amp
dI_s/dt = (mu_s - I_s)/tau_n + sigma*sqrt(2/tau_n)*xi_s : amp
dI_d/dt = (mu_d - I_d)/tau_n + sigma*sqrt(2/tau_n)*xi_d : amp
f = 1/(1 + exp(-(V_d - E_d)/D_d)) : 1
K = int(t - lastspike > 0.55*ms)*int(t - lastspike < 2.55*ms) : 1
''', threshold="V_s > V_T", reset="V_s = E_L; w_s += b", refractory=3*ms, method="euler")
cell.V_s = cell.V_d = E_L
cell.I_s, cell.I_d = mu_s, mu_d
spikes = SpikeMonitor(cell)
run(seconds*second)
device.build(directory=folder, compile=True, run=False, debug=False)
print("SPIKES", device.get_array_filename(spikes.variables["i"]))
"""


def measure() -> Table:
    """Return seconds of each program, and the median of their ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contestants = {
            ("Brian2 C++ standalone", n): _brian(folder / f"brian{n}", n) for n in (1, 2)
        }
        contestants |= {("dendrosim cpp", n): _dendrosim(folder / f"own{n}", n) for n in (1, 2)}
        times: dict[tuple[str, int], list[float]] = {key: [] for key in contestants}
        spikes = {}
        for _ in range(REPEATS):
            for key, (command, home, count) in contestants.items():
                begin = time.perf_counter()
                subprocess.run(
                    command, cwd=home, check=True, stdout=subprocess.DEVNULL,
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                )  # fmt: skip
                times[key].append(time.perf_counter() - begin)
                spikes[key] = count()
    rows = []
    for (program, threads), taken in times.items():
        reference = times["Brian2 C++ standalone", threads]
        ratio = statistics.median(t / r for t, r in zip(taken, reference, strict=True))
        median = statistics.median(taken)
        per_step = 1e9 * median / (CELLS * SECONDS / 1e-4)
        rate = spikes[program, threads] / CELLS / SECONDS
        rows.append((program, threads, median, per_step, ratio, rate))
    return Table(
        f"{CELLS:,} pyramidal_burst cells with noise, {SECONDS:g} s at 0.1 ms, double precision",
        ("program", "threads", "seconds", "ns a cell and step", "over Brian2", "spikes/s a cell"),
        rows,
        f"Medians of {REPEATS} interleaved repetitions; ratios are medians of the ratios within one repetition.",
    )


def _brian(folder: Path, threads: int):
    folder.mkdir()
    script = folder.parent / "script.py"
    script.write_text(BRIAN)
    command = [sys.executable, str(script), str(folder), str(threads), str(CELLS), str(SECONDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    home = folder if folder.is_absolute() else folder.resolve()
    file = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("SPIKES"))
    (home / "results").mkdir(exist_ok=True)

    def count() -> int:
        return (home / "results" / Path(file).name).stat().st_size // 4

    return [str(home / "main")], home, count


def _dendrosim(folder: Path, threads: int):
    import dendrosim as ds
    from dendrosim.engine.cpp.program import program
    from dendrosim.engine.cpp.task import write_task
    from dendrosim.engine.outcome import Progress, Task
    from dendrosim.engine.state import initial_state
    from dendrosim.engine.timeline import timeline

    folder.mkdir()
    protocol = ds.Protocol(
        ds.load_circuit("pyramidal_burst", cells=CELLS),
        (ds.Block("trial", (ds.Phase("noise", f"{SECONDS} s"),)),),
        dt="0.1 ms",
        signals={
            f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(mean, "450 pA", "2 ms")
            for place, mean in MEANS.items()
        },
        recordings=(ds.Recording("pyramidal.spike", every="spike"),),
    )
    task = Task(
        protocol, timeline(protocol, 0), partial(initial_state, protocol, 0), "double", threads
    )
    made = program(protocol, "double", Progress(task, None))
    write_task(folder / "task.bin", task, made.manifest)

    def count() -> int:
        return len(np.fromfile(folder / "spikes0.elements.bin", dtype=np.int32))

    return [str(made.folder / "program"), str(folder)], made.folder, count
