"""The cache folder, which keeps compiled code and the outcomes of checks and of slow computations.

The folder is `DENDROSIM_CACHE` if that is set, else `XDG_CACHE_HOME/dendrosim`, else `~/.cache/dendrosim`. It can
be deleted at any time. Programs in it are executed, so a file is used only if it belongs to this user or to root
and no other user may change it. Everything in it is hashed together with its key, and an entry whose hash does not
match is made anew.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dendrosim.errors import StorageError
from dendrosim.machine.file_paths import expand_home

MOST_BYTES = 2**28
"""A file of the cache is not read if it has more bytes than this. Programs have less than 2**23 bytes."""

_FOLDER_OF_YOUR_OWN = "set DENDROSIM_CACHE to a folder of your own that nobody else can write"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_folder() -> Path:
    """Return the cache folder, which need not exist; raises UsageError if its path is not known."""
    if own := os.environ.get("DENDROSIM_CACHE"):
        return expand_home("DENDROSIM_CACHE", own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return expand_home("XDG_CACHE_HOME", base) / "dendrosim"
    return expand_home("the cache folder (DENDROSIM_CACHE)", "~/.cache/dendrosim")


def writable_folder(name: str = "") -> Path:
    """Return the cache folder or a folder in it; make the folder if it does not exist.

    Raises
    ------
    StorageError
        If the folder cannot be made or written, or if another user could change the programs in it.
    """
    root = cache_folder()
    folder = root / name if name else root
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_root(root)
        if name:
            folder.mkdir(mode=0o700, exist_ok=True)
            _check_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StorageError(
            f"cannot write the cache folder {folder}: {error.strerror or error}; "
            "set DENDROSIM_CACHE to a folder that you can write"
        ) from None
    return folder


def _check_root(root: Path) -> None:
    """Raise StorageError if another user could replace the folders in the cache folder."""
    status = root.stat()
    _check_owner(root, status)
    others = status.st_mode & _OTHERS
    if status.st_gid == os.getegid():
        others &= (
            stat.S_IWOTH
        )  # the user's own group may write; on many systems it has no other member
    if others and not status.st_mode & stat.S_ISVTX:
        raise StorageError(
            f"the cache folder {root} can be written by other users, who could change the programs in it; "
            f"take that right away (chmod go-w), or {_FOLDER_OF_YOUR_OWN}"
        )


def _check_folder(folder: Path) -> None:
    """Raise StorageError if other users can change a folder in the cache folder, even after `chmod go-w`."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StorageError(
            f"{folder} must be a folder, but it is a link or a file; delete it, or set DENDROSIM_CACHE to "
            "another folder"
        )
    _check_owner(folder, status)
    if status.st_mode & _OTHERS:
        folder.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
        if folder.lstat().st_mode & _OTHERS:
            raise StorageError(
                f"the cache folder {folder} can be written by other users, who could change the programs in it, "
                f"and its file system does not let that be changed; {_FOLDER_OF_YOUR_OWN}"
            )


def _check_owner(folder: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise StorageError(
            f"the cache folder {folder} belongs to another user (number {status.st_uid}), whose programs are not "
            f"executed; {_FOLDER_OF_YOUR_OWN}"
        )


@contextmanager
def errors_as_storage_errors() -> Iterator[None]:
    """Turn an error of the file system while an entry is written into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write the cache folder {cache_folder()}: {error.strerror or error}; make room there, or set "
            "DENDROSIM_CACHE to another folder"
        ) from None


def _is_safe(status: os.stat_result) -> bool:
    """Return whether only this user, or root, can change a file or the names in a folder."""
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & _OTHERS


def is_safe_folder(path: Path) -> bool:
    """Return whether a path is a folder, not a link, whose contents only this user or root can change."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and _is_safe(status)


def read_file(path: Path) -> bytes | None:
    """Return the content of a file in the cache; None if it cannot be read, or if others could change it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES or not _is_safe(status):
            return None
        with open(file, "rb", closefd=False) as opened:
            return opened.read(MOST_BYTES)
    except OSError:
        return None
    finally:
        os.close(file)


def content_hash(key: str, *contents: bytes) -> str:
    """Return a hash of the content of a cache entry and of its key, so that no entry is taken for another."""
    digest = hashlib.sha256(key.encode())
    for content in contents:
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()


def mark_used(path: Path) -> None:
    """Note that an entry of the cache is used now; the least recently used entries are deleted first."""
    with suppress(OSError):
        os.utime(path)


@contextmanager
def lock_file(name: str) -> Iterator[None]:
    """Lock a name against other threads and processes that use the same cache.

    Raises
    ------
    StorageError
        If the name cannot be locked.
    """
    path = writable_folder("locks") / name
    try:
        while (file := _lock(path)) is None:
            pass
    except OSError as error:
        raise StorageError(
            f"cannot lock {path}: {error.strerror or error}; set DENDROSIM_CACHE to a local folder"
        ) from None
    try:
        yield
    finally:
        os.close(file)  # this releases the lock


def _lock(path: Path) -> int | None:
    """Wait for the lock of a file, and return its descriptor; None if the file was deleted meanwhile."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_file_of(path, file):
            return file
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Yield a file descriptor of a file or folder, which is no link; None if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Keep a file or folder of the cache from being deleted to make room; yield whether it exists."""
    with _opened(path) as file:
        if file is not None:
            with suppress(OSError):  # without locks in the file system, nothing can be kept
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield file is not None and _is_file_of(path, file)


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Yield whether a file or folder is this user's and not in use; no process can use it while the body runs."""
    with _opened(path) as file:
        yield (
            file is not None
            and os.fstat(file).st_uid == os.geteuid()
            and _is_free(file)
            and _is_file_of(path, file)
        )


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_file_of(path: Path, file: int) -> bool:
    """Return whether a path still names the file that a descriptor refers to."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except OSError:
        return False
