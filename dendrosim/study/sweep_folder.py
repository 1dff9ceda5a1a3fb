"""The folder of a sweep: its specification, the versions of its code, and one record for each point.

`sweep.json` says what the sweep is, and `code.json` lists the versions of the code that computes it. The folder
`points` has one file for each point that has ended. A point that is being computed has a locked file there; the
system releases the lock when the process ends, however it ends, so that no lock is ever left behind.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dendrosim.errors import DataError, ResumeError, StorageError, UsageError
from dendrosim.experiments.output_folder import storage_errors
from dendrosim.library.parameter_types import to_text
from dendrosim.machine.atomic_file import write_file
from dendrosim.machine.file_paths import read_regular
from dendrosim.machine.json_text import parse_json, read_text
from dendrosim.machine.packages import own_version
from dendrosim.spec import decode, encode
from dendrosim.study.code_version import CodeVersion
from dendrosim.study.later_sync import write_later_synced
from dendrosim.study.record import FAILED, Record
from dendrosim.study.specification import Axis, SweepSpec

SWEEP, CODE, POINTS, LOCK, DATASET = "sweep.json", "code.json", "points", "lock", "sweep.nc"
FORMAT = 1
"""Version of the layout of the folder; folders with a higher version are refused."""

_MOST_BYTES = 2**30  # of a record, which this user has written
_RECORD = re.compile(r"(\d{7,})\.json")


class SweepFolder:
    """The folder of a sweep that has begun.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    DataError
        If it is not the folder of a sweep, or a newer version of dendrosim has begun the sweep.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points = path / POINTS
        self.spec = _read(path / SWEEP, SweepSpec)

    # -- records ---------------------------------------------------------------------------------

    def record_path(self, index: int) -> Path:
        """Return the path of the record of a point."""
        return self.points / f"{index:07d}.json"

    def record(self, index: int) -> Record | None:
        """Return the record of a point; None if there is none, or if it cannot be read."""
        try:
            record = decode(json.loads(read_regular(self.record_path(index), _MOST_BYTES)))
        except Exception:  # whatever a damaged text makes of the reader
            return None
        return record if isinstance(record, Record) and record.index == index else None

    def ended(self) -> set[int]:
        """Return the numbers of all points that have a record."""
        with storage_errors(self.points):
            names = os.listdir(self.points) if self.points.is_dir() else []
        found = {int(m[1]) for m in map(_RECORD.fullmatch, names) if m}
        return {index for index in found if index < self.spec.count}

    def records(self) -> dict[int, Record]:
        """Return all records by the number of their points, in order."""
        found = {index: self.record(index) for index in sorted(self.ended())}
        return {index: record for index, record in found.items() if record is not None}

    def write_record(self, record: Record) -> None:
        """Write the record of a point, whole or not at all; raises StorageError.

        It reaches the disk a moment later, while the next point is computed. A record that a loss of power has
        damaged counts as missing.
        """
        # Not the canonical JSON, which would sort metrics by their names.
        text = json.dumps(encode(record), separators=(",", ":"))
        write_later_synced(self.record_path(record.index), text.encode())

    @contextmanager
    def claim(self, index: int, again: bool = False) -> Iterator[bool]:
        """Yield whether the point is now this process's to compute, until the end of the body.

        It is not if another process or thread computes it, or if it has a record. With `again`, the record of a
        point that has failed does not count.

        Raises
        ------
        StorageError
            If the folder cannot be written.
        """
        path = self.record_path(index).with_suffix(".lock")
        with storage_errors(self.path):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(path, flags, 0o666)
        try:
            mine = _lock(file) and _is_same(path, file)
            if mine:
                record = self.record(index)
                mine = record is None or (again and record.status == FAILED)
            try:
                yield mine
            finally:
                if mine or self.record_path(index).exists():
                    # Others that have opened the file find the record before they compute anything.
                    with suppress(OSError):
                        _unlink_locked(path, file)
        finally:
            os.close(file)  # this releases the lock

    def delete_locks(self) -> None:
        """Delete locks of points that have ended, which processes have left that were killed at that moment."""
        for path in self.points.glob("*.lock"):
            if path.with_suffix(".json").exists():
                with suppress(OSError):
                    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
                    try:
                        _unlink_locked(path, file)
                    finally:
                        os.close(file)

    # -- code ------------------------------------------------------------------------------------

    def codes(self) -> list[CodeVersion]:
        """Return the versions of the code that may compute points, the newest last."""
        begun = (self.path / CODE).exists()
        values = _read_mapping(self.path / CODE).get("versions", []) if begun else []
        return [v for v in map(decode, values) if isinstance(v, CodeVersion)]

    def add_code(self, code: CodeVersion) -> None:
        """Allow a further version of the code."""
        _write(self.path / CODE, {"versions": [encode(v) for v in (*self.codes(), code)]})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other processes that begin the sweep or write its dataset; wait for the lock."""
        with lock_sweep(self.path):
            yield


@contextmanager
def lock_sweep(path: Path) -> Iterator[None]:
    """Lock a folder, in which a sweep may not have begun; wait until no other process has locked it."""
    with storage_errors(path):
        file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        with storage_errors(path):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def begin_sweep(path: Path, spec: SweepSpec) -> SweepFolder:
    """Begin a sweep in a folder, or go on with the same sweep there.

    Raises
    ------
    ResumeError
        If the folder is that of another sweep; the message says what differs.
    UsageError
        If the folder has other files.
    StorageError
        If the folder cannot be written.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        if not (path / SWEEP).exists():
            others = sorted(p.name for p in path.iterdir() if p.name not in (LOCK, POINTS, SWEEP))
            others = [n for n in others if not n.startswith(".")]
            if others:
                raise UsageError(
                    f"{path} has no sweep, but {others[0]!r}; name another folder with --out (out=...)"
                )
    with lock_sweep(path):
        if (path / SWEEP).exists():
            folder = SweepFolder(path)
            if folder.spec not in (spec, spec.replace(spans={}, sampling_seed=0)):
                raise ResumeError(
                    f"{path} has another sweep: {_difference(folder.spec, spec)}; give the same values to go on "
                    "with it, or another folder with --out (out=...)"
                )
            return folder
        with storage_errors(path):
            (path / POINTS).mkdir(exist_ok=True)
        _write(path / SWEEP, {"spec": encode(spec)})
    return SweepFolder(path)


