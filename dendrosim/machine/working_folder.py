"""Temporary folders; those of killed processes are deleted when another process makes such a folder."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WORKING = ".dendrosim-working"
"""Name of the file that shows, in a folder that is not in the cache, that dendrosim has made the folder."""
_CONTENT = b"temporary folder of dendrosim\n"


@contextmanager
def working_folder(home: Path, prefix: str, marked: bool = False) -> Iterator[tuple[Path, int]]:
    """Make a folder for the time of the context, and delete those that killed processes have left.

    Parameters
    ----------
    home : Path
        The folder in which it is made.
    prefix : str
        Beginning of its name. Unless `marked` is true, only our own folders may have such names in `home`.
    marked : bool, optional
        Whether it gets the file `WORKING`, without which an abandoned folder is not deleted, because others can
        make folders in `home` too (default: it does not).

    Yields
    ------
    tuple of (Path, int)
        The folder, and the file descriptor of its lock. A process that inherits the descriptor keeps the folder
        from being deleted by others.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    delete_abandoned(home, prefix, marked)
    while (made := _make(home, prefix)) is None:
        pass
    folder, lock = made
    try:
        if marked:
            (folder / WORKING).write_bytes(_CONTENT)
        yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def delete_abandoned(home: Path, prefix: str, marked: bool = False) -> None:
    """Delete the folders that `working_folder` has made in `home` for this user and that no process has locked."""
    for path in home.glob(f"{prefix}????????"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # it is a link or a file, belongs to another user, or was just deleted
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_uid == os.geteuid() and (not marked or _is_marked(path)):
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # another process uses the folder
        finally:
            os.close(lock)


def _is_marked(folder: Path) -> bool:
    mark = folder / WORKING
    return mark.is_file() and not mark.is_symlink() and mark.read_bytes() == _CONTENT


def _make(home: Path, prefix: str) -> tuple[Path, int] | None:
    """Make a folder and lock it; return None if another process deleted it in between."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    with suppress(
        OSError
    ):  # without locks in the file system, no folder is ever deleted as abandoned
        fcntl.flock(lock, fcntl.LOCK_SH)
    with suppress(FileNotFoundError):
        if os.path.samestat(folder.stat(), os.fstat(lock)):
            return folder, lock
    os.close(lock)
    return None
