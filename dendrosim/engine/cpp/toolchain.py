"""The C++ compiler, its flags, and the BLAS that programs are linked to."""

import hashlib
import os
import shutil
import subprocess
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from dendrosim.errors import BackendMissingError, CompilationError

FLAGS = ["-std=c++17", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-w"]


def compiler() -> str:
    """Return the C++ compiler: `CXX` if set, else the first of g++, c++, clang++ on the path.

    Raises
    ------
    BackendMissingError
        If there is none.
    """
    if own := os.environ.get("CXX"):
        found = shutil.which(own.split()[0])
        if found is None:
            raise BackendMissingError(
                f"the compiler named by CXX, {own!r}, is not there; unset CXX or correct it"
            )
        return found
    for name in ("g++", "c++", "clang++"):
        if found := shutil.which(name):
            return found
    raise BackendMissingError(
        "back end cpp needs a C++ compiler and there is none; install one "
        "(Debian: apt install g++), or use --backend numpy"
    )


def blas_folder() -> Path:
    """Return the folder of the scipy-openblas32 package; raises BackendMissingError if it is missing."""
    spec = find_spec("scipy_openblas32")
    if spec is None or spec.origin is None:
        raise BackendMissingError(
            "back end cpp needs the package scipy-openblas32; install it with pip, or use --backend numpy"
        )
    return Path(spec.origin).parent


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return a hash of compiler, flags, processor and BLAS: what decides whether a binary can be used."""
    parts = [compiler(), os.environ.get("CXX", ""), *FLAGS, str(blas_folder()), _processor()]
    stat = Path(compiler()).resolve().stat()
    parts += [str(Path(compiler()).resolve()), str(stat.st_size), str(stat.st_mtime_ns)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def compile_program(folder: Path) -> None:
    """Compile `program.cpp` in a folder to `program`.

    Raises
    ------
    CompilationError
        With the compiler's first lines; the whole output is kept in `compiler.log`.
    """
    blas = blas_folder()
    command = [
        compiler(), *os.environ.get("CXX", "").split()[1:], *FLAGS, "-I.", f"-I{blas / 'include'}",
        "program.cpp", "-o", "program", f"-L{blas / 'lib'}", "-lscipy_openblas",
        f"-Wl,-rpath,{blas / 'lib'}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        (folder / "compiler.log").write_text(" ".join(command) + "\n" + done.stderr)
        errors = [line for line in done.stderr.splitlines() if "error" in line][:3]
        raise CompilationError(
            "the generated program did not compile: " + ("; ".join(errors) or done.stderr[:300])
        )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        import platform

        return platform.processor() or platform.machine()
    return next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
