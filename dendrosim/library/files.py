"""Executes files of models and protocols, and reports their failures as errors that name file and line."""

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dendrosim.errors import DataError, DendrosimError, SpecError
from dendrosim.library.catalogue import FUNCTIONS, Entry, file_version, read_source
from dendrosim.machine.brian_import import lock


def file_function(entry: Entry) -> Callable[..., Any]:
    """Return the function `circuit` of a model file, or `protocol` of a protocol file; raises SpecError."""
    function = getattr(load_module(entry.path), FUNCTIONS[entry.file_kind], None)
    if not callable(function):
        raise SpecError(f"{entry.path} defines no function {FUNCTIONS[entry.file_kind]}()")
    return function


_watchers: list[set[Path]] = []


@contextmanager
def watch_files() -> Iterator[set[Path]]:
    """Yield a set that gets the path of every file that is loaded in the body, also if it was executed before."""
    found: set[Path] = set()
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers[:] = [other for other in _watchers if other is not found]


def load_module(path: Path) -> ModuleType:
    """Return a file as a module. The file is executed once, and again after it has changed."""
    for found in _watchers:
        found.add(path)
    try:
        version = file_version(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    with lock:  # else two threads could each get a module, with classes of their own
        return _execute(path, version)


@lru_cache(maxsize=256)
def _execute(path: Path, version: tuple[int, ...]) -> ModuleType:
    name = f"dendrosim_file_{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise DataError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with blame_file(path, name=True):
        # The loader is not used, because its bytecode cache compares times in whole seconds and would miss a
        # second change within the same second.
        code = compile(read_source(path), str(path), "exec", dont_inherit=True)
        sys.modules[name] = module  # dataclasses look up the module of a class here
        exec(code, vars(module))
    return module


def check_returned(path: Path, function: str, returned: Any, expected: type) -> None:
    """Raise SpecError unless the function of a file returned a value of the expected type."""
    if not isinstance(returned, expected):
        given, wanted = type(returned).__name__, expected.__name__
        raise SpecError(f"{path}: {function}() returned a {given}; it must return a {wanted}")


@contextmanager
def blame_file(path: Path, *, name: bool = False) -> Iterator[None]:
    """Turn any error that a file causes into a SpecError that names the file and the line.

    Errors of dendrosim itself pass unchanged. With `name`, a SpecError gets the path in front of its message.
    """
    try:
        yield
    except SyntaxError as error:
        raise SpecError(f"{path}, line {error.lineno}: {error.msg}") from error
    except SpecError as error:
        if name and type(error) is SpecError and str(path) not in str(error):
            raise SpecError(f"{path}: {error}") from error
        raise
    except (DendrosimError, MemoryError, KeyboardInterrupt):
        raise
    except (
        BaseException
    ) as error:  # a file may also end the interpreter, or raise what nobody catches
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)
        ]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        raise SpecError(f"{where}: {type(error).__name__}: {error}") from error
