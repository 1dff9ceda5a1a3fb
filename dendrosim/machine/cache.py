"""The cache folder: what was validated and what was compiled.

`DENDROSIM_CACHE` names it, else `XDG_CACHE_HOME/dendrosim`, else `~/.cache/dendrosim`. Deleting it is
always safe.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from dendrosim.errors import StorageError
from dendrosim.machine.packages import package_version

_WITHOUT_EFFECT = (
    "models", "protocols", "tasks", "plot", "analysis", "stability", "cli", "console", "summaries",
    "outputs", "results", "storage", "disk", "experiment", "measurement", "library", "catalogue", "docstrings",
    "kinds", "parameters", "running",
)  # fmt: skip
"""Parts of dendrosim on which no generated code depends."""


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
def locked(path: Path) -> Iterator[None]:
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


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a hash of dendrosim's own code and of the versions that decide what is generated."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        if inside[0].removesuffix(".py") in _WITHOUT_EFFECT:
            continue
        if path.suffix in (".py", ".h", ".cpp", ".cu", ".cuh"):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    for package in ("brian2", "numpy", "sympy", "scipy-openblas32"):
        digest.update(f"{package} {package_version(package)}".encode())
    return digest.hexdigest()
