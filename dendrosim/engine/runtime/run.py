"""A run with a run-time back end: Python calls Brian2's code objects for numpy or cython in every step."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator  # noqa: F401
from brian2.core.network import Network
from brian2.core.preferences import prefs
from brian2.units.allunits import second

from dendrosim.engine.network.brian_session import brian_session
from dendrosim.engine.network.build import build
from dendrosim.engine.network.parts import Bundle, NetworkParts
from dendrosim.engine.plan.carried import carried_keys, carried_values, update_times
from dendrosim.engine.plan.signal_slots import elements
from dendrosim.engine.plan.spike_texts import SYNAPSE
from dendrosim.engine.plan.state_arrays import UPDATE, all_values, final_keys
from dendrosim.engine.plan.synapse_tables import SynapseTable
from dendrosim.engine.progress import Progress
from dendrosim.engine.runtime.extensions import has_extensions, verified_extensions
from dendrosim.engine.runtime.operations import NumpyOperations
from dendrosim.engine.task import Outcome, Task


def run(task: Task, target: str, progress: Progress) -> Outcome:
    """Run a task with Brian2's run-time device with code generation target `numpy` or `cython`."""
    begin = time.perf_counter()
    extensions: AbstractContextManager[list[Path]] = (
        verified_extensions() if target == "cython" else nullcontext([])
    )
    with (
        brian_session("runtime", task.settings.precision, target),
        extensions as compiled,
        np.errstate(all="ignore"),
    ):
        operations = NumpyOperations(task)
        counts = {name: c.count for name, c in task.connections.items()}
        parts = build(task.protocol, task.settings.precision, operations, counts)
        parts.claim()
        kept = carried_keys(task.protocol, parts.register_kept())
        sizes = {key: parts.arrays[key].size for key in kept if key in parts.arrays}
        carried = {} if task.carried is None else carried_values(task.carried, sizes)
        values = all_values(task.protocol, task.line, task.state(), parts.ones, carried)
        for key, value in values.items():
            parts.arrays[key].get_value()[...] = value
        for name, table in task.synapses.items():
            _connect(task, parts, name, table)
        operations.bind(parts)
        parts.network.t_ = task.line.first * task.protocol.time_step
        if target == "cython":
            progress.compiling(certain=not has_extensions())
        parts.network.run(0 * second, namespace={})
        operations.begin()
        ready = time.perf_counter()
        interrupted = _loop(task, parts, operations, progress)
        stepping = time.perf_counter() - ready
        operations.evaluate(parts.bundles)
    steps = operations.step
    traces = {n: (t.steps[: t.next], t.rows[: t.next]) for n, t in operations.tapes.items()}
    final = {
        name: operations.values[key].reshape(task.shape(name)).copy()
        for name, key in final_keys(task.protocol.circuit).items()
    }
    broken = operations.failure[1] if operations.failure else []
    bad = {n: final[n] for n, k in final_keys(task.protocol.circuit).items() if k in broken}
    return Outcome(
        steps, traces, final, bad, interrupted and not operations.full, bool(compiled),
        spikes={n: r.train() for n, r in operations.reels.items()}, full=operations.full,
        carried=operations.carried(kept),
        seconds={"build": ready - begin, "compile": 0.0, "run": stepping, "steps": stepping},
    )  # fmt: skip


def _connect(task: Task, parts: NetworkParts, name: str, table: SynapseTable) -> None:
    """Set the connections, delays and start values of a pathway's synapses."""
    bundle: Bundle = parts.bundles[name]
    synapses = bundle.synapses
    if not len(table.pre):  # Brian2 cannot make an empty set of synapses
        synapses.active = False
        return
    target = prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"  # code that runs once is not worth compiling
    synapses.connect(i=table.pre, j=table.post)
    prefs["codegen.target"] = target
    for own, variable in bundle.values.items():
        if own != UPDATE:
            variable.get_value()[...] = table.values[own]
        elif task.carried is not None:
            variable.get_value()[...] = update_times(task.carried, name, table)
    if SYNAPSE in synapses.variables:
        numbers = elements(table.count, table.batch)
        synapses.variables[SYNAPSE].get_value()[...] = numbers
    for side, delays in (("pre", table.delays), ("post", table.post_delays)):
        for variable in bundle.delays(side) if delays is not None else ():
            variable.get_value()[...] = delays


def _loop(task: Task, parts: NetworkParts, operations: NumpyOperations, progress: Progress) -> bool:
    """Run all steps; return whether the user interrupted the run."""
    duration = task.line.steps * task.protocol.time_step

    def report(elapsed: Any, fraction: float, start: Any, duration: Any) -> None:
        progress.at(operations.step, operations.begun - 1)

    try:
        with _stop_after_step():
            parts.network.run(
                duration * second, report=report, report_period=0.2 * second, namespace={}
            )
    except KeyboardInterrupt:
        return True
    return operations.step < task.line.end and operations.failure is None


@contextmanager
def _stop_after_step() -> Iterator[None]:
    """Let the first interrupt end the network's run after the current step; the next ones act as before.

    An interrupt that the process ignores stays ignored. Other threads than the main one receive no interrupts.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        if Network._globally_running and not Network._globally_stopped:
            Network._globally_stopped = True
        else:
            before(number, frame)

    Network._globally_running = False  # an earlier run may have ended with an error
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
