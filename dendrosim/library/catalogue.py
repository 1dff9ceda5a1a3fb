"""Finds model and protocol files and reads what they are from their text, without executing them.

Models and protocols lie in two shipped folders and in the folders named by the environment
variable DENDROSIM_PATH, each of which holds either subfolders `models` and `protocols` or plain
Python files. A plain file is a model if it defines a function `circuit` at top level, a protocol if
it defines `protocol`. A name is a file's stem; files whose name starts with `_` are not looked at.
"""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dendrosim.errors import DataError, SpecError, UnknownNameError, UsageError
from dendrosim.library.docstrings import summary

Kind = Literal["model", "protocol"]

KINDS: tuple[Kind, ...] = ("model", "protocol")
FUNCTIONS: dict[Kind, str] = {"model": "circuit", "protocol": "protocol"}
"""The function that a file of each kind must define."""

PATH_VARIABLE = "DENDROSIM_PATH"


@dataclass(frozen=True)
class Entry:
    """A model or protocol file: its name, kind, path and first line of documentation."""

    name: str
    kind: Kind
    path: Path
    summary: str


def entries() -> list[Entry]:
    """Return every model, then every protocol, by name.

    Raises
    ------
    SpecError
        If two files of one kind have the same name.
    UsageError
        If DENDROSIM_PATH names what is not a folder.
    """
    return [
        Entry(name, kind, _only(kind, name, paths), _summary(kind, paths[0]))
        for kind in KINDS
        for name, paths in sorted(_files(kind).items())
    ]


def find(name: str, kind: Kind | None = None) -> Entry:
    """Return the model or protocol called `name`, or in the file that `name` is the path of.

    Parameters
    ----------
    name : str
        A name, or a path, recognised by its ending `.py` or a slash.
    kind : str, optional
        `model` or `protocol`; either by default.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    DataError
        If there is no such file, or it is neither a model nor a protocol.
    SpecError
        If two files have the name.
    """
    if name.endswith(".py") or os.sep in name:
        return _in_file(Path(name), kind)
    kinds = KINDS if kind is None else (kind,)
    files = {k: _files(k) for k in kinds}
    having = [k for k in kinds if name in files[k]]
    if not having:
        raise UnknownNameError(
            " or ".join(kinds), name, {n for found in files.values() for n in found}
        )
    if len(having) > 1:
        both = " and ".join(str(files[k][name][0]) for k in having)
        raise UsageError(
            f"{name!r} is a model and a protocol; give the path of the one meant: {both}"
        )
    path = _only(having[0], name, files[having[0]][name])
    return Entry(name, having[0], path, _summary(having[0], path))


def identifier(entry: Entry) -> str:
    """Return what `find` finds the entry by from any folder: its name, or its absolute path."""
    known = _files(entry.kind).get(entry.name, [])
    return entry.name if _same(entry.path, known) else str(entry.path)


def _same(path: Path, known: list[Path]) -> bool:
    return [p.resolve() for p in known] == [path.resolve()]


def _files(kind: Kind) -> dict[str, list[Path]]:
    """Return the different files under each name, shipped ones first."""
    found: dict[str, list[Path]] = {}
    for path in [*_python_files(_shipped(kind)), *_user_files(kind)]:
        same_name = found.setdefault(path.stem, [])
        if path.resolve() not in [p.resolve() for p in same_name]:
            same_name.append(path)
    return found


def _shipped(kind: Kind) -> Path:
    package = Path(__file__).parents[1]
    installed = package / f"{kind}s"
    return installed if installed.is_dir() else package.parent / f"{kind}s"


def _user_files(kind: Kind) -> Iterator[Path]:
    for text in os.environ.get(PATH_VARIABLE, "").split(os.pathsep):
        if not text.strip():
            continue
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise UsageError(f"{PATH_VARIABLE} names {text!r}, which is not a folder")
        if any((folder / f"{k}s").is_dir() for k in KINDS):
            yield from _python_files(folder / f"{kind}s")
        else:
            yield from (path for path in _python_files(folder) if kind in _kinds(path))


def _python_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    paths = folder.glob("*.py")
    return sorted(p.absolute() for p in paths if p.is_file() and not p.name.startswith(("_", ".")))


def _only(kind: Kind, name: str, paths: list[Path]) -> Path:
    if len(paths) > 1:
        both = " and ".join(map(str, paths))
        raise SpecError(f"two {kind}s are called {name!r}: {both}; rename one")
    return paths[0]


def _in_file(path: Path, kind: Kind | None) -> Entry:
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    kinds = _kinds(path)
    for wanted in ("protocol", "model") if kind is None else (kind,):
        if wanted in kinds:
            return Entry(path.stem, wanted, path.absolute(), _summary(wanted, path))
    functions = " or ".join(f"{FUNCTIONS[k]}()" for k in (KINDS if kind is None else (kind,)))
    raise DataError(f"{path} defines no function {functions} at top level")


def _kinds(path: Path) -> list[Kind]:
    """Return what a file is; one that is not valid Python is judged by its lines."""
    tree = _tree(path)
    if isinstance(tree, ast.Module):
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    else:
        names = set(re.findall(r"^def (\w+)", _text(path), re.MULTILINE))
    return [kind for kind in KINDS if FUNCTIONS[kind] in names]


def _summary(kind: Kind, path: Path) -> str:
    tree = _tree(path)
    if not isinstance(tree, ast.Module):
        return f"(cannot be read: {tree})"
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == FUNCTIONS[kind]
    ]
    documented: list[ast.Module | ast.FunctionDef] = [tree, *functions]
    texts = [ast.get_docstring(node) for node in documented]
    return next((summary(text) for text in texts if text), "")


def _tree(path: Path) -> ast.Module | str:
    """Return a file's syntax tree, or why there is none."""
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return str(error)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
