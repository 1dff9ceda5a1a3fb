"""Which files a protocol was made with: its own, and those of the models that it has loaded."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from dendrosim.library.catalogue import Entry, file_version, read_source
from dendrosim.protocol.protocol import Protocol

_MOST = 256  # protocols of which the files are remembered

_used: OrderedDict[tuple[str, str], tuple[Path, ...]] = OrderedDict()


def remember_used(name: str, parameters: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Remember the files that were loaded while a protocol was made with some values of its parameters."""
    _used[_key(name, parameters)] = tuple(sorted(files))
    while len(_used) > _MOST:
        _used.popitem(last=False)


def used_files(protocol: Protocol, entry: Entry) -> tuple[Path, ...]:
    """Return the files of a protocol, its own (that of `entry`) first.

    Those of models are known only if this process has made the protocol.
    """
    others = _used.get(_key(protocol.name, protocol.parameters), ())
    return (entry.path, *(path for path in others if path != entry.path))


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 hash of a file, 64 hexadecimal digits; None if the file cannot be read."""
    try:
        return _digest_of_version(path, file_version(path))
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _digest_of_version(path: Path, version: tuple[int, ...]) -> str:
    return hashlib.sha256(read_source(path)).hexdigest()


def _key(name: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    return name, repr(sorted(parameters.items()))
