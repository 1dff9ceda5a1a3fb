"""Compiles a source of this folder as a library, for several instruction sets."""

import ctypes
import os
import platform
import subprocess

import pytest

from dendrosim.engine.cpp import toolchain
from dendrosim.engine.standalone.host_compiler import find_compiler

NARROWER = {
    "native": [],
    "256 bits": ["-mno-avx512f"],
    "none": ["-mno-avx512f", "-mno-avx2", "-mno-fma"],
}
INSTRUCTIONS = [
    "native",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("256 bits", "none")),
]
TOLERANCE = {"double": 1e-13, "single": 2e-5}


def compile_library(source, instructions, folder):
    """Compile `source` for one of the instruction sets of `NARROWER` and load it."""
    narrower = NARROWER[instructions]
    if narrower and platform.machine() != "x86_64":
        pytest.skip("instruction sets of another processor")
    blas, headers = toolchain.blas_folder(), toolchain.SOURCES
    command = [find_compiler(), *os.environ.get("CXX", "").split()[1:]]
    flags = [*toolchain.FLAGS, *narrower, "-fPIC", "-fvisibility=hidden"]
    flags += [*(f"-I{h}" for h in headers), f"-I{blas / 'include'}"]
    subprocess.run([*command, *flags, "-c", source, "-o", folder / "kernels.o"], check=True)
    # Linked without -ffast-math, which would take subnormal numbers from all of Python.
    link = [
        "-shared",
        "-lpthread",
        f"-L{blas / 'lib'}",
        "-lscipy_openblas",
        f"-Wl,-rpath,{blas / 'lib'}",
    ]
    made = folder / "kernels.so"
    subprocess.run([*command, folder / "kernels.o", *link, "-o", made], check=True)
    return ctypes.CDLL(str(made))
