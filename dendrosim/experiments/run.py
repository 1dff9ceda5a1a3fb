"""Run a protocol and measure the result: `dendrosim.run`."""

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.checks import as_flag, optional
from dendrosim.engine import simulate
from dendrosim.engine.names import AUTO
from dendrosim.engine.plan.projection_delays import check_delays
from dendrosim.engine.run_folder import read_run, refuse_interrupted, require_interrupted
from dendrosim.engine.settings import SEED, RunSettings
from dendrosim.errors import (
    DataError,
    DendrosimError,
    DendrosimWarning,
    ResumeError,
    UnknownNameError,
    UsageError,
)
from dendrosim.experiments.origin import describe_origin, repeat_command
from dendrosim.experiments.output_folder import UNFINISHED, Output
from dendrosim.experiments.run_output import lock_output, save_result
from dendrosim.library.catalogue import is_path
from dendrosim.library.measuring import find_measure
from dendrosim.machine.file_paths import AnyPath, as_path
from dendrosim.protocol.protocol import Protocol, check_protocol
from dendrosim.results.measurement import Measurement

if TYPE_CHECKING:
    from dendrosim.results.result import Result


Measure = Callable[["Result"], Measurement]


def run(
    protocol: Protocol | None = None,
    backend: str = "auto",
    seed: int = 0,
    precision: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
    initial: "Result | None" = None,
    progress: bool | None = None,
    check_end: bool = False,
    out: AnyPath | None = None,
    resume: AnyPath | None = None,
    overwrite: bool = False,
    continue_clock: bool = False,
) -> "Result":
    """Run a protocol and measure the result.

    Parameters
    ----------
    protocol : Protocol, optional
        Protocol to run; required unless `resume` is given.
    backend : str, default "auto"
        Name of the back end that computes the time steps, one of those that `dendrosim run --help` lists; "auto"
        is cpp if its compiler works, else numpy.
    seed : int, default 0
        Seed of all random streams, not negative. The same seed gives the same initial values on every back end.
        A protocol with a parameter `seed` runs with the seed for which it was built.
    precision : {"auto", "single", "double"}, default "auto"
        Precision of all states; "auto" is what the back end prefers, in most cases double.
    batch : int, optional
        Number of samples that are simulated side by side (default: the batch of the protocol).
    threads : int, optional
        Number of threads of compiled programs; by default as many as the circuit has work for, at most one per
        processor.
    initial : Result, optional
        Result from whose final state the run starts: arrays of shape (units,) or (units, batch) for variables and
        (post, pre) for matrices; also connections, delays and variables of synapses. If its batch differs,
        populations start from their own initial values (default: the initial values of the circuit). The run
        begins at time 0 with random numbers of its own, and spikes on their way are not taken over, unless
        `continue_clock` is True.
    progress : bool, optional
        Whether to report progress on stderr (default: in a terminal or notebook).
    check_end : bool, default False
        Whether to compare the final state with the nearest fixed point, with the weights held constant, in the
        metrics `end_distance` and `end_settled`; see `dendrosim.end_state`.
    out : path, optional
        Folder for the result, `result.nc`. During the run, recordings are written there, so that they need no
        memory, and also checkpoints of the complete state, from which an interrupted run can be resumed
        (default: nothing is written). A folder with the result of another run is refused.
    resume : path, optional
        Folder (`out`) of an interrupted run, which is resumed from its last checkpoint. Its result is bit for
        bit the same as without the interruption. Other options may be left out; if given, they must be those with
        which the run was begun. If the protocol is in a file that is not in the catalogue, it must be given,
        because the name in the folder is not enough for the file to be executed.
    overwrite : bool, default False
        Whether the result may replace that of another run in `out`. The figures that dendrosim has written there
        are then deleted; all other files remain. A run in `out` that can be resumed is never replaced.
    continue_clock : bool, default False
        Whether the run continues the clock of `initial`, so that both runs are one run in two pieces, with the
        numbers of that run, bit for bit. Time, random numbers, spikes on their way, the times of last spikes, and
        trials and samples of blocks of the same name go on; the time of a phase begins anew. dt and the circuit
        must be the same, apart from parameters and gates; seed, batch, precision and back end are those of
        `initial`.

    Returns
    -------
    Result
        Result of the run; `metrics` has the numbers that the protocol's `measure` returns.

    Raises
    ------
    NonFiniteError
        If a state becomes infinite or NaN; `partial` is the result up to that step.
    RunInterruptedError
        If the run is interrupted (Ctrl-C); `partial` is the result up to that step.
    SpecError
        If `measure` in the protocol's file fails; `partial` is the whole result.
    ResumeError
        If the run cannot be resumed, or was begun with other options.
    UsageError
        If `out` has the result of another run, and `overwrite` is False; if `out` or `resume` cannot be a path; if
        `continue_clock` is True and there is no `initial`; if the protocol was built for another seed.
    UnknownNameError
        If there is no back end or precision of that name.
    ParameterError, ShapeError
        If an option is out of range, the arrays of `initial` do not fit the circuit, or the run cannot continue
        its clock.
    DataError
        If the clock of `initial` is to be continued, and the result does not have the state for it.
    BackendMissingError
        If the back end does not work on this machine.
    CompilationError, ProgramError
        If a generated program does not compile, or ends in an unexpected way.
    MemoryLimitError
        If synapses or spikes need more memory than there is.
    StorageError
        If `out`, the cache or a temporary folder cannot be written, or `out` has files that no run has written.

    Warns
    -----
    DendrosimWarning
        Before the run, if the file of the protocol is not at hand, so that the result will have no metrics.

    Examples
    --------
    >>> protocol = ds.load_protocol("bac_firing")
    >>> result = ds.run(protocol, seed=1, out="out")
    >>> print(result.metrics)
    """
    settings = RunSettings(backend, seed, precision, batch, threads, check_end)
    overwrite, progress = as_flag("overwrite", overwrite), optional(as_flag)("progress", progress)
    if as_flag("continue_clock", continue_clock) and initial is None and resume is None:
        raise UsageError(
            "continue_clock continues the clock of a result: give the result as `initial`"
        )
    if resume is not None:
        if overwrite or continue_clock:
            name = "overwrite" if overwrite else "continue_clock"
            raise ResumeError(f"a resumed run ends as it was begun: leave `{name}` out")
        folder, changed = as_path("resume", resume).absolute(), settings.changed
        return resume_run(folder, protocol, settings, changed, initial, progress)[0]
    check_protocol(protocol)
    assert protocol is not None
    if out is None:
        about = describe_origin(protocol, initial)
        given = protocol, settings, initial, progress, continue_clock
        return run_and_measure(*given, about=about)[0]
    output, measure = Output(as_path("out", out).absolute(), ""), _measure_if_found(protocol)
    return run_and_save(
        output, protocol, measure, settings, initial, progress, overwrite, continue_clock
    )[0]


