"""Computes points of a sweep. All processes that do so, on this or on another machine, call `run_point`."""

import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dendrosim.engine.settings import RunSettings
from dendrosim.errors import (
    BackendMissingError,
    NonFiniteError,
    ResumeError,
    RunInterruptedError,
    StorageError,
    printable,
)
from dendrosim.library.catalogue import find_entry, is_path
from dendrosim.machine.file_paths import AnyPath
from dendrosim.study.code_version import CodeVersion, current_code, same_files
from dendrosim.study.point import LoadedProtocol, load_protocol_file, measure_point
from dendrosim.study.record import DIVERGED, DONE, FAILED, Record, Status
from dendrosim.study.specification import Point
from dendrosim.study.sweep_folder import SweepFolder

BUSY = "busy"
"""Status of a point that another process computes."""

_LISTED = 64
"""Number of elements above which a record has an array as bytes, and not as a list."""

_OF_MACHINE = (StorageError, BackendMissingError, RunInterruptedError, ResumeError)
"""Errors that are not those of a point: they end the sweep, and the point is computed when it goes on."""


class Ended(NamedTuple):
    """How a point has ended: its status (or `busy`), the error if there was one, and the seconds it took."""

    number: int
    status: str
    error: str = ""
    message: str = ""
    seconds: float = 0.0
    stepping: float = 0.0


class OpenSweep(NamedTuple):
    """A sweep as a process that computes its points has opened it."""

    folder: SweepFolder
    loaded: LoadedProtocol
    settings: RunSettings
    codes: Mapping[str, CodeVersion]
    code: str

    def check_code(self) -> str:
        """Return the hash of the version of the code; raise ResumeError if it has changed and may not be mixed.

        `code` is the hash when this process opened the sweep, and remains so unless a file changes.
        """
        newest = list(self.codes.values())[-1]
        if self.code in self.codes and same_files(self.codes[self.code]):
            return self.code
        now = current_code(newest.files)
        digest = now.digest()
        if digest not in self.codes:
            raise ResumeError(changed_code(self.folder, newest.changes(now)))
        return digest


def changed_code(folder: SweepFolder, changes: list[str]) -> str:
    """Return the message that the code has changed since a sweep began."""
    return (
        f"the code has changed since the sweep in {folder.path} began: {', '.join(changes)}; begin it anew in "
        "another folder, or go on with points of different code with --mix-code (mix_code=True)"
    )


def open_sweep(path: Path, digest: str, protocol: AnyPath) -> OpenSweep:
    """Open a sweep to compute points of it.

    Parameters
    ----------
    path : Path
        Its folder.
    digest : str
        Digest of its specification, by which whoever asks for a point says what is to be computed.
    protocol : str or path
        Name or path of the protocol. It is not taken from the folder, because a file in the folder must not be
        enough for code to be executed.

    Raises
    ------
    ResumeError
        If the folder has another sweep.
    """
    folder = SweepFolder(path)
    if folder.spec.digest() != digest:
        raise ResumeError(f"{path} has another sweep by now; name another folder with --out")
    loaded = load_protocol_file(find_entry(protocol, "protocol"))
    settings = RunSettings(**folder.spec.settings)
    codes = folder.codes()
    code = current_code(codes[-1].files).digest()
    return OpenSweep(folder, loaded, settings, {v.digest(): v for v in codes}, code)


class Opening(NamedTuple):
    """What another process needs to open a sweep: see `open_sweep`; `call` differs from call to call."""

    path: str
    digest: str
    protocol: str
    call: int


def opening_of(sweep: OpenSweep) -> Opening:
    """Return what another process needs to open a sweep."""
    spec, entry = sweep.folder.spec, sweep.loaded.entry
    protocol = str(entry.path) if is_path(spec.protocol) else spec.protocol
    return Opening(str(sweep.folder.path), spec.digest(), protocol, time.time_ns())


@lru_cache(maxsize=4)
def open_as(opening: Opening) -> OpenSweep:
    """Open a sweep, which stays open in this process until it is called anew, perhaps with other code."""
    return open_sweep(Path(opening.path), opening.digest, opening.protocol)


def run_point_of(opening: Opening, index: int, again: bool) -> Ended:
    """Compute a point of a sweep that stays open in this process; see `run_point`."""
    return run_point(open_as(opening), index, again)


def run_point(sweep: OpenSweep, index: int, again: bool = False) -> Ended:
    """Compute a point and write its record, unless it has one or another process computes it.

    Parameters
    ----------
    sweep : OpenSweep
        The sweep.
    index : int
        Number of the point.
    again : bool
        Whether a point that has failed is computed again.

    Raises
    ------
    StorageError, BackendMissingError, RunInterruptedError
        If this machine cannot compute the point; it has no record then.
    ResumeError
        If the code has changed since the sweep began.
    """
    with sweep.folder.claim(index, again) as mine:
        if not mine:
            record = sweep.folder.record(index)
            return Ended(index, BUSY) if record is None else summary(record)
        record = _compute(sweep, sweep.folder.spec.point(index))
        sweep.folder.write_record(record)
    return summary(record)


def summary(record: Record) -> Ended:
    """Return how a point with a record has ended."""
    return Ended(
        record.index, record.status, record.error, record.message, record.seconds, record.stepping
    )


def failed_record(point: Point, error: str, message: str, code: str) -> Record:
    """Return the record of a point that has failed."""
    return Record(
        point.number, point.seed, point.parameters, FAILED, error, message, {}, {}, {}, code, 0.0, 0.0
    )  # fmt: skip


def _compute(sweep: OpenSweep, point: Point) -> Record:
    code, begin = sweep.check_code(), time.perf_counter()
    kept = sweep.folder.spec.recordings
    try:
        found = measure_point(sweep.loaded, point.parameters, point.seed, sweep.settings, kept)
        metrics = {str(name): plain_metric(value) for name, value in found.metrics.items()}
        seconds = time.perf_counter() - begin
        return Record(
            point.number, point.seed, point.parameters, DONE, "", "", metrics, found.units, found.recordings, code,
            seconds, found.stepping,
        )  # fmt: skip
    except _OF_MACHINE:
        raise
    except (
        Exception
    ) as caught:  # a point may fail in any way, and the others are computed nevertheless
        diverged = isinstance(caught, NonFiniteError)
        status: Status = DIVERGED if diverged else FAILED
        error = type(caught).__name__, printable(str(caught) or repr(caught))
        seconds = time.perf_counter() - begin
        return Record(
            point.number, point.seed, point.parameters, status, *error, {}, {}, {}, code, seconds, 0.0
        )  # fmt: skip


def plain_metric(value: Any) -> Any:
    """Return a metric as numbers, texts, arrays of numbers, or lists and mappings of these."""
    if isinstance(value, Mapping):
        return {str(key): plain_metric(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_metric(inner) for inner in value]
    value = value.to_numpy() if hasattr(value, "to_numpy") else value
    if isinstance(value, np.ndarray) and value.size > _LISTED and value.dtype.kind in "biuf":
        return value
    return plain_metric(value.tolist()) if hasattr(value, "tolist") else value
