"""A run of the run-time back ends: Brian2's code objects for numpy or cython, stepped from Python."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator  # noqa: F401
from brian2.core.preferences import prefs
from brian2.units.allunits import second

from dendrosim.engine.network.brian_session import CYTHON, brian
from dendrosim.engine.network.build import build
from dendrosim.engine.network.parts import Built, Bundle
from dendrosim.engine.plan.state_arrays import all_values, final_keys, state_shape
from dendrosim.engine.plan.synapse_tables import Wiring
from dendrosim.engine.progress import Progress
from dendrosim.engine.runtime.operations import NumpyDense
from dendrosim.engine.task import Outcome, Task
from dendrosim.machine.cache import cache_folder


def run(task: Task, target: str, progress: Progress) -> Outcome:
    """Run a task by Brian2's run-time device with code generation target `numpy` or `cython`."""
    begin = time.perf_counter()
    with brian("runtime", task.settings.precision, target), np.errstate(all="ignore"):
        dense = NumpyDense(task)
        built = build(task.protocol, task.settings.precision, dense)
        for key, value in all_values(task.protocol, task.line, task.state(), built.ones).items():
            built.arrays[key].get_value()[...] = value
        for name, wiring in task.wirings.items():
            _connect(built, built.bundles[name], wiring)
        dense.bind(built)
        before = _extensions() if target == "cython" else set()
        loaded = _loaded() if target == "cython" else set()
        if target == "cython":
            progress.compiling(certain=not before)
        built.network.run(0 * second, namespace={})
        compiled = target == "cython" and not _loaded() <= loaded | before
        ready = time.perf_counter()
        interrupted = _loop(task, built, dense, progress)
    stepping = time.perf_counter() - ready
    steps = dense.step
    traces = {n: (t.steps[: t.next], t.rows[: t.next]) for n, t in dense.tapes.items()}
    final = {
        name: dense.values[key].reshape(state_shape(task.protocol, name)).copy()
        for name, key in final_keys(task.protocol.circuit).items()
    }
    broken = dense.failure[1] if dense.failure else []
    bad = {n: final[n] for n, k in final_keys(task.protocol.circuit).items() if k in broken}
    return Outcome(
        steps, traces, final, bad, interrupted and not dense.full, compiled,
        spikes={n: r.train() for n, r in dense.reels.items()}, full=dense.full,
        seconds={"build": ready - begin, "compile": 0.0, "run": stepping, "steps": stepping},
    )  # fmt: skip


def _connect(built: Built, bundle: Bundle, wiring: Wiring) -> None:
    """Set the connections, delays and start values of a pathway's synapses."""
    synapses = bundle.synapses
    if not len(wiring.pre):  # Brian2 cannot make an empty set of synapses
        synapses.active = False
        return
    target = prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"  # what runs once is not worth compiling
    synapses.connect(i=wiring.pre, j=wiring.post)
    prefs["codegen.target"] = target
    for name, variable in bundle.values.items():
        variable.get_value()[...] = wiring.values[name]
    delay = bundle.delay.get_value()
    delay[...] = wiring.delays


def _extensions() -> set[str]:
    """Return the names of the compiled extensions that Brian2 keeps in the cache."""
    suffixes = (".so", ".pyd")
    return {path.name for path in (cache_folder() / CYTHON).iterdir() if path.suffix in suffixes}


def _loaded() -> set[str]:
    """Return the names of those that this process has loaded; others may compile at the same time."""
    from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager

    modules = cython_extension_manager._code_cache.values()
    return {Path(module.__file__).name for module in modules if module is not None}


def _loop(task: Task, built: Built, dense: NumpyDense, progress: Progress) -> bool:
    """Run all steps; return whether the user interrupted."""
    duration = task.line.steps * task.protocol.time_step

    def report(elapsed: Any, fraction: float, start: Any, duration: Any) -> None:
        progress.at(dense.step, dense.begun - 1)

    try:
        built.network.run(
            duration * second, report=report, report_period=0.2 * second, namespace={}
        )
    except KeyboardInterrupt:
        return True
    return dense.step < task.line.steps and dense.failure is None
