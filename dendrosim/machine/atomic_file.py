"""Files that are written whole or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dendrosim.errors import StorageError


def write_file(path: Path, content: bytes | memoryview) -> Path:
    """Write a file whole or not at all, and return its path.

    Raises
    ------
    StorageError
        If the file cannot be written; then no part of it remains.
    """
    with replace_file(path) as file:
        file.write(content)
    return path


@contextmanager
def replace_file(path: Path, sync: bool = True) -> Iterator[BinaryIO]:
    """Yield a new file, which replaces the file at `path` once it is complete; raise StorageError.

    A pipe or device is not replaced, because it is not a file that somebody has written before. With `sync` False
    the file need not have reached the disk at the end; it is whole if the process is killed, but perhaps not after
    a loss of power.
    """
    # At most 40 characters of 4 bytes, because file systems allow names of 255 bytes.
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        _check_replaceable(path)
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if sync:
            sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {_reason(path, error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Flush the entries of a folder (the names of its files) to disk, if the file system can do that."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _check_replaceable(path: Path) -> None:
    if path.is_dir():
        raise StorageError(f"cannot write {path}: it is a folder; give the path of a file")
    if path.exists() and not path.is_file():
        raise StorageError(f"cannot write {path}: it is not a regular file; give another path")


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder {path.parent}; make it first"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{error.strerror}; free some space or write to another folder"
    return f"{error.strerror or error}; write to another folder"
