"""The folder of a run, from which the run can be resumed after an interrupt, a crash or a power failure.

`run.json` contains the settings of the run, and `protocol.json` its protocol. The back end adds the task and,
during the run, recordings and checkpoints. `seal` computes checksums of the files, `run_files` lists their names.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dendrosim.engine.backends import backend_named, backends
from dendrosim.engine.run_files import (
    CHECKPOINT,
    LOCK,
    MARK,
    PROTOCOL,
    RECORD,
    check_belongs_to_run,
    delete_files,
)
from dendrosim.engine.seal import SEAL, check_seal
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DataError, ResumeError, SpecError, StorageError, UnknownNameError
from dendrosim.machine.code_digest import PACKAGES, code_digest
from dendrosim.machine.json_text import parse_json, read_text
from dendrosim.machine.packages import package_version
from dendrosim.protocol.protocol import Protocol

FORMAT = 6
# Seconds to wait for the lock. A program whose parent was killed holds the lock until it fails to write its next
# report.
_PATIENCE = 5.0


@contextmanager
def lock_folder(folder: Path, new: bool) -> Iterator[int]:
    """Lock the folder of a run against other processes, and yield the file descriptor of the lock.

    The lock is held from before the first step until the result is saved.

    Parameters
    ----------
    folder : Path
        The folder.
    new : bool
        Whether a new run begins in the folder, which is then made if it does not exist.

    Raises
    ------
    ResumeError
        If another process works in the folder; if `new` is true and the folder holds an interrupted run; if `new`
        is false and the folder holds no interrupted run.
    StorageError
        If the folder cannot be written, or contains anything that does not belong to a run.
    """
    until = time.monotonic() + _PATIENCE
    with ExitStack() as stack:
        while True:
            if new:
                refuse_interrupted(folder)
            else:
                require_interrupted(folder)
            with _storing(folder):
                if new:
                    folder.mkdir(parents=True, exist_ok=True)
                check_belongs_to_run(folder) if new else _check_resumed(folder)
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                lock = stack.enter_context(os.fdopen(os.open(folder / LOCK, flags, 0o666), "r+b"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise ResumeError(
                            f"another process is at work in {folder}: wait for its end, or end it"
                        ) from None
                else:
                    if os.fstat(lock.fileno()).st_nlink:
                        if new:  # the process that held the lock may have left a checkpoint
                            refuse_interrupted(folder)
                        lock.write(MARK)
                        lock.flush()
                        break  # else the process that held the lock has deleted the file
                lock.close()
                time.sleep(0.05)
        yield lock.fileno()


def begin_run(
    folder: Path,
    protocol: Protocol,
    settings: RunSettings,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Delete all other files in the locked folder of a new run, and write protocol and settings there.

    `about` is what else the provenance of the result will contain.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    with _storing(folder):
        delete_files(folder, keep=LOCK)
        (folder / PROTOCOL).write_text(protocol.to_json(), "utf-8")
        record = {
            **_versions(settings.backend), "settings": asdict(settings), "protocol": protocol.name,
            "begun": datetime.now(UTC).isoformat(timespec="seconds"), "about": dict(about or {}),
        }  # fmt: skip
        (folder / RECORD).write_text(json.dumps(record, indent=1), "utf-8")


def read_about(folder: Path) -> dict[str, Any]:
    """Return what else the provenance of an interrupted run contains; empty if the record does not have it."""
    try:
        return dict(_read_record(folder)["about"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def read_begun(folder: Path) -> dict[str, Any] | None:
    """Return protocol, changed parameters, seed and beginning of an interrupted run; None if there is none.

    Raises
    ------
    DataError
        If the record of the run is damaged.
    """
    try:
        record = _read_record(folder)
        return {
            "protocol": str(record.get("protocol", "")),
            "changed": dict(record.get("about", {}).get("changed", {})),
            "seed": int(record["settings"]["seed"]),
            "finished": str(record.get("begun", "")),
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / RECORD} cannot be read ({error})") from None


def is_locked(folder: Path) -> bool:
    """Return whether a process is at work in the folder of a run."""
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_run(folder: Path) -> tuple[Protocol, RunSettings]:
    """Return protocol and settings of an interrupted run.

    Raises
    ------
    ResumeError
        If the folder holds no interrupted run, or if the run cannot be resumed here with the same numbers.
    """
    require_interrupted(folder)
    _check_resumed(folder)
    if has_started(folder):
        check_seal(folder)
    try:
        record = _read_record(folder)
        begun = {key: record[key] for key in ("format", "dendrosim", "packages", "code", "target")}
        settings = RunSettings(**record["settings"])
    except FileNotFoundError:
        raise ResumeError(_why_none(folder.parent)) from None
    except (OSError, ValueError, LookupError, TypeError, SpecError) as error:
        raise ResumeError(
            f"{folder / RECORD} cannot be read ({error}); run the protocol anew"
        ) from None
    _check_unchanged(folder.parent, begun, settings.backend)
    if not backend_named(settings.backend).resumes:
        able = ", ".join(name for name, backend in backends().items() if backend.resumes)
        raise ResumeError(
            f"cannot resume {folder.parent}: back end {settings.backend} keeps no checkpoints (only "
            f"{able} does); run the protocol anew"
        )
    if not has_started(folder):
        raise ResumeError(
            f"cannot resume {folder.parent}: it ended before its first step; run the protocol anew"
        )
    try:
        return Protocol.from_json(read_text(folder / PROTOCOL)), settings
    except (OSError, ValueError, SpecError) as error:
        raise ResumeError(
            f"{folder / PROTOCOL} cannot be read ({error}); run the protocol anew"
        ) from None


def _check_resumed(folder: Path) -> None:
    """Raise ResumeError if a folder has anything but the files of a run, such as a pipe, which is never read."""
    try:
        check_belongs_to_run(folder)
    except (StorageError, OSError) as error:
        raise ResumeError(f"cannot resume {folder.parent}: {error}") from None


def _read_record(folder: Path) -> dict[str, Any]:
    """Return the record of a run; raises OSError, ValueError, LookupError or TypeError if it is not one."""
    record: dict[str, Any] = parse_json(read_text(folder / RECORD))
    for key in ("packages", "target", "settings"):
        if not isinstance(record[key], dict):
            raise ValueError(f"{key} is {record[key]!r}")
    return record


def refuse_interrupted(folder: Path) -> None:
    """Raise ResumeError if a folder has a checkpoint of an interrupted run, which a new run would delete."""
    if has_checkpoint(folder):
        raise ResumeError(
            f"{folder.parent} holds an interrupted run: resume it with "
            f"`dendrosim run --resume {folder.parent}`, or delete {folder}"
        )


def require_interrupted(folder: Path) -> None:
    """Raise ResumeError if the folder of an interrupted run does not exist or cannot be entered."""
    try:
        found = folder.is_dir()
    except OSError as error:
        raise ResumeError(f"cannot resume {folder.parent}: {error.strerror}") from None
    if not found:
        raise ResumeError(_why_none(folder.parent))


def delete_folder(folder: Path) -> None:
    """Delete the folder of a run, which is locked and no longer needed, except files that are not of the run."""
    with suppress(OSError):
        delete_files(folder)
        folder.rmdir()


def has_checkpoint(folder: Path) -> bool:
    """Return whether a folder has a checkpoint, so that its run need not be resumed from the beginning."""
    return (folder / CHECKPOINT).exists()


def has_started(folder: Path) -> bool:
    """Return whether a run can be resumed, from a checkpoint or at least from its beginning."""
    try:
        backend = backend_named(_read_record(folder)["settings"]["backend"])
    except (OSError, ValueError, LookupError, TypeError, UnknownNameError):
        return False
    return backend.resumes and (folder / SEAL).exists()


def _why_none(folder: Path) -> str:
    if folder.exists() and not folder.is_dir():
        return f"cannot resume {folder}: it is not a folder; give the folder that the run was given as --out"
    if not folder.is_dir():
        return f"cannot resume {folder}: there is no such folder"
    if (folder / "result.nc").exists():
        return f"cannot resume {folder}: its run is done, the result is in {folder / 'result.nc'}"
    return f"cannot resume {folder}: it holds no interrupted run; give the folder that the run was given as --out"


def _versions(backend: str) -> dict[str, Any]:
    """Return everything that affects the numbers of a run, except protocol and settings."""
    return {
        "format": FORMAT,
        "dendrosim": package_version("dendrosim"),
        "packages": {name: package_version(name) for name in PACKAGES},
        "code": code_digest(),
        "target": dict(backend_named(backend).fingerprint()),
    }


def _check_unchanged(output: Path, begun: dict[str, Any], backend: str) -> None:
    """Raise ResumeError if anything has changed that would change the numbers of the run; list the changes."""
    now = _versions(backend)
    packages = [
        f"{name} is {now['packages'].get(name)} and was {version} when the run began"
        for name, version in begun["packages"].items()
        if version != now["packages"].get(name)
    ]
    changed = [
        name
        for name in sorted({*begun["target"], *now["target"]})
        if begun["target"].get(name) != now["target"].get(name)
    ]
    cannot = f"cannot resume {output}"
    if packages:
        raise ResumeError(
            f"{cannot}: {', '.join(packages)}, so it would end with other numbers; use that version, or run the "
            "protocol anew"
        )
    if begun["format"] != FORMAT or begun["code"] != now["code"]:
        raise ResumeError(
            f"{cannot}: it was begun by another version of dendrosim ({begun['dendrosim']}), and this one "
            f"({now['dendrosim']}) would end with other numbers; use that version, or run the protocol anew"
        )
    if changed:
        raise ResumeError(
            f"{cannot}: {' and '.join(changed)} changed since the run began, so it would end with other numbers; "
            "resume it where it was begun, or run the protocol anew"
        )


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write the run's folder {folder}: {error.strerror or error}"
        ) from error
