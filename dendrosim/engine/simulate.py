"""One run: choose the back end, make the timeline of the protocol, run it, and make a result of the outcome."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dendrosim.engine.backend import Backend
from dendrosim.engine.backends import backends, check_supported, choose
from dendrosim.engine.names import AUTO
from dendrosim.engine.plan.carried import (
    Carried,
    carried_tables,
    check_carried,
    standing_signals,
)
from dendrosim.engine.plan.continued_run import (
    continued_settings,
    read_carried,
    store_carried,
    stored_carried,
)
from dendrosim.engine.plan.given_state import read_given_state
from dendrosim.engine.plan.given_synapses import given_tables, store_tables, stored_tables
from dendrosim.engine.plan.state_arrays import initial_state, sparse_connections
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.engine.plan.timeline import timeline
from dendrosim.engine.progress import reporter
from dendrosim.engine.provenance import provenance
from dendrosim.engine.result_of_outcome import make_result
from dendrosim.engine.run_folder import begin_run, read_about
from dendrosim.engine.settings import MOST_THREADS, RunSettings
from dendrosim.engine.size_check import check_disk, check_memory
from dendrosim.engine.task import Task
from dendrosim.errors import DendrosimWarning, ParameterError, SpecError
from dendrosim.machine.memory import available_memory
from dendrosim.protocol.beginning import AT_ZERO
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result

_NO_LIMIT = 2**62
# Bytes that a spike needs as read from the program, as returned, and in addition while a file is written.
_BYTES_PER_SPIKE = 12 + 16 + 8
# Work per step that justifies one more thread: multiply-adds of the largest product, units times samples of the
# largest population, or all synapses times samples, few of which a spike reaches in a step.
_PRODUCTS, _UNITS, _SYNAPSES = 1_250_000, 15_000, 2_500_000
INTERVAL = 20.0
"""Smallest number of seconds between two checkpoints."""


def run(
    protocol: Protocol,
    settings: RunSettings,
    initial: "Result | Mapping[str, Any] | None" = None,
    progress: bool | None = None,
    folder: Path | None = None,
    lock: int | None = None,
    continue_clock: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Result:
    """Run a protocol.

    Parameters
    ----------
    protocol : Protocol
        Protocol to run.
    settings : RunSettings
        Settings of the run.
    initial : Result or mapping, optional
        Result of another run, or its final state, from which this run starts. If the batches of the runs differ,
        populations start from their own initial values, and only matrices and synapses are copied. Random signals
        start again from the seed. Synapses (connections, delays and their variables) are those of the result.
        Random connections of sparse matrices must also be those of the other run.
    progress : bool, optional
        Whether to report progress on stderr; by default in a terminal or notebook.
    folder : path, optional
        Folder for recordings and checkpoints during the run, so that the run can be resumed. The arrays of the
        result are files in the folder; the caller deletes it when the result is no longer needed.
    lock : int, optional
        File descriptor by which the caller locks the folder (see `lock_folder`); the program keeps it open as
        well.
    continue_clock : bool
        Whether the run continues the clock of `initial`, a result, so that both are one run in two pieces.
    about : mapping, optional
        What the caller knows of the run, such as the files of its models; provenance and the folder keep it.

    Returns
    -------
    Result
        Result without metrics; `dendrosim.run` adds the metrics of the protocol.

    Raises
    ------
    NonFiniteError, RunInterruptedError, MemoryLimitError
        If the run ends early; `partial` is the result up to that point.
    MemoryLimitError, StorageError
        If memory or disk cannot hold the run (see `size_check`); nothing has been written then.
    """
    if continue_clock:
        settings = continued_settings(settings, initial)
    protocol, backend, settings = resolve_settings(protocol, settings)
    carried = None
    if continue_clock:
        assert isinstance(initial, Result)
        _check_continues(backend)
        carried = read_carried(protocol, initial)
        _warn_of_standing_signals(protocol, carried)
    check_memory(protocol, settings, backend)
    check_disk(protocol, settings, backend, folder)
    seed = settings.seed
    line = timeline(protocol.canonical(), seed, AT_ZERO if carried is None else carried.begin)
    _warn_of_late_spikes(protocol, line.end)
    connections = sparse_connections(protocol, seed)
    state: Callable[[], Mapping[str, NDArray[Any]]]
    state = partial(initial_state, protocol, seed, connections)
    synapses = synapse_tables(protocol, seed) if initial is None else {}
    if initial is not None:
        numbers = read_given_state(protocol, initial, seed, connections)
        given = initial_state(protocol, seed, connections, numbers)
        state = lambda: given  # noqa: E731
        synapses = given_tables(protocol, initial, seed)
    if carried is not None:
        synapses = carried_tables(protocol, synapses, carried)
        check_carried(protocol, synapses, carried)
    in_memory = bool(protocol.recordings_of_spikes()) and (folder is None or not backend.compiles)
    task = Task(
        protocol,
        line,
        state,
        settings,
        synapses,
        connections,
        # If a folder is given, compiled programs keep spikes there, and memory does not limit them.
        spike_limit() if in_memory else _NO_LIMIT,
        carried=carried,
        about=about or {},
    )
    if folder is None:
        return _run(task, backend, progress)
    begin_run(folder, protocol, settings, task.about)
    if initial is not None:
        store_tables(folder, protocol, synapses)
    if carried is not None:
        store_carried(folder, carried)
    return _run(replace(task, folder=folder, interval=INTERVAL, lock=lock), backend, progress)


def resume(
    protocol: Protocol,
    settings: RunSettings,
    folder: Path,
    lock: int | None = None,
    progress: bool | None = None,
) -> Result:
    """Resume an interrupted run in its folder, which is locked by `lock`.

    Parameters
    ----------
    protocol, settings
        Protocol and settings of the run, as `read_run` returns them.
    folder, lock, progress
        See `run`.

    Returns
    -------
    Result
        The result that an uninterrupted run would have given, bit for bit.

    Raises
    ------
    ResumeError
        If the run cannot be resumed; other errors are those of `run`.
    """
    backend, seed = choose(settings.backend), settings.seed
    check_memory(protocol, settings, backend)
    connections = sparse_connections(protocol, seed)
    carried = stored_carried(folder)
    tables = stored_tables(folder, protocol, seed)
    task = Task(
        protocol,
        timeline(protocol.canonical(), seed, AT_ZERO if carried is None else carried.begin),
        partial(initial_state, protocol, seed, connections),
        settings,
        tables if carried is None else carried_tables(protocol, tables, carried),
        connections,
        _NO_LIMIT,
        folder,
        INTERVAL,
        True,
        lock,
        carried,
        read_about(folder),
    )
    return _run(task, backend, progress)


def _run(task: Task, backend: Backend, progress: bool | None) -> Result:
    report = reporter(task, progress)
    try:
        outcome = backend.run(task, report)
    finally:
        report.close()
    return make_result(task, outcome, provenance(task, outcome, backend))


def resolve_settings(
    protocol: Protocol, settings: RunSettings
) -> tuple[Protocol, Backend, RunSettings]:
    """Return the protocol with the batch of the run, the back end, and the settings without automatic values.

    Each automatic value (None or `auto`) is replaced by the value that was chosen.
    """
    batch, threads, precision = settings.batch, settings.threads, settings.precision
    if batch is not None and batch != protocol.batch:
        if protocol.batch_fixed:
            raise ParameterError(
                f"the protocol fixes its batch to {protocol.batch}, so it cannot run with batch "
                f"{batch}; leave `batch` out"
            )
        protocol = protocol.replace(batch=batch)
    backend = choose(settings.backend)
    check_supported(backend, protocol)
    return (
        protocol,
        backend,
        replace(
            settings,
            backend=backend.name,
            precision=backend.automatic_precision if precision == AUTO else precision,
            batch=protocol.batch,
            threads=_threads(protocol) if threads is None else threads,
        ),
    )


def _warn_of_late_spikes(protocol: Protocol, end: int) -> None:
    """Warn if all spikes that are given to a source come after the end of the run, as times in milliseconds do."""
    for name, table in zip(protocol.circuit.given_spikes, protocol.spike_tables(), strict=True):
        if len(table.steps) and table.steps[0] >= end:
            warnings.warn(
                f"all spikes of {protocol.circuit.source(name)} come after the end of the run at "
                f"{end * protocol.time_step:g} s and have no effect; a time without unit is in seconds",
                DendrosimWarning,
                stacklevel=3,
            )


def _warn_of_standing_signals(protocol: Protocol, carried: Carried) -> None:
    """Warn if a run does not continue a random signal of the run whose clock it continues."""
    names = standing_signals(protocol, carried)
    if names:
        owners = ", ".join(sorted({name.partition(".")[0] for name in names}))
        warnings.warn(
            f"the run that is continued has random signals into {owners} that no phase of this run uses, so they "
            "stand still; to let them go on as in one run, use them with an amplitude of 0, such as "
            "OrnsteinUhlenbeck(0, 0, tau)",
            DendrosimWarning,
            stacklevel=3,
        )


def _check_continues(backend: Backend) -> None:
    """Raise SpecError if a back end cannot continue the clock of a result."""
    if not backend.continues:
        able = ", ".join(name for name, other in backends().items() if other.continues)
        raise SpecError(
            f"back end {backend.name} cannot continue the clock of a result; use one of {able}, or leave "
            "continue_clock out"
        )


def spike_limit() -> int:
    """Return how many spikes a run may keep: as many as fit into a third of the free memory."""
    return int(min(available_memory() / 3 / _BYTES_PER_SPIKE, 2**62))


def _threads(protocol: Protocol) -> int:
    """Return the number of threads for which a circuit has work, but not more than there are processors."""
    circuit = protocol.circuit
    products = max(map(circuit.expected_weights, circuit.matrices), default=0)
    units = max(p.size for p in circuit.all_populations)
    synapses = sum(map(circuit.expected_synapses, circuit.pathways))
    works = (products / _PRODUCTS, units / _UNITS, synapses / _SYNAPSES)
    return min(max(int(protocol.batch * max(works)), 1), _processors(), MOST_THREADS)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
