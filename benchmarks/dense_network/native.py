"""Shared libraries from C++ files of this folder, with the compiler flags and the BLAS of dendrosim."""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from dendrosim.engine.cpp.toolchain import FLAGS, blas_folder
from dendrosim.engine.standalone.host_compiler import find_compiler


def library(name: str) -> ctypes.CDLL:
    """Load a source file as a library; it is compiled once per version of the file."""
    source, blas = Path(__file__).with_name(name), blas_folder()
    key = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"dendrosim-bench-{os.getuid()}-{key}.so"
    if not made.exists():
        part = made.with_suffix(f".{os.getpid()}")
        command = [
            find_compiler(),
            *FLAGS,
            "-fopenmp-simd",
            "-shared",
            "-fPIC",
            str(source),
            "-o",
            str(part),
        ]
        command += [f"-I{blas / 'include'}", f"-L{blas / 'lib'}", "-lscipy_openblas"]
        subprocess.run([*command, f"-Wl,-rpath,{blas / 'lib'}"], check=True)
        part.rename(made)
    return ctypes.CDLL(str(made))
