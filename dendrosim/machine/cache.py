"""The cache folder, which keeps compiled code and the outcomes of checks and of slow computations.

The folder is `DENDROSIM_CACHE` if that is set, else `XDG_CACHE_HOME/dendrosim`, else `~/.cache/dendrosim`. It can
be deleted at any time.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dendrosim.errors import StorageError


def cache_folder() -> Path:
    """Return the cache folder, which need not exist."""
    if own := os.environ.get("DENDROSIM_CACHE"):
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "dendrosim"


def writable_folder(*parts: str) -> Path:
    """Return a folder below the cache folder, which is made if it does not exist.

    Raises
    ------
    StorageError
        If the folder cannot be made or written.
    """
    folder = cache_folder().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StorageError(
            f"cannot write the cache folder {folder}: {error.strerror or error}; "
            "set DENDROSIM_CACHE to a folder that you can write"
        ) from None
    return folder


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Lock a file against other threads and processes; it is made if it does not exist.

    Raises
    ------
    StorageError
        If the file cannot be made or locked.
    """
    try:
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        raise StorageError(
            f"cannot lock {path}: {error.strerror or error}; set DENDROSIM_CACHE to a local folder"
        ) from None
    with file:  # closing the file releases the lock
        yield
