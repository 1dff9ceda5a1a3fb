"""The entries of the cache folder: their list, the limit of their total size, and the deletion of old ones.

Only names that dendrosim gives are entries. Whatever else is in the folder is neither counted nor deleted.
"""

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dendrosim.errors import StorageError, UsageError
from dendrosim.machine import remembered
from dendrosim.machine.cache import cache_folder, claim, is_safe_folder, lock_file
from dendrosim.machine.working_folder import delete_abandoned

SIZE_LIMIT = "2 GiB"
"""Largest size of the cache, unless DENDROSIM_CACHE_SIZE is set. A program needs about 0.7 MB."""

KINDS = {
    "programs": ("compiled programs", re.compile(r"[0-9a-f]{32}")),
    "toolchains": ("objects that programs share", re.compile(r"(runtime|kernels)[-\w]*\.[0-9a-f]{32}\.o")),
    "cython": ("extensions of back end cython", re.compile(r"_cython_magic_[0-9a-f]{32}\.[-\w.]*(so|pyd)")),
    remembered.FOLDER: ("outcomes of checks and computations", re.compile(r"[0-9a-f]{64}")),
}  # fmt: skip
"""For each subfolder of the cache, what it contains, and the pattern of the names of its entries."""

WORK = "work"
"""Subfolder in which entries are made before they get their final names."""

WORK_PREFIXES = ("making-", "trying-")
"""Beginnings of the names of folders in `WORK`."""

_KEPT = 0.9  # a cache that is too large is reduced to this fraction of its limit
_DAY = 86400.0
_BRIAN_FILE = re.compile(r"(_cython_magic_[0-9a-f]{32})\.(pyx|cpp|c|o|lock)")
_SIZE, _KEY = "size of the cache", ""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file or folder of the cache that can be deleted and made again.

    Attributes
    ----------
    folder : str
        The subfolder of the cache, one of `KINDS`.
    path : Path
    size : int
        Space on the disk in bytes.
    last_use : float
        Time of the last use, in seconds since 1970.
    """

    folder: str
    path: Path
    size: int
    last_use: float


def size_limit() -> int:
    """Return the largest size of the cache in bytes.

    Raises
    ------
    UsageError
        If DENDROSIM_CACHE_SIZE is not a size.
    """
    text = os.environ.get("DENDROSIM_CACHE_SIZE") or SIZE_LIMIT
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise UsageError(
            f"DENDROSIM_CACHE_SIZE is {text[:40]!r}; it must be a size such as '500 MB' or '2 GiB', "
            "or a number of bytes"
        )
    return int(float(found[1]) * unit)


def list_entries() -> list[Entry]:
    """Return the entries of the cache."""
    return [entry for folder in KINDS for entry in _entries_in(folder)]


def _entries_in(folder: str) -> Iterator[Entry]:
    pattern = KINDS[folder][1]
    for path in _names(folder):
        if pattern.fullmatch(path.name):
            with suppress(OSError):  # if another process deletes the entry
                yield Entry(folder, path, disk_usage(path), path.lstat().st_mtime)


def _names(folder: str) -> list[Path]:
    """Return the paths in a subfolder of the cache; none if it is a link or does not exist."""
    home = cache_folder() / folder
    try:
        return sorted(home.iterdir()) if stat.S_ISDIR(home.lstat().st_mode) else []
    except OSError:
        return []


def disk_usage(path: Path) -> int:
    """Return the space on the disk that a file or a folder needs, in bytes."""
    total = path.lstat().st_blocks * 512
    if not path.is_symlink() and path.is_dir():
        for home, _, names in os.walk(path):
            total += os.lstat(home).st_blocks * 512 if Path(home) != path else 0
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(home, name)).st_blocks * 512
    return total


def make_room(*added: Path) -> None:
    """Count new entries, and delete the least recently used others if the cache has outgrown its limit.

    A running total is remembered, so that the cache is searched only when it has become too large. Errors of the
    file system are ignored: the entries have been made, and can be used.
    """
    limit = size_limit()
    with suppress(StorageError, OSError), lock_file("size"):
        total = recalled = remembered.recall(_SIZE, _KEY, int)
        if recalled is not None:
            total = recalled + sum(map(disk_usage, added))
        if total is None or total > limit:
            total = _evict(limit, added)
        remembered.remember(_SIZE, _KEY, total)


def _evict(limit: int, kept: tuple[Path, ...]) -> int:
    """Delete entries until the cache keeps to its limit, and return its size."""
    delete_leftovers()
    entries = sorted(list_entries(), key=lambda entry: entry.last_use)
    total = sum(entry.size for entry in entries)
    if total > limit:
        for entry in entries:
            if total <= _KEPT * limit:
                break
            if entry.path not in kept and delete(entry.path):
                total -= entry.size
    return total


def delete(path: Path) -> bool:
    """Delete a file or folder unless it is in use or belongs to another user; return whether it is gone."""
    with claim(path) as free:
        if not free:
            return False
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return not path.exists()


def delete_leftovers() -> None:
    """Delete what killed processes have left: folders of unfinished work, locks, and sources of Brian2."""
    delete_unfinished_work()
    for path in _names("locks"):
        delete(path)
    delete_sources_of_extensions()
    for path in _names("cython"):
        # Brian2 does not check whether the file that it has locked still exists, so a lock must also be old.
        if path.suffix == ".lock" and _BRIAN_FILE.fullmatch(path.name):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > _DAY:
                    delete(path)


def delete_sources_of_extensions() -> None:
    """Delete sources and objects that killed processes have left while Brian2 compiled extensions.

    Brian2 locks a file for each extension that it compiles; if the lock is free, nobody compiles the extension.
    """
    home = cache_folder() / "cython"
    # Brian2 compiles with the whole path of the source below the folder of the objects, which is the same folder.
    for path in [*_names("cython"), *_names(str(home / str(home).lstrip("/")))]:
        found = _BRIAN_FILE.fullmatch(path.name)
        if found and found[2] != "lock":
            with claim(home / f"{found[1]}.lock") as free, suppress(OSError):
                if free and not stat.S_ISDIR(path.lstat().st_mode):
                    path.unlink()


def delete_unfinished_work() -> None:
    """Delete the folders in which killed processes were compiling."""
    home = cache_folder() / WORK
    for prefix in WORK_PREFIXES if is_safe_folder(home) else ():
        delete_abandoned(home, prefix)


def clear() -> tuple[list[Entry], list[Entry]]:
    """Delete all entries that are not in use; return the deleted entries and the remaining ones."""
    deleted: list[Entry] = []
    left: list[Entry] = []
    for entry in list_entries():
        (deleted if delete(entry.path) else left).append(entry)
    delete_leftovers()
    return deleted, left
