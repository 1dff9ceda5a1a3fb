"""Running a protocol and measuring what came out: what `dendrosim.run` does."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.engine import simulate
from dendrosim.engine.run_folder import (
    Settings,
    has_checkpoint,
    has_started,
    held,
    read,
    refuse_interrupted,
    refuse_other,
    remove,
)
from dendrosim.errors import (
    DendrosimError,
    MemoryLimitError,
    NonFiniteError,
    ResumeError,
    RunInterruptedError,
    SpecError,
    StorageError,
)
from dendrosim.experiments.output_folder import PARTIAL, RESULT, UNFINISHED, Output
from dendrosim.library.measuring import find_measure
from dendrosim.protocol.protocol import Protocol, check_protocol
from dendrosim.results.measurement import Measurement

if TYPE_CHECKING:
    from dendrosim.results.result import Result


_HOPELESS = (NonFiniteError, MemoryLimitError, SpecError)
"""Errors that would come again if the run went on from its last checkpoint."""


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
    out: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> "Result":
    """Run a protocol and measure the result.

    Parameters
    ----------
    protocol : Protocol
        What to run; may be left out with `resume`.
    backend : {"auto", "numpy", "cython", "cpp", "cuda"}
        `auto` is cpp where a compiler works, else numpy.
    seed : int
        Of the named random streams: the same seed gives the same initial values on every back end.
    precision : {"auto", "single", "double"}
        Of all states; `auto` is double, on cuda single.
    batch : int, optional
        Samples shown side by side; the protocol's own by default.
    threads : int, optional
        Of the cpp back end.
    initial : Result, optional
        A result whose final state is the initial one.
    progress : bool, optional
        Whether to report progress on stderr.
    check_end : bool
        Whether to compare the final state with the nearest fixed point, weights held, in the metrics
        `end_distance` and `end_settled`; see `dendrosim.end_state`.
    out : path, optional
        A folder for the result, `result.nc`. During the run recordings go there, so that they need no memory, and
        checkpoints of the complete state, so that the run can be resumed whatever ends it.
    resume : path, optional
        The folder of an interrupted run: it goes on from its last checkpoint and ends with the numbers with
        which it would have ended, bit for bit. Other options may be left out; if given, they must be as they were.

    Returns
    -------
    Result
        With what the protocol's `measure` reads off it in `metrics`.

    Raises
    ------
    NonFiniteError
        If the state does not stay finite; `partial` is the result up to there.
    RunInterruptedError
        On an interrupt; likewise.
    SpecError
        If the protocol's file fails to measure; `partial` is the whole result.
    ResumeError
        If a run cannot be resumed, or was begun with other options.
    """
    options: dict[str, Any] = {
        "backend": backend,
        "seed": seed,
        "precision": precision,
        "batch": batch,
        "threads": threads,
        "initial": initial,
        "check_end": check_end,
    }
    if resume is not None:
        usual = inspect.signature(run).parameters
        given = {k: v for k, v in options.items() if v is not usual[k].default}
        return go_on(Path(resume), protocol, given, progress)[0]
    check_protocol(protocol)
    assert protocol is not None
    if out is None:
        return run_and_measure(protocol, progress=progress, **options)[0]
    return run_into(Output(Path(out), ""), protocol, progress=progress, **options)[0]


def run_into(
    output: Output, protocol: Protocol, *, check_end: bool = False, **options: Any
) -> tuple["Result", Measurement]:
    """Run a protocol, keeping in its output folder what it needs to be resumed, and save the result there."""
    refuse_interrupted(output.folder / UNFINISHED)
    measure = find_measure(protocol)
    folder = output.begin()
    with _holding(output, make=True) as lock:
        notes = {"check_end": check_end}
        result = simulate.run(protocol, folder=folder, lock=lock, notes=notes, **options)
        measurement = _measured(result, measure, check_end)
        _save(output, result)
    return result, measurement


def go_on(
    folder: Path, protocol: Protocol | None, given: Mapping[str, Any], progress: bool | None
) -> tuple["Result", Measurement]:
    """Resume the run of an output folder; `given` options must be those with which it was begun."""
    unfinished = folder / UNFINISHED
    refuse_other(unfinished)
    output = Output(folder, "")
    with _holding(output, make=False) as lock:
        stored, settings = read(unfinished)
        _check_same(folder, protocol, stored, given, settings)
        measure = find_measure(stored)
        result = simulate.resume(unfinished, lock, progress)
        measurement = _measured(result, measure, settings.notes["check_end"])
        _save(output, result)
    return result, measurement


def _check_same(
    folder: Path,
    protocol: Protocol | None,
    stored: Protocol,
    given: Mapping[str, Any],
    settings: Settings,
) -> None:
    begun = {**asdict(settings), "batch": stored.batch, "check_end": settings.notes["check_end"]}
    for name, value in given.items():
        if name == "initial":
            raise ResumeError(
                f"{folder} has begun; it cannot start from another state: leave `initial` out"
            )
        if value not in ("auto", begun[name]):
            raise ResumeError(
                f"{folder} was begun with {name} {begun[name]!r} and cannot go on with {value!r}: leave it out"
            )
    if protocol is not None and protocol.replace(batch=stored.batch) != stored:
        raise ResumeError(
            f"{folder} was begun with {_difference(protocol, stored)}: leave the protocol out"
        )


def _difference(protocol: Protocol, stored: Protocol) -> str:
    if protocol.name != stored.name:
        return f"protocol {stored.name!r}, not {protocol.name!r}"
    for name, value in stored.parameters.items():
        if protocol.parameters.get(name) != value:
            return f"parameter {name} {value!r}, not {protocol.parameters.get(name)!r}"
    return "another protocol"


@contextmanager
def _holding(output: Output, make: bool) -> Iterator[int]:
    """Hold the folder in which a run keeps what it needs to be resumed; give the lock's descriptor."""
    try:
        with held(output.folder / UNFINISHED, make) as lock, _keeping_partial(output):
            yield lock
    finally:
        output.end()


