"""One run: choose the back end, unroll the protocol, run it, and make a result of what came back."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.backend import Backend
from dendrosim.engine.backends import choose
from dendrosim.engine.plan.state_arrays import initial_state, state_keys
from dendrosim.engine.plan.synapse_tables import wirings
from dendrosim.engine.plan.timeline import timeline
from dendrosim.engine.progress import reporter
from dendrosim.engine.provenance import provenance
from dendrosim.engine.run_folder import Settings, begin, read
from dendrosim.engine.task import Outcome, SpikeTrain, Task
from dendrosim.errors import (
    MemoryLimitError,
    NonFiniteError,
    ParameterError,
    RunInterruptedError,
    UnknownNameError,
)
from dendrosim.machine.mapped_arrays import derived
from dendrosim.machine.memory import available
from dendrosim.protocol.protocol import Protocol, check_protocol
from dendrosim.results.result import Result
from dendrosim.results.result_data import Spikes, Trace
from dendrosim.units import as_whole_number

_NO_LIMIT = 2**62
_BYTES_PER_SPIKE = 12 + 16 + 8  # as read, as returned, and while a file is written
# What a further thread is taken for: multiply-adds of a product, units times samples of a population.
_PRODUCTS, _UNITS = 1_250_000, 15_000
_MOST_THREADS = 256
INTERVAL = 20.0
"""Seconds from one checkpoint to the next, at least."""


def run(
    protocol: Protocol,
    backend: str = "auto",
    seed: int = 0,
    precision: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
    initial: "Result | Mapping[str, Any] | None" = None,
    progress: bool | None = None,
    folder: Path | None = None,
    notes: Mapping[str, Any] | None = None,
    lock: int | None = None,
    meanwhile: Iterator[None] | None = None,
) -> Result:
    """Run a protocol.

    Parameters
    ----------
    protocol : Protocol
        What to run.
    backend : {"auto", "numpy", "cython", "cpp", "cuda"}
        `auto` is cpp where a compiler works, else numpy.
    seed : int
        Of every named random stream; the same seed gives the same initial weights on every back end.
    precision : {"auto", "single", "double"}
        `auto` is double, on cuda single.
    batch : int, optional
        Samples side by side, in place of the protocol's own number.
    threads : int, optional
        Of compiled programs; by default as many as the circuit has work for, at most one per core.
    initial : Result or mapping, optional
        Start from the final state of another run. States of populations whose batch differs start
        anew; matrices are taken over. Random signals begin anew, with the numbers of the seed;
        pathways need the seed from which they were connected.
    progress : bool, optional
        Progress on stderr; default only on a terminal.
    folder : path, optional
        Where recordings and checkpoints are kept during the run, for `resume`. The arrays of the result lie
        there; who gave the folder deletes it when it needs neither.
    lock : int, optional
        File descriptor by which the caller holds the folder, see `unfinished.held`; the program keeps it as well.
    notes : mapping, optional
        What else is kept with the checkpoints; values that JSON can hold.
    meanwhile : iterator, optional
        Gone through in a thread of its own while a compiler or a compiled program works; the run waits for the
        step in which it is when they end.

    Returns
    -------
    Result
        Without metrics; `dendrosim.run` adds those of the protocol.

    Raises
    ------
    NonFiniteError, RunInterruptedError, MemoryLimitError
        With `partial`, the result up to that point.
    """
    check_protocol(protocol)
    seed = as_whole_number("seed", seed, 0)
    protocol = _with_batch(protocol, batch)
    chosen = choose(backend)
    precision, threads = _precision(precision, chosen), _threads(protocol, threads)
    line = timeline(protocol, seed)
    given = _states(protocol, initial, seed) if initial is not None else None
    state: Callable[[], Mapping[str, NDArray[Any]]] = partial(initial_state, protocol, seed)
    if given is not None:
        checked = initial_state(protocol, seed, given)
        state = lambda: checked  # noqa: E731
    task = Task(
        protocol,
        line,
        state,
        precision,
        threads,
        wirings(protocol, seed),
        # Compiled programs keep them on the disk, in a folder that was given for it.
        spike_limit() if folder is None or not chosen.compiles else _NO_LIMIT,
        meanwhile=iter(()) if meanwhile is None else meanwhile,
    )
    if folder is None:
        return _run(task, chosen, seed, progress)
    begin(folder, protocol, Settings(chosen.name, precision, threads, seed, notes or {}))
    task = replace(task, folder=folder, interval=INTERVAL, lock=lock)
    return _run(task, chosen, seed, progress)


def resume(folder: Path, lock: int | None = None, progress: bool | None = None) -> Result:
    """Go on with an interrupted run in its folder, which is held by `lock`.

    Returns
    -------
    Result
        As if the run had not been interrupted, bit for bit.

    Raises
    ------
    ResumeError
        If it cannot; else as `run`.
    """
    protocol, settings = read(folder)
    seed = settings.seed
    task = Task(
        protocol,
        timeline(protocol, seed),
        partial(initial_state, protocol, seed),
        settings.precision,
        settings.threads,
        wirings(protocol, seed),
        _NO_LIMIT,
        folder,
        INTERVAL,
        True,
        lock,
    )
    return _run(task, choose(settings.backend), seed, progress)


def _run(task: Task, backend: Backend, seed: int, progress: bool | None) -> Result:
    report = reporter(task, progress)
    try:
        outcome = backend.run(task, report)
    finally:
        report.close()
    record = provenance(task.protocol, task, outcome, backend, seed)
    return _result(task, outcome, record)


def _result(task: Task, outcome: Outcome, record: Mapping[str, Any]) -> Result:
    dt = task.protocol.time_step
    traces = {
        n: Trace(derived(steps, lambda s: s * dt, task.folder), rows)
        for n, (steps, rows) in _finite(outcome).items()
    }
    stopped = outcome.interrupted or outcome.full
    status = "diverged" if outcome.bad else "interrupted" if stopped else "done"
    message = f"{outcome.steps} of {task.line.steps} steps done"
    if outcome.bad:
        name, index = _first_bad(outcome)
        message = _divergence(task, outcome, name, index)
    final = {
        n: a - outcome.steps * dt if n.endswith(f".{LAST_SPIKE}") else a
        for n, a in outcome.final.items()
    }
    spikes = {n: _spikes(task, train) for n, train in outcome.spikes.items()}
    if outcome.full:
        kept = sum(len(steps) for steps, _ in outcome.spikes.values())
        message = (
            f"more spikes than memory holds: {kept:,} were kept until t = "
            f"{outcome.steps * dt:.6g} s ({message}); record fewer units or phases, or run for less time"
        )
    result = Result(task.protocol, traces, final, spikes, record, status=status, message=message)
    if outcome.full:
        raise MemoryLimitError(message, partial=result)
    if outcome.bad:
        time = outcome.steps * dt
        raise NonFiniteError(message, variable=name, unit=index, time=time, partial=result)
    if outcome.interrupted:
        raise RunInterruptedError(f"interrupted: {message}", partial=result)
    return result


def _spikes(task: Task, train: SpikeTrain) -> Spikes:
    """Return spikes by unit and time; the step of the spike is the one whose end is beyond the threshold."""
    steps, elements = train
    batch, dt = np.int32(task.protocol.batch), task.protocol.time_step
    return Spikes(
        derived(elements, lambda e: e // batch, task.folder),
        derived(steps, lambda s: s * dt, task.folder),
        derived(elements, lambda e: e % batch, task.folder) if batch > 1 else None,
    )


def spike_limit() -> int:
    """Return how many spikes a run may keep: as many as fit into a third of the free memory."""
    return int(min(available() / 3 / _BYTES_PER_SPIKE, 2**62))


def _finite(outcome: Outcome) -> Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]]:
    """Return the recordings, of a diverged run only up to the first row that is not finite."""
    if not outcome.bad:
        return outcome.traces
    kept = {}
    for name, (steps, rows) in outcome.traces.items():
        broken = ~np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
        end = int(np.argmax(broken)) if broken.any() else len(rows)
        kept[name] = (steps[:end], rows[:end])
    return kept


def _first_bad(outcome: Outcome) -> tuple[str, tuple[int, ...]]:
    name = min(outcome.bad, key=lambda n: "." not in n)  # populations before matrices
    where = np.argwhere(~np.isfinite(outcome.bad[name]))[0]
    return name, tuple(int(i) for i in where)


def _divergence(task: Task, outcome: Outcome, name: str, index: tuple[int, ...]) -> str:
    time = outcome.steps * task.protocol.time_step
    if "." in name:
        place = (
            f"population {name.split('.')[0]!r}, variable {name.split('.')[1]!r}, unit {index[0]}"
        )
        place += f" (sample {index[1]})" if task.protocol.batch > 1 else ""
    else:
        place = f"matrix {name!r}, weight {index[0]} <- {index[1]}"
        inverse_of = task.protocol.circuit.matrix(name).inverse_of
        place += f" (the inverse of {inverse_of!r}, which has none any more)" if inverse_of else ""
    others = [n for n in outcome.bad if n != name]
    also = f"; non-finite by then as well: {', '.join(others)}" if others else ""
    when = f"at t = {time:.6g} s (step {outcome.steps})"
    if not task.watched_closely(name) or outcome.guarded_every > 1:
        when = f"by t = {time:.6g} s (step {outcome.steps}, within the last 100 steps)"
    return (
        f"the state became non-finite {when}: {place}{also}. "
        "Try a smaller time step or smaller learning rates"
    )


def _states(
    protocol: Protocol, initial: "Result | Mapping[str, Any]", seed: int
) -> dict[str, NDArray[Any]]:
    if isinstance(initial, str | os.PathLike):
        raise ParameterError(
            f"initial is {str(initial)!r}, a path; give the result itself: "
            f"ds.open_result({str(initial)!r})"
        )
    final = initial.state if isinstance(initial, Result) else initial
    if not isinstance(final, Mapping):
        raise ParameterError(f"initial is {initial!r}; it must be a result, or a mapping of states")
    for pathway in protocol.circuit.pathways:
        if pathway.delay is not None or pathway.variables:
            raise ParameterError(
                f"{pathway} has delays or variables of its own, which a result does not keep, so a run cannot "
                "start from another's end; leave `initial` out"
            )
    drawn = initial.provenance.get("seed", seed) if isinstance(initial, Result) else seed
    if protocol.circuit.pathways and drawn != seed:
        raise ParameterError(
            f"initial was made with seed {drawn}, from which the connections of "
            f"{protocol.circuit.pathways[0]} were drawn; with seed {seed} they would be others, so give "
            f"seed={drawn}"
        )
    needed = list(state_keys(protocol.circuit))
    missing = [n for n in needed if n not in final]
    if missing:
        raise UnknownNameError("state in the initial result", missing[0], list(final))
    return {n: _numbers(n, final[n]) for n in needed}


def _numbers(name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"initial state of {name} is not an array of numbers") from None
    if not np.all(np.isfinite(array)):
        raise ParameterError(f"initial state of {name} is not finite")
    return array


def _with_batch(protocol: Protocol, batch: int | None) -> Protocol:
    if batch is None or as_whole_number("batch", batch, 1) == protocol.batch:
        return protocol
    if protocol.batch_fixed:
        raise ParameterError(
            f"the protocol fixes its batch to {protocol.batch}, so batch {batch} cannot be; leave it out"
        )
    return protocol.replace(batch=batch)


def _precision(name: str, backend: Backend) -> str:
    if not isinstance(name, str):
        raise ParameterError(f"precision is {name!r}; it must be text such as 'auto' or 'single'")
    if name not in ("auto", "single", "double"):
        raise UnknownNameError("precision", name, ("auto", "single", "double"))
    if name == "auto":
        return backend.automatic_precision
    return name


def _threads(protocol: Protocol, threads: int | None) -> int:
    if threads is not None:
        if as_whole_number("threads", threads, 1) > _MOST_THREADS:
            raise ParameterError(f"threads is {threads}; it must be at most {_MOST_THREADS}")
        return int(threads)
    circuit = protocol.circuit
    products = max((m[0] * m[1] for m in map(circuit.shape, circuit.matrices)), default=0)
    units = max(p.size for p in circuit.populations)
    wanted = max(products * protocol.batch // _PRODUCTS, units * protocol.batch // _UNITS, 1)
    return min(wanted, _processors(), _MOST_THREADS)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
