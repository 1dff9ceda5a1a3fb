"""What works on this machine and why not."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from dendrosim.errors import DendrosimError
from dendrosim.machine.cache import writable_folder
from dendrosim.machine.packages import package_version


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
        _tried("dense products", _kernels),
        _tried("cython back end", _cython),
        *_cuda(),
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
    from dendrosim.engine.cpp.toolchain import FLAGS, try_out

    try_out()
    return "compiles, links and runs with " + " ".join(FLAGS)


def _kernels() -> str:
    from dendrosim.engine.cpp.toolchain import kernels

    return kernels()


def _cython() -> str:
    from dendrosim.engine.cpp.toolchain import compiler

    found = package_version("cython")
    compiler("cython")
    return f"Cython {found}"


def _cuda() -> list[Check]:
    from dendrosim.engine.cuda import toolchain

    def nvcc() -> str:
        major, minor = toolchain.cuda_version()
        return f"CUDA {major}.{minor}, {toolchain.nvcc()}"

    def libraries() -> str:
        return ", ".join(str(toolchain.library(name).file) for name in ("cublas", "curand"))

    def gpu() -> str:
        found = toolchain.gpu()
        return f"{found.name}, compute capability {found.capability}"

    return [
        _tried("CUDA: compiler", nvcc),
        _tried("CUDA: cuBLAS, cuRAND", libraries),
        _tried("CUDA: Brian2CUDA", toolchain.brian2cuda_version),
        _tried("CUDA: GPU", gpu),
    ]
