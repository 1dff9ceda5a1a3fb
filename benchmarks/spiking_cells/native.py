"""Shared libraries from C++ files of benchmarks, with the compiler that dendrosim uses."""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from dendrosim.engine.standalone.host_compiler import find_compiler

FLAGS = ["-std=c++17", "-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-w"]


def library(source: Path) -> ctypes.CDLL:
    """Load a source file as a library; it is compiled once per version of the file and of headers beside it."""
    texts = [path.read_bytes() for path in (source, *sorted(source.parent.glob("*.h")))]
    key = hashlib.sha256(b"".join(texts) + " ".join(FLAGS).encode()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"dendrosim-bench-{os.getuid()}-{key}.so"
    if not made.exists():
        part = made.with_suffix(f".{os.getpid()}")
        unlinked = f"{part}.o"
        subprocess.run(
            [find_compiler(), *FLAGS, "-fPIC", "-c", str(source), "-o", unlinked], check=True
        )
        # Linked without -ffast-math, which would make the whole process flush subnormal numbers to zero.
        subprocess.run([find_compiler(), "-shared", unlinked, "-o", str(part)], check=True)
        os.unlink(unlinked)
        part.rename(made)
    return ctypes.CDLL(str(made))
