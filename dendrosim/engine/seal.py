"""Checksums of those files in the folder of a run that do not change during the run.

They are written after all of these files are complete; if they are missing, the run in the folder has not begun.
Files that grow during the run, and the checkpoint itself, are covered by checksums in the checkpoint.
"""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dendrosim.errors import ResumeError
from dendrosim.machine.json_text import parse_json, read_text

SEAL = "seal.json"


def seal_folder(folder: Path, changing: Collection[str]) -> str:
    """Write the checksums of all files in a folder except those named in `changing`.

    Returns
    -------
    str
        Hash of all these checksums, 64 hexadecimal digits. Every checkpoint contains this hash.

    Raises
    ------
    OSError
        If a file cannot be read or written.
    """
    names = {p.name for p in folder.iterdir()} - {SEAL, *changing}
    checksums = {name: _checksum(folder / name) for name in sorted(names)}
    total = _hash(checksums)
    fresh = folder / f"{SEAL}.new"
    fresh.write_text(json.dumps({"files": checksums, "hash": total}, indent=1), "utf-8")
    fresh.replace(folder / SEAL)
    return total


def check_seal(folder: Path) -> None:
    """Check that each file that stays the same during a run still has its recorded checksum.

    Raises
    ------
    ResumeError
        If a file is missing, cannot be read or differs from what was written.
    """
    for name, checksum in _read(folder)["files"].items():
        try:
            same = _checksum(folder / Path(name).name) == checksum
        except OSError:
            same = False
        if not same:
            raise _damaged(folder, name)


def read_seal(folder: Path) -> str:
    """Return the hash that `seal_folder` returned.

    Raises
    ------
    ResumeError
        If it cannot be read.
    """
    return str(_read(folder)["hash"])


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_text(folder / SEAL))
        whole = content["hash"] == _hash(content["files"]) and isinstance(content["files"], dict)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise _damaged(folder, SEAL)
    return dict(content)


def _damaged(folder: Path, name: str) -> ResumeError:
    return ResumeError(
        f"cannot resume {folder.parent}: {folder / name} is missing, damaged or was changed since the run began; "
        f"delete {folder} and run the protocol anew"
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(checksums: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()
