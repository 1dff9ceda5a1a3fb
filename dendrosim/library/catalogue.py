"""Finds model and protocol files, and reads their names and summaries without executing them.

Models and protocols are in two shipped folders and in the folders that the environment variable
DENDROSIM_PATH names. Such a folder has either subfolders `models` and `protocols`, or plain Python
files: a model defines a function `circuit` at top level, a protocol defines `protocol`. The name of a
model or protocol is the stem of its file. Files whose name starts with `_` are ignored.
"""

import ast
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from dendrosim.errors import DataError, SpecError, UnknownNameError, UsageError
from dendrosim.library.docstrings import first_line
from dendrosim.machine.file_paths import (
    AnyPath,
    as_path,
    as_path_text,
    expand_home,
    open_regular,
    read_regular,
    whole_text,
)

FileKind = Literal["model", "protocol"]
"""What a file defines."""

FILE_KINDS: tuple[FileKind, ...] = ("model", "protocol")
FUNCTIONS: dict[FileKind, str] = {"model": "circuit", "protocol": "protocol"}
"""The function that a file of each kind must define."""

_INSTEAD: dict[FileKind, str] = {
    "model": "choose a protocol that runs it, or write one",
    "protocol": "choose the model that it runs",
}
"""What to do with a file of each kind where the other kind is needed."""

PATH_VARIABLE = "DENDROSIM_PATH"
_MOST_SOURCE = 2**24  # bytes of a file; a longer one is no file that a person has written


@dataclass(frozen=True)
class Entry:
    """A model or protocol file.

    Parameters
    ----------
    name : str
        The stem of the file's name.
    file_kind : {"model", "protocol"}
        What the file defines.
    path : Path
        The absolute path of the file.
    summary : str
        The first line of the file's documentation; empty if it has no documentation.
    """

    name: str
    file_kind: FileKind
    path: Path
    summary: str


def list_entries() -> list[Entry]:
    """Return all models, then all protocols, each sorted by name.

    Raises
    ------
    SpecError
        If two models, or two protocols, have the same name.
    UsageError
        If DENDROSIM_PATH names something that is not a folder.
    """
    return [
        _make_entry(name, file_kind, paths)
        for file_kind in FILE_KINDS
        for name, paths in sorted(_find_files(file_kind).items())
    ]


def find_entry(name: AnyPath, file_kind: FileKind | None = None) -> Entry:
    """Return the entry of a model or protocol that the user names.

    Parameters
    ----------
    name : str or path
        The name of a model or protocol, or the path of a file; a path ends in `.py` or contains a slash.
    file_kind : {"model", "protocol"}, optional
        The kind of file to look for; by default, both kinds.

    Raises
    ------
    UnknownNameError
        If no model or protocol has this name.
    UsageError
        If `name` is neither a name nor a path; if a model and a protocol have this name, and `file_kind` does not
        say which one is meant.
    DataError
        If the file does not exist, is not valid Python, or defines neither a model nor a protocol.
    SpecError
        If two models, or two protocols, have this name.
    """
    where = f"the name of the {file_kind or 'model or protocol'}"
    text = as_path_text(where, name)
    if is_path(text):
        return _read_entry(as_path(where, text), file_kind)
    return find_named(whole_text(text), file_kind)


def find_named(name: str, file_kind: FileKind | None = None) -> Entry:
    """Return the entry of a model or protocol of the catalogue; raise the errors of `find_entry`."""
    kinds = FILE_KINDS if file_kind is None else (file_kind,)
    files = {k: _find_files(k) for k in kinds}
    matching = [k for k in kinds if name in files[k]]
    if not matching:
        for other in FILE_KINDS:
            if other not in kinds and name in _find_files(other):
                raise UsageError(f"{name!r} is a {other}, not a {file_kind}; {_INSTEAD[other]}")
        known = {n for found in files.values() for n in found}
        raise UnknownNameError(" or ".join(kinds), name, known)
    if len(matching) > 1:
        both = " and ".join(str(files[k][name][0]) for k in matching)
        raise UsageError(f"{name!r} is a model and a protocol; give the path of the file: {both}")
    return _make_entry(name, matching[0], files[matching[0]][name])


def is_path(name: str) -> bool:
    """Return whether `find_entry` takes a text for the path of a file."""
    return name.endswith(".py") or os.sep in name


def catalogue_entry_at(path: str, file_kind: FileKind) -> Entry | None:
    """Return the entry of a file in the catalogue by the text of its absolute path; no other file is read."""
    for name, paths in _find_files(file_kind).items():
        if any(path in (whole_text(p), whole_text(p.resolve())) for p in paths):
            return _make_entry(name, file_kind, paths)
    return None


def lookup_name(entry: Entry) -> str:
    """Return the text by which an entry is found again from any folder: its name or its absolute path."""
    known = _find_files(entry.file_kind).get(entry.name, [])
    is_found = {p.resolve() for p in known} == {entry.path.resolve()}
    return entry.name if is_found else whole_text(entry.path)


def _find_files(file_kind: FileKind) -> dict[str, list[Path]]:
    """Return, for each name, the files of that name, shipped files first."""
    shipped, users = _list_python_files(_shipped_folder(file_kind)), _iterate_user_files(file_kind)
    return _group_by_name((*shipped, *users))


