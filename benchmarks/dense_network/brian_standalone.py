"""Brian2 in C++ standalone mode, written as in its documentation: one synapse per weight, and only one sample.

Inputs are summed variables, and plasticity is clock-driven. The transfer function is computed once per unit, not
once per synapse. The order of operations is such that all right-hand sides use the state at the start of the step.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.dense_network.problem import LAYERS, Problem

SCRIPT = """
import json, sys
import numpy as np
from brian2 import *
from benchmarks.dense_network.problem import DT, ETA, LAYERS, MU, TAU, Problem

folder, units, precision, threads = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
problem = Problem(units, 1, precision)
set_device("cpp_standalone", build_on_run=False)
prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
prefs.core.default_float_dtype = problem.dtype
defaultclock.dt = DT*second
mu, tau, eta = MU, TAU*second, ETA*Hz
(w, q), (x, target) = problem.weights(), problem.samples()
layers = [NeuronGroup(units, "h : 1", name="layer0")]
layers[0].h = x[:, 0]
for k in range(1, LAYERS + 1):
    group = NeuronGroup(units, '''
    dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
    f : 1
    basal : 1
    g : 1
    ''', method="euler", name=f"layer{k}")
    group.run_regularly("f = tanh(basal)", when="start", order=1, name=f"transfer{k}")
    layers.append(group)
layers[-1].g = target[:, 0]
plastic, fixed = [], []
for k in range(1, LAYERS + 1):
    synapses = Synapses(layers[k - 1], layers[k], '''
    dw/dt = eta*(h_post - f_post)*(1 - f_post**2)*h_pre : 1 (clock-driven)
    basal_post = w*h_pre : 1 (summed)
    ''', method="euler", name=f"synapses{k}")
    synapses.connect()
    synapses.w = w[k - 1].T.ravel()
    synapses.state_updater.when = "before_groups"
    synapses.summed_updaters["basal_post"].when = "start"
    plastic.append(synapses)
for k in range(1, LAYERS):
    synapses = Synapses(layers[k + 1], layers[k], '''
    w : 1
    g_post = w*h_pre : 1 (summed)
    ''', name=f"feedback{k}")
    synapses.connect()
    synapses.w = q[k - 1].T.ravel()
    synapses.summed_updaters["g_post"].when = "start"
    fixed.append(synapses)
net = Network(*layers, *plastic, *fixed)
net.run(problem.steps_to_compare*DT*second)
device.build(directory=folder, compile=True, run=False)
files = [g.variables["h"] for g in layers[1:]] + [s.variables["w"] for s in plastic]
print("FILES", json.dumps([str(device.get_array_filename(v)) for v in files]))
"""


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        import brian2  # noqa: F401

        self.problem, self.only = problem, problem.steps_to_compare
        name = f"brian-{problem.units}-{problem.precision}-{threads}"
        self.home = Path(os.environ["CONTESTANT_FOLDER"]) / name
        files = self.home / "files.json"
        if not files.exists():
            self._build(problem, threads, files)
        self.files = json.loads(files.read_text())

    def _build(self, problem: Problem, threads: int, files: Path) -> None:
        arguments = [str(self.home), str(problem.units), problem.precision, str(threads)]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments], check=True, capture_output=True, text=True
        )
        line = next(t for t in done.stdout.splitlines() if t.startswith("FILES"))
        (self.home / "results").mkdir(exist_ok=True)
        files.write_text(line.removeprefix("FILES"))

    def run(self, steps: int) -> float:
        """Run the whole program from its initial state, and return the seconds of its loop from its output."""
        subprocess.run(["./main"], cwd=self.home, check=True, stdout=subprocess.DEVNULL)
        return float((self.home / "results" / "last_run_info.txt").read_text().split()[0])

    def state(self) -> list[np.ndarray]:
        n = self.problem.units
        read = [
            np.fromfile(self.home / "results" / Path(f).name, self.problem.dtype)
            for f in self.files
        ]
        return [a.reshape(n, 1) for a in read[:LAYERS]] + [a.reshape(n, n).T for a in read[LAYERS:]]