def _difference(old: SweepSpec, new: SweepSpec) -> str:
    """Say in which field two sweeps differ, the old value first."""
    if old.protocol != new.protocol:
        return f"its protocol is {old.protocol!r}, not {new.protocol!r}"
    names, others = ([a.name for a in s.axes] for s in (old, new))
    if names != others:
        return f"it varies {_listed(names)}, and not {_listed(others)}"
    for axis, other in zip(old.axes, new.axes, strict=True):
        if axis != other:
            return f"its values of {axis.name} are {_values(axis)}, not {_values(other)}"
    for what, was, now in (("", old.fixed, new.fixed), ("setting ", old.settings, new.settings)):
        for name in {**was, **now}:
            if was.get(name) != now.get(name) or (name in was) != (name in now):
                begun = f"has {to_text(was[name])}" if name in was else "is not given"
                return f"{what}{name} {begun} there, {_given(now, name)}"
    if old.seeds != new.seeds:
        return f"its seeds are {_listed(map(str, old.seeds))}, not {_listed(map(str, new.seeds))}"
    if old.recordings != new.recordings:
        return f"it keeps the recordings {_listed(old.recordings)}, not {_listed(new.recordings)}"
    ways = [[s.sampling, *s.spans.values(), f"seed {s.sampling_seed}"] for s in (old, new)]
    return f"its values were drawn from {_listed(ways[0])}, not {_listed(ways[1])}"


def _given(values: Mapping[str, Any], name: str) -> str:
    return f"not {to_text(values[name])}" if name in values else "but not here"


def _values(axis: Axis) -> str:
    texts = [to_text(v) for v in axis.values]
    return (
        ",".join(texts) if len(texts) <= 6 else f"{texts[0]},...,{texts[-1]} ({len(texts)} values)"
    )


def _listed(names: Any) -> str:
    found = list(names)
    return ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") or "nothing"


def _read(path: Path, kind: type[SweepSpec]) -> SweepSpec:
    content = _read_mapping(path)
    try:
        value = decode(content["spec"])
    except Exception as error:  # whatever a damaged text makes of the reader
        raise DataError(f"{path} cannot be read ({error}); it is damaged") from None
    if not isinstance(value, kind):
        raise DataError(f"{path} is not the specification of a sweep")
    return value


def _read_mapping(path: Path) -> Mapping[str, Any]:
    """Return the content of a JSON file of a sweep; raises DataError."""
    if not os.path.lexists(path):
        what = "there is no such folder" if not path.parent.is_dir() else f"it has no {path.name}"
        raise DataError(f"{path.parent} is not the folder of a sweep: {what}")
    try:
        content = parse_json(read_text(path))
        version = content["dendrosim_sweep"]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); it is damaged") from None
    if not isinstance(version, int) or version > FORMAT:
        raise DataError(
            f"{path} was written by a newer version of dendrosim ({content.get('dendrosim')}): install that"
        )
    found: Mapping[str, Any] = content
    return found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    whole = {"dendrosim_sweep": FORMAT, "dendrosim": own_version(), **content}
    write_file(path, json.dumps(whole, indent=1).encode())


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageError(
            f"cannot lock a file of the sweep: {error.strerror}; name a folder on another file system with --out"
        ) from None
    return True


def _is_same(path: Path, file: int) -> bool:
    """Return whether a path still names the file that a descriptor refers to."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except OSError:
        return False


def _unlink_locked(path: Path, file: int) -> None:
    """Delete the locked file, unless another process holds its lock or has already replaced it."""
    if _lock(file) and _is_same(path, file):
        path.unlink()
