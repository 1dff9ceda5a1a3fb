"""Files that are written at once, and flushed to the disk by a thread of their own.

To wait for the disk takes as long as a short point, some milliseconds, in which the next point can be computed.
"""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from dendrosim.errors import StorageError
from dendrosim.machine.atomic_file import replace_file, sync_folder

_unfinished: list[Future[None]] = []
_lock = (
    threading.Lock()
)  # of the list; on a cluster, a process can have several threads that compute points


def write_later_synced(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and flush it to the disk later.

    Raises
    ------
    StorageError
        If the file cannot be written, or one of the files before it could not be flushed.
    """
    raise_errors()
    with replace_file(path, sync=False) as file:
        file.write(content)
    with _lock:
        _unfinished.append(_thread().submit(_flush, path))


def raise_errors(wait: bool = False) -> None:
    """Raise StorageError if a file could not be flushed to the disk; with `wait`, wait until all files are.

    Raises
    ------
    StorageError
        If a file could not be flushed, because the disk is full or fails.
    """
    with _lock:
        ended = [future for future in _unfinished if wait or future.done()]
        _unfinished[:] = [future for future in _unfinished if future not in ended]
    for future in ended:
        error = future.exception()
        if isinstance(error, OSError):
            raise StorageError(
                f"cannot write {error.filename}: {error.strerror or error}; free some space, or write to another "
                "folder"
            ) from error


def _flush(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        sync_folder(path.parent)
    except FileNotFoundError:  # somebody has deleted it; it is computed anew
        return
    except OSError as error:
        error.filename = str(path)
        raise


@lru_cache(maxsize=1)
def _thread() -> ThreadPoolExecutor:
    """Return the thread, which the interpreter waits for at its end."""
    return ThreadPoolExecutor(1, "dendrosim-sync")
