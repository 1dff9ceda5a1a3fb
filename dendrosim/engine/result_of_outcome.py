"""The result of a run, made from the outcome of its back end; if the run ended early, an error with the result."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.plan.carried import standing_signals
from dendrosim.engine.task import SYNAPSES_GUARDED_EVERY, Outcome, SpikeTrain, Task
from dendrosim.errors import MemoryLimitError, NonFiniteError, RunInterruptedError
from dendrosim.machine.mapped_arrays import map_elements
from dendrosim.results.result import Result
from dendrosim.results.result_data import Spikes, Trace


def make_result(task: Task, outcome: Outcome, record: Mapping[str, Any]) -> Result:
    dt = task.protocol.time_step
    traces = {
        n: Trace(map_elements(steps, lambda s: s * dt, task.folder), rows)
        for n, (steps, rows) in _finite(outcome).items()
    }
    stopped = outcome.interrupted or outcome.full
    status = "diverged" if outcome.bad else "interrupted" if stopped else "done"
    message = f"{outcome.steps - task.line.first} of {task.line.steps} steps done"
    if outcome.bad:
        name, index = _first_bad(task, outcome)
        message = _divergence(task, outcome, name, index)
    pathways = task.protocol.circuit.pathways
    left_out = {f"{p.name}.{v}" for p in pathways if not p.final for v in p.synaptic_units}
    recorded = {VariablePath.parse(path_of(n)).owner for n in traces}
    synapses = {
        p.name: task.synapses[p.name].synapses() for p in pathways if p.final or p.name in recorded
    }
    final = {
        n: a - outcome.steps * dt if n.endswith(f".{LAST_SPIKE}") else a
        for n, a in outcome.final.items()
        if n not in left_out
    }
    spikes = {n: _spikes(task, train) for n, train in outcome.spikes.items()}
    if outcome.full:
        kept = sum(len(steps) for steps, _ in outcome.spikes.values())
        message = (
            f"more spikes than memory holds: {kept:,} were kept until t = "
            f"{outcome.steps * dt:.6g} s ({message}); record fewer units or phases, or run for less time"
        )
    result = Result(
        task.protocol,
        traces,
        final,
        spikes,
        record,
        status=status,
        message=message,
        synapses=synapses,
        connections=task.connections,
        begin=task.begin,
        carried=_carried(task, outcome) if status == "done" else None,
    )
    if outcome.full:
        raise MemoryLimitError(message, partial=result)
    if outcome.bad:
        time = outcome.steps * dt
        raise NonFiniteError(message, variable=name, unit=index, time=time, partial=result)
    if outcome.interrupted:
        raise RunInterruptedError(f"interrupted: {message}", partial=result)
    return result


def _carried(task: Task, outcome: Outcome) -> Mapping[str, NDArray[Any]] | None:
    if outcome.carried is None or task.carried is None:
        return outcome.carried
    return {**standing_signals(task.protocol, task.carried), **outcome.carried}


def _spikes(task: Task, train: SpikeTrain) -> Spikes:
    """Return spikes by unit and time.

    A spike belongs to the step at whose end the state is beyond the threshold, and its time is the beginning of
    that step.
    """
    steps, elements = train
    batch, dt = np.int32(task.protocol.batch), task.protocol.time_step
    return Spikes(
        map_elements(elements, lambda e: e // batch, task.folder),
        map_elements(steps, lambda s: s * dt, task.folder),
        map_elements(elements, lambda e: e % batch, task.folder) if batch > 1 else None,
    )


def _finite(outcome: Outcome) -> Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]]:
    """Return the recordings; those of a diverged run end before the first row that is not finite."""
    if not outcome.bad:
        return outcome.traces
    kept = {}
    for name, (steps, rows) in outcome.traces.items():
        broken = ~np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
        end = int(np.argmax(broken)) if broken.any() else len(rows)
        kept[name] = (steps[:end], rows[:end])
    return kept


def _first_bad(task: Task, outcome: Outcome) -> tuple[str, tuple[int, ...]]:
    # Populations come first, then matrices, then synapses, which are checked less often.
    circuit = task.protocol.circuit
    name = min(outcome.bad, key=lambda n: (circuit.is_synaptic(n), not is_variable(n)))
    where = np.argwhere(~np.isfinite(outcome.bad[name]))[0]
    if name in task.connections:
        at = task.connections[name]
        where = at.post[where[0]], at.pre[where[0]]
    return name, tuple(int(i) for i in where)


def _rate_out_of_range(task: Task, outcome: Outcome, name: str, index: tuple[int, ...]) -> str:
    """Return the message about a rate that `checked_rate` has made non-finite."""
    dt, rate = task.protocol.time_step, outcome.bad[name][index]
    sample = f" (sample {index[1]})" if task.protocol.batch > 1 else ""
    how = "negative" if rate < 0 else "larger than 1/dt" if rate > 0 else "not a number"
    return (
        f"the rate of {task.protocol.circuit.rates[name]} was {how} at t = {(outcome.steps - 1) * dt:.6g} s (step "
        f"{outcome.steps}): unit {index[0]}{sample} of {name}. It must be between 0 and 1/dt = {1 / dt:g} Hz; "
        "choose other signals"
    )


def _divergence(task: Task, outcome: Outcome, name: str, index: tuple[int, ...]) -> str:
    time = outcome.steps * task.protocol.time_step
    circuit, guarded_every = task.protocol.circuit, outcome.guarded_every
    if name in circuit.rates:
        return _rate_out_of_range(task, outcome, name, index)
    if circuit.is_synaptic(name):
        pathway, variable = VariablePath.parse(name)
        synapses = task.synapses[pathway].synapses()
        pre, post = synapses.pre[index[0]], synapses.post[index[0]]
        place = f"pathway {pathway!r}, variable {variable!r}, synapse {index[0]} ({pre} -> {post})"
        place += f" (sample {index[1]})" if task.protocol.batch > 1 else ""
        guarded_every = max(guarded_every, SYNAPSES_GUARDED_EVERY)
    elif is_variable(name):
        population, variable = VariablePath.parse(name)
        place = f"population {population!r}, variable {variable!r}, unit {index[0]}"
        place += f" (sample {index[1]})" if task.protocol.batch > 1 else ""
    else:
        place = f"matrix {name!r}, weight {index[0]} <- {index[1]}"
        inverse_of = circuit.matrix(name).inverse_of
        place += (
            f" (the inverse of {inverse_of!r}, which can no longer be inverted)"
            if inverse_of
            else ""
        )
    others = [n for n in outcome.bad if n != name]
    also = f"; also non-finite by then: {', '.join(others)}" if others else ""
    when = f"at t = {time:.6g} s (step {outcome.steps})"
    if guarded_every > 1:
        within = f"within the last {min(guarded_every, outcome.steps - task.line.first)} steps"
        when = f"by t = {time:.6g} s (step {outcome.steps}, {within})"
    advice = (
        "Try a smaller time step or smaller learning rates; if neither helps, the equations diverge with these "
        "parameters and this seed"
    )
    if outcome.steps - task.line.first <= 1 and guarded_every <= 1:
        advice = (
            "In the first step, this is no matter of its size: an equation has no finite value at the start, "
            "such as 0/0, a logarithm of 0 or an overflow; write x/(exp(x) - 1) as 1/exprel(x)"
        )
    return f"the state became non-finite {when}: {place}{also}. {advice}"
