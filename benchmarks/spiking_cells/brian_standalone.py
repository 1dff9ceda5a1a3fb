"""Brian2 in C++ standalone mode, with equations in their usual form.

With the constants `tau_e` and `spread`, Euler's method is exact for the noise, so that all contestants have the
same process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.spiking_cells.problem import DT, Problem, Spikes

SCRIPT = """
import json, sys
from brian2 import *

folder, cells, steps, threads = sys.argv[1], *(int(a) for a in sys.argv[2:])
set_device("cpp_standalone", build_on_run=False)
prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
defaultclock.dt = 0.1*ms
tau_s, tau_d, tau_ws, tau_wd, tau_n = 16*ms, 7*ms, 100*ms, 30*ms, 2*ms
C_s, C_d, E_L, V_T, E_d, D_d = 370*pF, 170*pF, -70*mV, -50*mV, -38*mV, 6*mV
g_s, g_d, c_d, b, a, sigma = 1300*pA, 1200*pA, 2600*pA, -200*pA, -13*nS, 450*pA
mu_s, mu_d = 400*pA, -100*pA
dt_ = defaultclock.dt
tau_e, spread = dt_/(1 - exp(-dt_/tau_n)), sigma*sqrt((1 - exp(-2*dt_/tau_n))/dt_)
cell = NeuronGroup(cells, '''
dV_s/dt = -(V_s - E_L)/tau_s + (g_s*f + I_s + w_s)/C_s : volt (unless refractory)
dV_d/dt = -(V_d - E_L)/tau_d + (g_d*f + c_d*K + I_d + w_d)/C_d : volt
dw_s/dt = -w_s/tau_ws : amp
dw_d/dt = (-w_d + a*(V_d - E_L))/tau_wd : amp
dI_s/dt = (mu_s - I_s)/tau_e + spread*xi_s : amp
dI_d/dt = (mu_d - I_d)/tau_e + spread*xi_d : amp
f = 1/(1 + exp(-(V_d - E_d)/D_d)) : 1
K = int(t - lastspike > 0.55*ms)*int(t - lastspike < 2.55*ms) : 1
''', threshold="V_s > V_T", reset="V_s = E_L; w_s += b", refractory=3*ms, method="euler")
cell.V_s = cell.V_d = E_L
cell.I_s, cell.I_d = "mu_s + sigma*randn()", "mu_d + sigma*randn()"
spikes = SpikeMonitor(cell)
run(steps*dt_)
device.build(directory=folder, compile=True, run=False, debug=False)
print("FILES", json.dumps([device.get_array_filename(spikes.variables[n]) for n in ("i", "t")]))
"""


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        import brian2  # noqa: F401

        self.problem = problem
        self.home = Path(os.environ["CONTESTANT_FOLDER"]) / f"brian-{problem.cells}-{threads}"
        arguments = [self.home, problem.cells, problem.steps, threads]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *map(str, arguments)], check=True, capture_output=True,
            text=True,
        )  # fmt: skip
        line = next(t for t in done.stdout.splitlines() if t.startswith("FILES"))
        names = json.loads(line.removeprefix("FILES"))
        self.files = [self.home / "results" / Path(n).name for n in names]
        (self.home / "results").mkdir(exist_ok=True)

    def run(self, seed: int) -> float:
        """Run the whole program, which seeds itself, and return the seconds of its loop from its output."""
        subprocess.run(["./main"], cwd=self.home, check=True, stdout=subprocess.DEVNULL)
        return float((self.home / "results" / "last_run_info.txt").read_text().split()[0])

    def spikes(self) -> Spikes:
        cells, times = (
            np.fromfile(f, d) for f, d in zip(self.files, (np.int32, float), strict=True)
        )
        return Spikes.of(self.problem, cells, np.round(times / (DT * 1e-3)).astype(int))
