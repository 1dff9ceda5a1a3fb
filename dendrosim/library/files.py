"""Files of models and protocols as Python modules, and their failures as errors that name file and line."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dendrosim.errors import DataError, DendrosimError, SpecError
from dendrosim.library.catalogue import FUNCTIONS, Entry


def file_function(entry: Entry) -> Callable[..., Any]:
    function = getattr(load_module(entry.path), FUNCTIONS[entry.kind], None)
    if not callable(function):
        raise SpecError(f"{entry.path} defines no function {FUNCTIONS[entry.kind]}()")
    return function


def load_module(path: Path) -> ModuleType:
    """Return a file as a module, executed anew if it has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    return _executed(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _executed(path: Path, changed: int, size: int) -> ModuleType:
    name = f"dendrosim_file_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise DataError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with blame_file(path, name=True):
        # Compiled here, as the bytecode cache misses a second change within one second.
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        sys.modules[name] = module  # where dataclasses look up a class's module
        exec(code, vars(module))
    return module


@contextmanager
def blame_file(path: Path, *, name: bool = False) -> Iterator[None]:
    """Turn what a file raises into a SpecError that names the file and line.

    Errors of dendrosim's own pass as they are; `name` puts the file's path in front of spec errors.
    """
    try:
        yield
    except SyntaxError as error:
        raise SpecError(f"{path}, line {error.lineno}: {error.msg}") from error
    except SpecError as error:
        if name and type(error) is SpecError and str(path) not in str(error):
            raise SpecError(f"{path}: {error}") from error
        raise
    except (DendrosimError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)
        ]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        raise SpecError(f"{where}: {type(error).__name__}: {error}") from error
