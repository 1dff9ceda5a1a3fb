"""The C++ compiler, its flags, and the BLAS with which programs are linked."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.errors import BackendMissingError, CompilationError, DendrosimError, StorageError
from dendrosim.machine.cache import (
    content_hash,
    errors_as_storage_errors,
    hold,
    lock_file,
    mark_used,
    read_file,
    writable_folder,
)
from dendrosim.machine.cache_entries import WORK, delete
from dendrosim.machine.code_digest import code_digest
from dendrosim.machine.interrupts import delay_interrupts
from dendrosim.machine.packages import package_version
from dendrosim.machine.remembered import recall, remember
from dendrosim.machine.working_folder import working_folder

# -ffast-math is needed to vectorise loops over cells, but two of its parts are switched off. Numbers that are not
# finite must keep their values, because the guard must find them to stop a run; and terms must be added in the
# order in which they are written, because functions.h and normals.h depend on this order. Programs treat numbers
# below 1e-308 as 0.
FLAGS = [
    "-std=c++17", "-O3", "-ffast-math", "-fno-finite-math-only", "-fno-associative-math", "-march=native", "-w",
]  # fmt: skip
SOURCES = (Path(__file__).parent / "source", Path(__file__).parents[1] / "standalone" / "source")
"""Folders of the sources that all programs share; those that are compiled only once are in the first folder."""

_UNITS = {"steps": [], "program": ["-O1"], "runtime": ["-O1"], "kernels": []}
"""For each source, its further compiler options. Code that runs only once is hardly optimised, to save time."""

BLAS = "scipy-openblas32"
"""Package that contains the BLAS with which programs are linked."""

_TEST = """#include <cblas.h>
#include <cstdio>
int main() { double x[2] = {3, 4}; std::printf("%g", scipy_cblas_dnrm2(2, x, 1)); }
"""
_KERNELS = """#include "dense.h"
#include <cstdio>
int main()
{
    std::printf("%s", ds::kernels);
    if (ds::tiles)
        std::printf(" for up to %d samples; BLAS for more, and for transposed products of one",
            (int)ds::most_samples);
}
"""
_WORKS = "compiled test program works"
_INSTEAD = "set CXX to a compiler that works, or use --backend numpy"


def blas_folder() -> Path:
    """Return the folder of the scipy-openblas32 package, or raise BackendMissingError if it is missing."""
    spec = find_spec("scipy_openblas32")
    if spec is None or spec.origin is None:
        raise BackendMissingError(
            "back end cpp needs the package scipy-openblas32; install it with pip, or use --backend numpy"
        )
    return Path(spec.origin).parent


def fingerprint() -> dict[str, str]:
    """Return, by name, what decides whether a compiled program can be used and which numbers it computes."""
    path = Path(find_compiler()).resolve()
    stat = path.stat()
    return {
        "compiler": f"{find_compiler()} {path} {stat.st_size} {stat.st_mtime_ns}",
        "compiler flags": " ".join([*FLAGS, *os.environ.get("CXX", "").split()[1:]]),
        "processor": _processor(),
        # The folder of the BLAS is left out: a program runs with the same version in any virtual environment.
        "BLAS": f"{BLAS} {package_version(BLAS)}",
    }


def environment() -> dict[str, str]:
    """Return the environment variables by which a program finds the BLAS of this virtual environment.

    The program itself contains the folder of the BLAS with which it was linked, but this may have been deleted.
    """
    others = os.environ.get("LD_LIBRARY_PATH")
    folders = [str(blas_folder() / "lib"), *([others] if others else [])]
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _digest(*more: str) -> str:
    """Return a hash of the fingerprint and of further texts, short enough for the name of a file."""
    text = json.dumps([fingerprint(), *more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_toolchain() -> None:
    """Raise an error unless programs can be compiled and run on this machine; a success is stored in the cache.

    Raises
    ------
    BackendMissingError
        If programs cannot be compiled or run; the message says why.
    StorageError
        If the cache folder cannot be written.
    """
    key = _digest()
    if recall(_WORKS, key, bool):
        return
    with lock_file(key):
        if not recall(_WORKS, key, bool):
            try_out()
            remember(_WORKS, key, True)


def try_out() -> None:
    """Compile and run a program of three lines with `FLAGS`; its errors are those of `check_toolchain`."""
    done = _compile_and_run(_TEST)
    if done.stdout != "5":
        raise BackendMissingError(
            f"programs of the C++ compiler {find_compiler()} do not work: a test program ended with code "
            f"{done.returncode} and printed {done.stdout!r} instead of '5' {done.stderr[:300]}; {_INSTEAD}"
        )


def describe_kernels() -> str:
    """Return how programs multiply matrices on this machine; errors are those of `check_toolchain`."""
    return _compile_and_run(_KERNELS).stdout


def _compile_and_run(source: str) -> subprocess.CompletedProcess[str]:
    home = writable_folder(WORK)  # the test is about the cache, where programs will run
    with errors_as_storage_errors(), working_folder(home, "trying-") as (folder, _):
        (folder / "program.cpp").write_text(source, "utf-8")
        try:
            compile_program(folder)
            return subprocess.run(
                [folder / "program"], capture_output=True, text=True, errors="replace", check=False
            )
        except CompilationError as error:
            raise BackendMissingError(
                f"the C++ compiler {find_compiler()} does not work: {error}; {_INSTEAD}"
            ) from None
        except OSError as error:
            raise BackendMissingError(
                f"programs of the C++ compiler {find_compiler()} do not start: "
                f"{error.strerror or error}; {_INSTEAD}"
            ) from None


def shared_object(source: str, real: str = "") -> Path:
    """Return the path of the compiled `runtime.cpp` or `kernels.cpp`, which the cache keeps for all programs.

    Parameters
    ----------
    source : {"runtime", "kernels"}
        The source to compile.
    real : {"float", "double"}, optional
        Type of numbers for which `kernels.cpp` is compiled.

    Raises
    ------
    CompilationError
        If the compiler fails; the message has its first errors.
    StorageError
        If the cache folder cannot be written.
    """
    with ExitStack() as compilers:
        return _start_shared_object(source, real, compilers)()


def _start_shared_object(source: str, real: str, compilers: ExitStack) -> Callable[[], Path]:
    """Start to compile a shared object unless the cache has it; return a function that waits for the end."""
    key = f"{source}{real and '-'}{real}-{_digest(code_digest())}"
    home = writable_folder("toolchains")
    for path in sorted(home.glob(f"{key}.*.o")):
        with ExitStack() as held:
            if held.enter_context(hold(path)) and is_whole_object(path):
                mark_used(path)
                compilers.enter_context(held.pop_all())
                return lambda: path
        delete(path)  # damaged
    with errors_as_storage_errors():
        folder, _ = compilers.enter_context(working_folder(writable_folder(WORK), "making-"))
    compiled = folder / f"{source}.o"
    defined = [f"-DDS_REAL={real}"] if real else []
    unit = str(SOURCES[0] / f"{source}.cpp")
    command = [*_compile_command(), *_UNITS[source], *defined, unit, "-o", compiled.name]
    process = _start(command, folder, compilers)

    def wait() -> Path:
        _finish(process, folder)
        _check_exists(compiled)
        with errors_as_storage_errors():
            compiled.chmod(0o600)
            path = home / f"{key}.{_object_hash(key, compiled.read_bytes())}.o"
            compiled.replace(path)
        compilers.enter_context(hold(path))
        return path

    return wait


def is_whole_object(path: Path) -> bool:
    """Return whether a shared object is undamaged: its name ends with a hash of its key and of its content."""
    key, digest = path.name.removesuffix(".o").rsplit(".", 1)
    content = read_file(path)
    return content is not None and digest == _object_hash(key, content)


def _object_hash(key: str, content: bytes) -> str:
    return content_hash(key, content)[:32]


_ahead = threading.local()
"""`runtime`: the function that waits until `runtime.cpp` is compiled ahead; each thread has its own compiler."""


@contextmanager
def compile_ahead() -> Iterator[None]:
    """Compile `runtime.cpp`, unless the cache has it, while the body runs.

    In the first run on a machine, this is half of all compilation, and another processor loads Brian2 at the same
    time. Otherwise the first figure of `dendrosim run fi_curve` would take 3.8 s instead of 2.9 s (two processors,
    empty cache).
    """
    with ExitStack() as compilers:
        with suppress(DendrosimError):  # the first program that needs the file reports the error
            _ahead.runtime = _start_shared_object("runtime", "", compilers)
        try:
            yield
        finally:
            _ahead.runtime = None


def compile_program(folder: Path, kernels: str | None = None) -> None:
    """Compile `program.cpp` in a folder, and in parallel `steps.cpp` if it exists, and link them to `program`.

    Parameters
    ----------
    folder : Path
        Folder of the sources.
    kernels : {"float", "double"}, optional
        Type of numbers of the compiled `kernels.cpp` that is linked with them.

    Raises
    ------
    CompilationError
        If the compiler fails; the message has its first errors.
    """
    units = [unit for unit in ("steps", "program") if (folder / f"{unit}.cpp").exists()]
    with ExitStack() as compilers:
        own = [
            _start([*_compile_command(), *_UNITS[u], f"{u}.cpp", "-o", f"{u}.o"], folder, compilers)
            for u in units
        ]
        waits = [_start_shared_object("kernels", kernels, compilers)] if kernels else []
        if "steps" in units:
            ahead, _ahead.runtime = getattr(_ahead, "runtime", None), None
            waits.append(ahead or _start_shared_object("runtime", "", compilers))
        for process in own:
            _finish(process, folder)
        objects = [*(f"{u}.o" for u in units), *(str(wait()) for wait in waits)]
    library = blas_folder() / "lib"
    # With new dynamic tags (RUNPATH), LD_LIBRARY_PATH is searched before the folder that is named in the program;
    # with old tags (RPATH) it would be searched after that folder.
    where = [f"-L{library}", "-lscipy_openblas", f"-Wl,-rpath,{library}", "-Wl,--enable-new-dtags"]
    _call([*_compiler_command(), *objects, "-o", "program", *where], folder)
    _check_exists(folder / "program")
    for unit in units:
        (folder / f"{unit}.o").unlink(missing_ok=True)


def _compiler_command() -> list[str]:
    return [
        find_compiler(),
        *FLAGS,
        *os.environ.get("CXX", "").split()[1:],
    ]  # options in CXX come last, so they override ours


def _compile_command() -> list[str]:
    folders = (*SOURCES, blas_folder() / "include")
    return [*_compiler_command(), "-I.", *(f"-I{folder}" for folder in folders), "-c"]


def _call(command: list[str], folder: Path) -> None:
    """Run a compiler in a folder; if it fails, raise CompilationError with its first errors."""
    with ExitStack() as compilers:
        _finish(_start(command, folder, compilers), folder)


def _start(command: list[str], folder: Path, compilers: ExitStack) -> subprocess.Popen[str]:
    """Start a compiler in a folder, to which it also writes its temporary files.

    If the compiler still runs when the exit stack closes, as after an interrupt, it is killed with the processes
    that it has started: g++ only starts others, which would keep its output open until they end.
    """
    try:
        with (
            delay_interrupts()
        ):  # one between these statements would leave a compiler that nothing ends
            process = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                errors="replace", process_group=0, env={**os.environ, "TMPDIR": str(folder)},
            )  # fmt: skip
            compilers.callback(_end, process)
    except OSError as error:
        raise CompilationError(
            f"{command[0]} cannot be started: {error.strerror or error}"
        ) from None
    return process


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _finish(process: subprocess.Popen[str], folder: Path) -> None:
    _, stderr = process.communicate()
    if process.returncode:
        if os.strerror(errno.ENOSPC) in stderr:
            raise StorageError(
                f"cannot write the program cache {folder}: {os.strerror(errno.ENOSPC)}; make room there, or set "
                "DENDROSIM_CACHE to a roomier folder"
            )
        errors = [line for line in stderr.splitlines() if "error" in line][:3]
        said = "; ".join(errors) or stderr.strip()[:300] or "it gave no message"
        raise CompilationError(
            f"the program did not compile: {find_compiler()} ended with code {process.returncode}: {said}"
        )


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise CompilationError(
            f"the program did not compile: {find_compiler()} ended without an error but left no {path.name}"
        )


@lru_cache(maxsize=1)
def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        import platform

        return platform.processor() or platform.machine()
    return next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
