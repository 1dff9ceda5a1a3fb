"""What works on this machine and why not."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dendrosim.cache import package_version, writable_folder
from dendrosim.errors import DendrosimError


@dataclass(frozen=True)
class Check:
    """One line of the report; `hint` says what to do if it is not `ok`."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def report() -> list[Check]:
    """Try everything that a run may need."""
    return [
        Check(
            "Python",
            (3, 11) <= sys.version_info[:2] <= (3, 13),
            platform.python_version(),
            "use 3.11 to 3.13",
        ),
        *(_package(p) for p in ("brian2", "numpy", "scipy", "xarray", "h5netcdf", "matplotlib")),
        _tried("C++ compiler", _compiler),
        _tried("BLAS for compiled programs", _blas),
        _tried("C++ program with BLAS", _program),
        _tried("cython back end", _cython),
        _cuda(),
        _tried("cache", lambda: str(writable_folder())),
    ]


def _package(name: str) -> Check:
    found = package_version(name)
    return Check(name, bool(found), found or "not installed", f"pip install {name}")


def _tried(name: str, what: Callable[[], str]) -> Check:
    try:
        return Check(name, True, what())
    except DendrosimError as error:
        detail, _, hint = str(error).partition("; ")
        return Check(name, False, detail, hint)


def _compiler() -> str:
    from dendrosim.engine.cpp.toolchain import compiler

    return compiler()


def _blas() -> str:
    from dendrosim.engine.cpp.toolchain import blas_folder

    return f"scipy-openblas32 {package_version('scipy-openblas32')} in {blas_folder()}"


def _program() -> str:
    """Compile and run a program of three lines with the real flags."""
    import subprocess

    from dendrosim.engine.cpp.toolchain import FLAGS, compile_program
    from dendrosim.errors import CompilationError

    source = (
        "#include <cblas.h>\n#include <cstdio>\nint main() { double x[2] = {3, 4}; "
        'std::printf("%g", scipy_cblas_dnrm2(2, x, 1)); }\n'
    )
    with tempfile.TemporaryDirectory(prefix="dendrosim-doctor-") as name:
        folder = Path(name)
        (folder / "program.cpp").write_text(source)
        compile_program(folder)
        done = subprocess.run(
            [str(folder / "program")], capture_output=True, text=True, check=False
        )
        if done.stdout != "5":
            raise CompilationError(
                f"a test program printed {done.stdout!r} instead of 5; check CXX"
            )
    return "compiles, links and runs with " + " ".join(FLAGS)


def _cython() -> str:
    from dendrosim.engine.cpp.toolchain import compiler

    found = package_version("cython")
    compiler()
    return f"Cython {found}"


def _cuda() -> Check:
    nvcc = shutil.which("nvcc")
    return Check(
        "CUDA",
        True,
        f"not part of this version ({'nvcc is at ' + nvcc if nvcc else 'no nvcc found'})",
    )