@contextmanager
def _keeping_partial(output: Output) -> Iterator[None]:
    """Save what an error carries of a result, keep what can be resumed, and say in the error where they are."""
    try:
        yield
    except ResumeError:
        raise  # what is in the folder is not for us to touch
    except BaseException as error:
        partial = getattr(error, "partial", None)
        told = [] if partial is None else [_save_partial(output, partial)]
        if _is_worth_resuming(output, error):
            told.append(f"to go on, `dendrosim run --resume {output.folder}`")
        else:
            remove(output.folder / UNFINISHED)
        if told and isinstance(error, DendrosimError):
            error.args = ("; ".join([str(error), *told]),)
        raise


def _is_worth_resuming(output: Output, error: BaseException) -> bool:
    folder = output.folder / UNFINISHED
    stopped = isinstance(error, (KeyboardInterrupt, RunInterruptedError, StorageError))
    begun = has_checkpoint(folder) or (stopped and has_started(folder))
    return begun and not isinstance(error, _HOPELESS)


def _save(output: Output, result: "Result") -> None:
    with output.filling(PARTIAL) as folder:
        result.save(folder / RESULT)
    remove(output.folder / UNFINISHED)


def _save_partial(output: Output, partial: "Result") -> str:
    try:
        with output.filling(RESULT) as folder:
            partial.save(folder / PARTIAL)
    except DendrosimError as error:
        return f"what was recorded could not be saved: {error}"
    return f"what was recorded is in {output.folder / PARTIAL}"


def run_and_measure(
    protocol: Protocol, *, check_end: bool = False, **options: Any
) -> tuple["Result", Measurement]:
    """Run a protocol with the options of `run`; return also the measurement, figures included."""
    measure = find_measure(protocol)  # before the run: one that cannot be measured is not begun
    result = simulate.run(protocol, **options)
    return result, _measured(result, measure, check_end)


def _measured(
    result: "Result", measure: Callable[["Result"], Measurement], check_end: bool
) -> Measurement:
    try:
        measurement = measure(result)
        if check_end:
            measurement = replace(measurement, metrics={**measurement.metrics, **_at_end(result)})
    except DendrosimError as error:
        error.partial = result  # type: ignore[attr-defined]
        raise
    result.metrics.update(measurement.metrics)
    return measurement


def _at_end(result: "Result") -> dict[str, Any]:
    from dendrosim.experiments.end_state import end_state

    found = end_state(result)
    return {"end_distance": found.distance, "end_settled": found.settled}
