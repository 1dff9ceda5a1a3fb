"""The output folder of a run: it is locked during the run, and keeps what an interrupted run has left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dendrosim.engine.run_folder import delete_folder, has_checkpoint, has_started, lock_folder
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
from dendrosim.library.catalogue import is_path
from dendrosim.protocol.protocol import Protocol

if TYPE_CHECKING:
    from dendrosim.results.result import Result

_HOPELESS = (NonFiniteError, MemoryLimitError, SpecError)
"""Errors that would occur again if the run were resumed from its last checkpoint."""


@contextmanager
def lock_output(
    output: Output, protocol: Protocol | None, check_new: Callable[[], None] | None = None
) -> Iterator[int]:
    """Lock the folder from which a run can be resumed; yield the file descriptor of the lock.

    For a new run, `check_new` raises an error if the result may not be written. It is called when the folder is
    locked, because another run may have ended while this one waited for the lock.
    """
    file = protocol.name if protocol is not None and is_path(protocol.name) else ""
    folder = output.folder / UNFINISHED
    try:
        with lock_folder(folder, new=check_new is not None) as lock:
            if check_new is not None:
                _check_locked(folder, check_new)
            with _keep_partial(output, file):
                yield lock
    finally:
        output.delete_if_empty()


def _check_locked(folder: Path, check: Callable[[], None]) -> None:
    """Call `check`; if it fails, delete the locked folder, unless a run in it can be resumed."""
    try:
        check()
    except DendrosimError:
        if not has_started(folder):
            delete_folder(folder)
        raise


@contextmanager
def _keep_partial(output: Output, file: str) -> Iterator[None]:
    """On an error, save the partial result, keep a run that can be resumed, and say in the message where they are.

    `file` is the path of the protocol's file if the file is not in the catalogue.
    """
    try:
        yield
    except ResumeError:
        raise  # another process uses the folder, or the user has to decide
    except BaseException as error:
        partial = getattr(error, "partial", None)
        advice = [] if partial is None else [_save_partial(output, partial)]
        if _is_worth_resuming(output, error):
            given = f"{file} " if file else ""
            advice.append(f"resume with `dendrosim run {given}--resume {output.folder}`")
        else:
            delete_folder(output.folder / UNFINISHED)
        if advice and isinstance(error, DendrosimError):
            error.args = ("; ".join([str(error), *advice]),)
        raise


def _is_worth_resuming(output: Output, error: BaseException) -> bool:
    folder = output.folder / UNFINISHED
    stopped = isinstance(error, (KeyboardInterrupt, RunInterruptedError, StorageError))
    begun = has_checkpoint(folder) or (stopped and has_started(folder))
    return begun and not isinstance(error, _HOPELESS)


def save_result(output: Output, result: "Result") -> None:
    """Save the result of a run that is done, and delete what the run needed only until its end."""
    with output.write_files(PARTIAL, *output.old_figures()) as folder:
        result.save(folder / RESULT)
    delete_folder(output.folder / UNFINISHED)


def _save_partial(output: Output, partial: "Result") -> str:
    try:
        with output.write_files(RESULT, *output.old_figures()) as folder:
            partial.save(folder / PARTIAL)
    except DendrosimError as error:
        return f"what was recorded could not be saved: {error}"
    return f"what was recorded is in {output.folder / PARTIAL}"
