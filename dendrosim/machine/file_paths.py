"""Paths that a user gives: their texts are checked before anything is opened, and only regular files are read."""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from dendrosim.errors import UsageError, abbreviate

AnyPath = str | os.PathLike[str]
"""What a user may give as a path."""

_LONGEST_NAME = 255  # bytes of one name, the limit of nearly all file systems
_LONGEST_PATH = (
    3840  # bytes; Linux allows 4095, of which the rest is for names of files in a folder
)


def as_path_text(where: str, value: Any) -> str:
    """Return a path, or a name of a model or protocol, as text.

    Parameters
    ----------
    where : str
        Name of the value in the message.
    value : str or path
        The value. It need not exist.

    Raises
    ------
    UsageError
        If the value is not text, is empty, has characters that names of files cannot have (NUL; with some locales
        all but ASCII), or is longer than the system allows.
    """
    try:
        text = os.fspath(value)
    except Exception:  # besides numbers and the like, a class of the user whose `__fspath__` fails
        text = None
    if not isinstance(text, str):
        raise UsageError(f"{where} is {abbreviate(value)}; it must be text or a pathlib.Path")
    text = str.__str__(text)
    if not text:
        raise UsageError(f"{where} is empty; give a path or a name ('.' is the current folder)")
    if "\0" in text:
        raise UsageError(f"{where} is {abbreviate(text)}; it must have no NUL characters")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{where} is {abbreviate(text)}; names of files cannot have the character "
            f"{text[error.start]!r} here (encoding {error.encoding}; PYTHONUTF8=1 allows all of Unicode)"
        ) from None
    if len(encoded) > _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME:
        raise UsageError(
            f"{where} is {abbreviate(text)}; it must have at most {_LONGEST_PATH} bytes, and at most "
            f"{_LONGEST_NAME} between two slashes"
        )
    return text


def as_path(where: str, value: Any) -> Path:
    """Return a path of a file or folder, which need not exist; raises UsageError as `as_path_text` does.

    The current folder, which the path may depend on, must exist.
    """
    path = Path(as_path_text(where, value))
    if not path.is_absolute():
        try:
            os.getcwd()
        except OSError as error:
            raise UsageError(
                f"{where} is {str(path)!r}, relative to the current folder, which cannot be found "
                f"({error.strerror}); give an absolute path, or change to another folder"
            ) from None
    return path


def as_file_path(where: str, value: Any) -> Path:
    """Return a path whose end can be the name of a file; raises UsageError, also if it ends in a slash."""
    text = as_path_text(where, value)
    if text.rpartition("/")[2] in ("", ".", ".."):
        raise UsageError(f"{where} is {abbreviate(text)}, a folder; give the path of a file")
    return as_path(where, text)


def expand_home(where: str, text: str) -> Path:
    """Return the absolute path that a text such as `~/folder` means; raises UsageError if there is none."""
    try:
        return as_path(where, text).expanduser().absolute()
    except (
        RuntimeError
    ):  # no such user, or no HOME and a user without an entry in the system's list
        raise UsageError(
            f"{where} is {text!r}, and the home folder that '~' stands for is unknown; give an absolute path"
        ) from None


def whole_text(path: AnyPath) -> str:
    """Return a path or a part of it as text of whole characters, by which it is stored, compared and shown.

    Python keeps bytes of a path that the encoding of file names does not have (all but ASCII, if Python's UTF-8
    mode is off in the locale C) as halves of surrogate pairs, which no file can store. They are read as UTF-8, and
    bytes that are not UTF-8 are written out, such as `\\xe9`. A text without such halves is returned unchanged.
    """
    text = os.fspath(path)
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Pipes and devices are not opened: to read from them could wait or go on for ever.

    Raises
    ------
    OSError
        If the file cannot be opened, or is not a regular file.
    """
    _check_regular(path.stat())
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_regular(os.fstat(file))  # the path could name another file by now
        return os.fdopen(file, "rb")
    except BaseException:
        os.close(file)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes; raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most} bytes")
        return file.read(most)


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