@lru_cache(maxsize=16)
def _group_by_name(paths: tuple[Path, ...]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(whole_text(path.stem), []).append(path)
    return found


@lru_cache
def _shipped_folder(file_kind: FileKind) -> Path:
    """Return the folder of shipped files: inside an installed package, or beside the package in the repository."""
    package = Path(__file__).parents[1]
    installed = package / "shipped" / f"{file_kind}s"
    return installed if installed.is_dir() else package.parent / f"{file_kind}s"


def _iterate_user_files(file_kind: FileKind) -> Iterator[Path]:
    for text in os.environ.get(PATH_VARIABLE, "").split(os.pathsep):
        if not text.strip():
            continue
        folder = expand_home(PATH_VARIABLE, text)
        try:
            found = _list_user_files(folder, file_kind)
        except OSError as error:
            raise UsageError(f"{PATH_VARIABLE} names {text!r}: {error.strerror}") from None
        if found is None:
            raise UsageError(f"{PATH_VARIABLE} names {text!r}, which is not a folder")
        yield from found


def _list_user_files(folder: Path, file_kind: FileKind) -> list[Path] | None:
    """Return the files of a kind in a folder of the user; None if it is not a folder."""
    if not folder.is_dir():
        return None
    if any((folder / f"{k}s").is_dir() for k in FILE_KINDS):
        return _list_python_files(folder / f"{file_kind}s")
    return [p for p in _list_python_files(folder) if file_kind in _read_file_kinds(p)]


def _list_python_files(folder: Path) -> list[Path]:
    """Return the sorted absolute paths of the Python files in a folder; none if it is not a folder."""
    try:
        version = file_version(folder)
    except OSError:
        return []
    path, listed_at = folder.absolute(), time.time_ns()
    known = _listed.get(path)
    if known is not None and known[0] == version:
        return known[1]
    if not folder.is_dir():
        return []
    found = (p for p in path.iterdir() if p.suffix == ".py" and not p.name.startswith(("_", ".")))
    files = sorted(p for p in found if p.is_file())
    if listed_at - version[0] > _CLOCK_TICK:
        _listed[path] = version, files
    return files


_CLOCK_TICK = 2_000_000_000
"""Nanoseconds within which a folder can change twice without a new time, on the coarsest file systems."""

_listed: dict[Path, tuple[tuple[int, ...], list[Path]]] = {}
"""Version and files of each folder, because a protocol looks up a dozen models in the same folder."""


def _make_entry(name: str, file_kind: FileKind, paths: list[Path]) -> Entry:
    """Return the entry of the only file of a name; raises SpecError if there are several different ones."""
    if len(paths) > 1 and len({p.resolve() for p in paths}) > 1:
        both = " and ".join(map(str, paths))
        raise SpecError(f"two {file_kind}s are called {name!r}: {both}; rename one")
    return Entry(name, file_kind, paths[0], _read_summary(file_kind, paths[0]))


def _read_entry(path: Path, file_kind: FileKind | None) -> Entry:
    """Return the entry of a file that is given by its path; a file that defines both kinds is a protocol."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    defined = _read_file_kinds(path)
    for wanted in ("protocol", "model") if file_kind is None else (file_kind,):
        if wanted in defined:
            name = whole_text(path.stem)
            return Entry(name, wanted, path.absolute(), _read_summary(wanted, path))
    tree = _parse(path)
    if not isinstance(tree, ast.Module):
        raise DataError(f"{path} cannot be read: {tree}")
    kinds = FILE_KINDS if file_kind is None else (file_kind,)
    sought = [FUNCTIONS[k] for k in kinds]
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name in sought:
            raise DataError(
                f"{path}, line {node.lineno}: {node.name}() is declared with 'async def'; write 'def'"
            )
    functions = " or ".join(f"{name}()" for name in sought)
    raise DataError(f"{path} defines no function {functions} at top level")


def _read_file_kinds(path: Path) -> list[FileKind]:
    """Return the kinds that a file defines; if it is not valid Python, look for lines that start with `def`."""
    tree = _parse(path)
    if isinstance(tree, ast.Module):
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    else:
        names = set(re.findall(r"^def (\w+)", _read_text(path), re.MULTILINE))
    return [file_kind for file_kind in FILE_KINDS if FUNCTIONS[file_kind] in names]


def _read_summary(file_kind: FileKind, path: Path) -> str:
    """Return the first line of the docstring of a file, or of its function if the file has none."""
    tree = _parse(path)
    if not isinstance(tree, ast.Module):
        return f"(cannot be read: {tree})"
    return _summarise(file_kind, tree)


@lru_cache(maxsize=256)
def _summarise(file_kind: FileKind, tree: ast.Module) -> str:
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == FUNCTIONS[file_kind]
    ]
    documented: list[ast.Module | ast.FunctionDef] = [tree, *functions]
    texts = [ast.get_docstring(node) for node in documented]
    return next((first_line(text) for text in texts if text), "")


def _parse(path: Path) -> ast.Module | str:
    """Return a file's syntax tree, or the reason why it has none."""
    try:
        return _parse_version(path, file_version(path))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error)


@lru_cache(maxsize=256)
def _parse_version(path: Path, version: tuple[int, ...]) -> ast.Module:
    """Return the syntax tree of one version of a file; cached, because protocols look up models at every load."""
    return ast.parse(read_source(path))


def file_version(path: Path) -> tuple[int, ...]:
    """Return numbers that change with the content of a file, also if its size and its time are set as before."""
    status = path.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def read_source(path: Path) -> bytes:
    """Return the content of a Python file; raises OSError if it is not a regular file or has more than 16 MiB."""
    return read_regular(path, _MOST_SOURCE)


def _read_text(path: Path) -> str:
    try:
        return read_source(path).decode(errors="replace")
    except OSError:
        return ""
