"""The extensions that Brian2 compiles for back end cython; those in the cache are verified before they are loaded.

Brian2 loads any file that has the right name. A file that is damaged, unfinished, of another user or of another
extension would crash the process or compute wrong numbers.
"""

import errno
import functools
import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dendrosim.engine.network.brian_session import CYTHON
from dendrosim.errors import CompilationError
from dendrosim.machine.cache import (
    cache_folder,
    content_hash,
    errors_as_storage_errors,
    hold,
    mark_used,
    read_file,
    writable_folder,
)
from dendrosim.machine.cache_entries import (
    WORK,
    delete_sources_of_extensions,
    make_room,
    size_limit,
)
from dendrosim.machine.remembered import recall, remember
from dendrosim.machine.working_folder import working_folder

_NEEDED = 2**20  # bytes that the compilation of an extension may need at once
_HASH = "hash of an extension"


@contextmanager
def verified_extensions() -> Iterator[list[Path]]:
    """Make Brian2 load only verified extensions; yield a list to which newly compiled ones are added."""
    # Imported here because the rest of this module needs no Brian2.
    from brian2.codegen import cpp_prefs
    from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager

    size_limit()  # refuses a wrong setting before anything is compiled
    delete_sources_of_extensions()
    compiled: list[Path] = []
    load = cython_extension_manager._load_module

    def load_verified(module_path: str, **options: Any) -> Any:
        path = Path(module_path)
        with hold(path):
            if is_whole_extension(path):
                mark_used(path)
                with suppress(ImportError):  # compiled for a newer C library, for instance
                    return load(module_path, **options)
        with errors_as_storage_errors():
            path.unlink(missing_ok=True)
            with _errors_of_compilers(path):
                module = load(module_path, **options)
            if path.exists():
                path.chmod(0o700)
                remember(_HASH, path.name, content_hash(path.name, path.read_bytes()))
                compiled.append(path)
        return module

    cython_extension_manager._load_module = functools.wraps(load)(load_verified)
    test_flag = cpp_prefs._determine_flag_compatibility
    cpp_prefs._determine_flag_compatibility = _accepts_flag
    try:
        yield compiled
    finally:
        del cython_extension_manager._load_module  # so that the method of the class is used again
        cpp_prefs._determine_flag_compatibility = test_flag
        if compiled:
            make_room(*compiled)


def _accepts_flag(compiler: Any, flag: str) -> bool:
    """Return whether a compiler accepts a flag.

    Brian2 tries this in the temporary folder, where a killed process would leave its files for ever.
    """
    failed: Any = importlib.import_module("distutils.errors").CompileError
    with (
        errors_as_storage_errors(),
        working_folder(writable_folder(WORK), "trying-") as (folder, _),
    ):
        source = folder / "flag_test.cpp"
        source.write_text("int main() { return 0; }", "utf-8")
        try:
            compiler.compile([str(source)], output_dir=str(folder), extra_postargs=[flag])
        except failed:
            return False
    return True


@contextmanager
def _errors_of_compilers(path: Path) -> Iterator[None]:
    """If an extension does not compile, raise an error that says what to do; the compiler writes to stderr."""
    failed: Any = importlib.import_module("distutils.errors").CCompilerError
    try:
        yield
    except failed as error:
        if shutil.disk_usage(path.parent).free < _NEEDED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise CompilationError(
            f"the extension {path.name} of back end cython did not compile: {error}; set CC and CXX to a "
            "compiler that works, or use --backend numpy"
        ) from None


def is_whole_extension(path: Path) -> bool:
    """Return whether an extension is the one that was compiled under its name."""
    content = read_file(path)
    return content is not None and recall(_HASH, path.name, str) == content_hash(path.name, content)


def has_extensions() -> bool:
    """Return whether the cache contains any extension."""
    return any(path.suffix in (".so", ".pyd") for path in (cache_folder() / CYTHON).iterdir())
