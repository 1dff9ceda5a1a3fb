"""The cache folder: what was validated and what was compiled.

`DENDROSIM_CACHE` names it, else `XDG_CACHE_HOME/dendrosim`, else `~/.cache/dendrosim`. Deleting it is
always safe.
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
    """Return a folder below the cache folder, made if need be.

    Raises
    ------
    StorageError
        If it cannot be made or written.
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
    """Hold a lock file, which is made if need be, against other threads and processes.

    Raises
    ------
    StorageError
        If the file system cannot do that.
    """
    try:
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        raise StorageError(
            f"cannot lock {path}: {error.strerror or error}; set DENDROSIM_CACHE to a local folder"
        ) from None
    with file:  # closing releases
        yield