def run_and_measure(
    protocol: Protocol,
    settings: RunSettings,
    initial: "Result | None" = None,
    progress: bool | None = None,
    continue_clock: bool = False,
    measure: Measure | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple["Result", Measurement]:
    """Run a protocol, and return the result and the measurement, which also contains the figures.

    `measure` measures the result; by default it is the function in the protocol's file, which is looked up.
    `about` is what else the provenance of the result will contain, in most cases that of `describe_origin`.
    """
    settings = _with_own_seed(protocol, settings)
    measure = _measure_if_found(protocol) if measure is None else measure
    check_delays(protocol, continue_clock)
    result = simulate.run(
        protocol, settings, initial, progress, continue_clock=continue_clock, about=about
    )
    return result, _add_metrics(result, measure, settings)


def run_and_save(
    output: Output,
    protocol: Protocol,
    measure: Measure,
    settings: RunSettings,
    initial: "Result | None" = None,
    progress: bool | None = None,
    overwrite: bool = False,
    continue_clock: bool = False,
) -> tuple["Result", Measurement]:
    """Run a protocol so that it can be resumed from its output folder, and save the result there.

    With `overwrite`, the result may replace that of another run.
    """
    settings = _with_own_seed(protocol, settings)
    refuse_interrupted(output.folder / UNFINISHED)
    output.check_free(overwrite)
    folder = output.create()
    with lock_output(output, protocol, lambda: output.check_free(overwrite)) as lock:
        check_delays(protocol, continue_clock)
        about = describe_origin(protocol, initial)
        result = simulate.run(
            protocol, settings, initial, progress, folder, lock, continue_clock, about
        )
        measurement = _add_metrics(result, measure, settings)
        save_result(output, result)
    return result, measurement


def resume_run(
    folder: Path,
    protocol: Protocol | None,
    settings: RunSettings,
    given: Collection[str],
    initial: "Result | None" = None,
    progress: bool | None = None,
    continue_clock: bool = False,
) -> tuple["Result", Measurement]:
    """Resume the run of an output folder.

    Parameters
    ----------
    folder : Path
        The output folder of the run.
    protocol : Protocol or None
        The protocol; if given, it must be the protocol of the interrupted run, and its file measures the result.
        It must be given if its file is not in the catalogue.
    settings : RunSettings
        Settings, of which those named in `given` must be the same as in the interrupted run.
    given : collection of str
        Names of the settings that the caller has chosen.
    initial : Result, optional
        Start state, which must not be given, because the run has already begun.
    progress : bool, optional
        Whether to report progress on stderr; by default in a terminal or notebook.
    """
    unfinished = folder / UNFINISHED
    require_interrupted(unfinished)
    output = Output(folder, "")
    with lock_output(output, protocol) as lock:
        stored, begun = read_run(unfinished)
        if initial is not None:
            raise ResumeError(
                f"{folder} has begun; it cannot start from another state: leave `initial` out"
            )
        _check_settings(folder, settings, given, begun)
        if protocol is not None:
            _check_same_protocol(folder, protocol, stored)
        measure = _find_measure(folder, stored if protocol is None else protocol)
        result = simulate.resume(stored, begun, unfinished, lock, progress)
        measurement = _add_metrics(result, measure, begun)
        save_result(output, result)
    return result, measurement


def _with_own_seed(protocol: Protocol, settings: RunSettings) -> RunSettings:
    """Return the settings with the seed for which a protocol with a parameter `seed` was built."""
    own = protocol.parameters.get(SEED)
    if own is None:
        return settings
    if settings.seed not in (0, own):
        raise UsageError(
            f"protocol {protocol.name!r} was built for seed {own}, from which it has drawn weights or data; for "
            f"seed {settings.seed}, build it anew: ds.load_protocol({protocol.name!r}, seed={settings.seed}, ...)"
        )
    return replace(settings, seed=own)


def _measure_if_found(protocol: Protocol) -> Measure:
    """Return the function that measures results, before the run, so that an error in the file wastes no run.

    If the file is not at hand, warn that the result will have no metrics. A protocol that was written in place,
    whose name is a label and which has no parameters of a file, has no metrics to miss.
    """
    try:
        return find_measure(protocol)
    except (UnknownNameError, DataError) as error:
        if not protocol.parameters and not is_path(protocol.name):
            return lambda result: Measurement({})
        warnings.warn(
            f"the result will have no metrics: {error}; measure it with ds.measure(result, FILE)",
            DendrosimWarning,
            stacklevel=4,
        )
        return lambda result: Measurement({})


def _find_measure(folder: Path, protocol: Protocol) -> Measure:
    try:
        return find_measure(protocol)
    except DendrosimError as error:  # the interrupted run can still be resumed, and is kept
        raise ResumeError(f"cannot resume {folder}: {error}") from error


def _check_settings(
    folder: Path, settings: RunSettings, given: Collection[str], begun: RunSettings
) -> None:
    for name in given:
        value, before = getattr(settings, name), getattr(begun, name)
        if value not in (AUTO, before):
            raise ResumeError(
                f"{folder} was begun with {name} {before!r} and cannot be resumed with {value!r}: leave it out"
            )


def _check_same_protocol(folder: Path, protocol: Protocol, stored: Protocol) -> None:
    moved = {"name": stored.name} if Path(protocol.name).stem == Path(stored.name).stem else {}
    if protocol.replace(batch=stored.batch, **moved) != stored:
        remedy = "leave the protocol out"
        if is_path(stored.name):  # then the protocol must be given
            remedy = "give the file as it was then, or run the protocol anew"
        raise ResumeError(f"{folder} was begun with {_difference(protocol, stored)}: {remedy}")


def _difference(protocol: Protocol, stored: Protocol) -> str:
    if protocol.name != stored.name:
        return f"protocol {stored.name!r}, not {protocol.name!r}"
    for name, value in stored.parameters.items():
        if protocol.parameters.get(name) != value:
            return f"parameter {name} {value!r}, not {protocol.parameters.get(name)!r}"
    return "another version of the protocol's file"


def _add_metrics(result: "Result", measure: Measure, settings: RunSettings) -> Measurement:
    """Measure a result, and keep the metrics in it."""
    try:
        measurement = measure(result)
        if settings.check_end:
            metrics = {**measurement.metrics, **_compare_end(result)}
            measurement = replace(measurement, metrics=metrics)
    except DendrosimError as error:
        error.partial = result  # type: ignore[attr-defined]
        raise
    result.provenance["units"] = dict(measurement.units)
    result.provenance["repeat"] = repeat_command(result.provenance)
    result.metrics.update(measurement.metrics)
    result.references.update(measurement.references)
    return measurement


def _compare_end(result: "Result") -> dict[str, Any]:
    from dendrosim.experiments.end_state import end_state

    found = end_state(result)
    return {"end_distance": found.distance, "end_settled": found.settled}
