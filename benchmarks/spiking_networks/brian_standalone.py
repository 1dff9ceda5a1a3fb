"""Brian2 in C++ standalone mode, with synapses as its documentation writes them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.spiking_networks.problem import Problem

SCRIPT = """
import sys
import numpy as np
from brian2 import *
from benchmarks.spiking_networks import problem as p

folder, cells, plasticity, threads = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
problem = p.Problem(cells, plasticity, "double")
set_device("cpp_standalone", build_on_run=False, directory=folder)
prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-ffast-math", "-march=native", "-std=c++11"]
defaultclock.dt = p.DT*ms
tau_m, tau_g, refractory, delay = p.TAU_M*ms, p.TAU_G*ms, p.REFRACTORY*ms, p.DELAY*ms
tau_plus, tau_minus, tau_d, tau_f, U = p.TAU_PLUS*ms, p.TAU_MINUS*ms, p.TAU_D*ms, p.TAU_F*ms, p.U
w_e, w_i, w_max, full = problem.weight, p.INHIBITION*problem.weight, 2*problem.weight, problem.full_weight
up, down = p.A_PLUS*w_max, p.A_MINUS*w_max
equations = '''
dv/dt = (drive - v + g_e - g_i)/tau_m : 1 (unless refractory)
dg_e/dt = -g_e/tau_g : 1
dg_i/dt = -g_i/tau_g : 1
drive : 1 (constant)
'''
sizes = {"e": problem.excitatory, "i": cells - problem.excitatory}
drives = np.split(problem.drive(), [problem.excitatory])
groups, objects = {}, []
for (name, size), drive in zip(sizes.items(), drives):
    groups[name] = NeuronGroup(size, equations, threshold="v > 1", reset="v = 0", refractory=refractory,
                               method="euler", name=name)
    groups[name].drive = drive
    objects += [groups[name], SpikeMonitor(groups[name], name=f"spikes_{name}")]
texts = {"model": "", "on_pre": "g_e_post += w_e"}
learning = {
    "static": texts,
    "stdp": {
        "model": '''dx/dt = -x/tau_plus : 1 (event-driven)
                    dy/dt = -y/tau_minus : 1 (event-driven)
                    w : 1''',
        "on_pre": '''g_e_post += w
                     x += 1
                     w = clip(w - down*y, 0, w_max)''',
        "on_post": '''y += 1
                      w = clip(w + up*x, 0, w_max)''',
    },
    "tm": {
        "model": '''du/dt = -u/tau_f : 1 (event-driven)
                    dx/dt = (1 - x)/tau_d : 1 (event-driven)''',
        "on_pre": '''u += U*(1 - u)
                     r = u*x
                     g_e_post += full*r
                     x -= r''',
    },
}[plasticity]
for k, pre in enumerate("ei"):
    for post in "ei":
        text = {"model": "", "on_pre": "g_i_post += w_i"} if pre == "i" else texts
        text = learning if pre + post == "ee" else text
        synapses = Synapses(groups[pre], groups[post], delay=delay, name=pre + post, method="linear", **text)
        i, j = problem.pairs(sizes[pre], sizes[post], problem.inputs[k], len(objects))
        synapses.connect(i=i, j=j)
        if text is learning and plasticity == "stdp":
            synapses.w = np.random.default_rng(9).uniform(0, w_max, len(i))
        if text is learning and plasticity == "tm":
            synapses.x = 1
        objects.append(synapses)
Network(*objects).run(problem.steps*defaultclock.dt)
device.build(directory=folder, compile=True, run=False, debug=False)
"""


class Contestant:
    def __init__(self, problem: Problem, threads: int) -> None:
        import brian2  # noqa: F401

        self.problem = problem
        name = f"brian-{problem.cells}-{problem.plasticity}-{threads}"
        self.home = Path(os.environ["CONTESTANT_FOLDER"]) / name
        arguments = [self.home, problem.cells, problem.plasticity, threads]
        subprocess.run(
            [sys.executable, "-c", SCRIPT, *map(str, arguments)],
            check=True,
            capture_output=True,
            text=True,
        )

    def run(self, seed: int) -> float:
        """Run the whole program, which seeds itself, and return the seconds of its loop from its output."""
        subprocess.run(["./main"], cwd=self.home, check=True, stdout=subprocess.DEVNULL)
        return float((self.home / "results" / "last_run_info.txt").read_text().split()[0])

    def spikes(self) -> tuple[int, int]:
        """Return the numbers of excitatory and of inhibitory spikes."""
        found = [next((self.home / "results").glob(f"_dynamic_array_spikes_{n}_i*")) for n in "ei"]
        return tuple(len(np.fromfile(path, np.int32)) for path in found)
