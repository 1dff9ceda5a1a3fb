"""The files in the folder of a run: their names, and which files of a folder may be overwritten and deleted.

A folder belongs to a run if it is empty, or if it has a lock file of dendrosim and only files whose names are
listed here. In any other folder nothing is written and nothing is deleted.
"""

import re
import stat
from pathlib import Path

from dendrosim.engine.seal import SEAL
from dendrosim.errors import StorageError

LOCK, RECORD, PROTOCOL, CHECKPOINT = "lock", "run.json", "protocol.json", "checkpoint.bin"
MARK = b"lock of a dendrosim run\n"
"""Content of a lock file."""

_CHANGING = r"lock|checkpoint\.bin(\.new)?|trace\d+\.bin|spikes\d+\.(steps|elements)\.bin|(final|flying)\.bin"
_FIXED = (
    r"run\.json|protocol\.json|seal\.json(\.new)?|task\.bin|order\.bin|steps\d+\.bin"
    r"|continued\.(json|npz)|synapses\d+\.(pre|post|(post_)?delay|value\d+)\.bin"
)


def is_changing(name: str) -> bool:
    """Return whether a file is written during the run."""
    return re.fullmatch(_CHANGING, name) is not None


def check_belongs_to_run(folder: Path) -> None:
    """Raise StorageError if an existing folder contains anything that was not written for a run.

    Links are refused too, because they lead to files outside of the folder.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise StorageError(
            f"{folder} is not a folder of its own; remove it, or name another folder with --out"
        )
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        status = (folder / name).lstat()
        if not re.fullmatch(f"{_CHANGING}|{_FIXED}", name):
            raise _foreign(folder, f"{name!r}, which no run of dendrosim has written")
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise _foreign(folder, f"{name!r}, which is a link or not a file")
    if names and not _is_marked(folder / LOCK, alone=names == [LOCK]):
        raise _foreign(
            folder, f"{names[0]!r} and no lock of a run, so no run of dendrosim has written it"
        )


def _is_marked(lock: Path, alone: bool) -> bool:
    content = lock.read_bytes() if lock.exists() else b"missing"
    # If a process was killed before it could write the mark, the folder has no other file.
    return content.startswith(MARK) or (alone and not content)


def delete_files(folder: Path, keep: str = "") -> None:
    """Delete the files of a run, except the one named `keep`; files under other names remain.

    The checkpoint and the checksums are deleted first, so that no part of a run can be taken for a whole one.
    """
    first = (CHECKPOINT, SEAL)
    for path in sorted(folder.iterdir(), key=lambda p: (p.name not in first, p.name == LOCK)):
        if path.name != keep and re.fullmatch(f"{_CHANGING}|{_FIXED}", path.name):
            path.unlink()


def _foreign(folder: Path, what: str) -> StorageError:
    return StorageError(
        f"{folder} contains {what}; nothing was changed: move it away, or name another folder with --out"
    )
