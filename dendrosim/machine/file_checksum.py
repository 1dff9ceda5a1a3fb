"""A checksum of a whole file, appended to the file; readers of the file's format ignore what is appended."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

_MARK = b"\ndendrosim sha256 "
_LENGTH = len(_MARK) + 64 + 1
_PIECE = 2**20


def append_checksum(file: BinaryIO) -> None:
    """Append the checksum of a file's content; `file` is open for reading and writing."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    file.seek(0, os.SEEK_END)
    file.write(_MARK + digest.hexdigest().encode() + b"\n")


def verify_checksum(path: Path) -> bool | None:
    """Return whether a file's content agrees with the checksum at its end; None if there is no checksum.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _LENGTH))
        end = file.read()
        if not end.startswith(_MARK):
            return None
        file.seek(0)
        digest, left = hashlib.sha256(), size - len(end)
        while left and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
    return end == _MARK + digest.hexdigest().encode() + b"\n"
