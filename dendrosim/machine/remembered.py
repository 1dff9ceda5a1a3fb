"""Values that the cache remembers: outcomes of checks, results of slow computations, hashes of compiled files.

Each value has a small file, whose name is a hash of the kind of the value and of everything on which it depends.
The file begins with a hash of its name and of the rest. If this hash does not match, because the file is damaged
or was renamed, the value is computed again.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dendrosim.errors import StorageError
from dendrosim.machine.cache import (
    cache_folder,
    content_hash,
    mark_used,
    read_file,
    writable_folder,
)

FOLDER = "remembered"
"""Subfolder of the cache."""

T = TypeVar("T", bool, int, float, str)


def recall(what: str, key: str, value_type: type[T]) -> T | None:
    """Return a remembered value, or None if there is none.

    Parameters
    ----------
    what : str
        What the value is, such as "slowest rate".
    key : str
        Everything on which the value depends, or a hash of it.
    value_type : {bool, int, float, str}
        The type that the value must have.
    """
    path = cache_folder() / FOLDER / _name(what, key)
    content = read_file(path)
    value = None if content is None else _read(content, path.name)
    if type(value) is not value_type:
        return None
    mark_used(path)
    return value  # type: ignore[return-value]  # the line above narrows it


def remember(what: str, key: str, value: bool | float | str) -> None:
    """Remember a value; if the cache cannot be written, it will be computed again.

    The file is not flushed to disk: if a power loss damages it, its hash does not match.
    """
    name = _name(what, key)
    text = json.dumps([what, value]).encode()
    with suppress(StorageError, OSError):
        path = writable_folder(FOLDER) / name
        path.unlink(missing_ok=True)  # so that no file is overwritten through a link
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as opened:
            opened.write(content_hash(name, text).encode() + b"\n" + text)


def is_whole(path: Path) -> bool:
    """Return whether the file of a remembered value is undamaged."""
    content = read_file(path)
    return content is not None and _read(content, path.name) is not None


def _name(what: str, key: str) -> str:
    return content_hash(what, key.encode())


def _read(content: bytes, name: str) -> object:
    """Return the value in the content of a file; None if it is damaged or belongs to another name."""
    digest, _, text = content.partition(b"\n")
    if digest != content_hash(name, text).encode():
        return None
    value: object = json.loads(text)[1]
    return value
