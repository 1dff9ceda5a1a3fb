"""Programs for the GPU compiled by the C++ compiler against stand-ins for CUDA, cuBLAS, cuRAND and thrust.

Everything that is generated runs, kernel by kernel and thread by thread, so that its arithmetic, indices, strides
and order can be tested without a GPU. What this cannot show: races between threads, speed, and the libraries
themselves. Brian2CUDA has to be installed.
"""

import hashlib
import re
import subprocess
from pathlib import Path

from dendrosim.engine.cuda.backend import Cuda
from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.errors import CompilationError

HERE = Path(__file__).parent
_LAUNCH = re.compile(r"([\w:]+(?:<\w+>)?)\s*<<<(.*?)>>>\s*\(", re.S)


def rewritten(code: str) -> str:
    """Return CUDA code with every launch of a kernel as a call of `ds_launch`."""
    while found := _LAUNCH.search(code):
        kernel, (grid, block) = found[1], _halves(found[2])
        end = _closing(code, found.end() - 1)
        call = f"ds_launch({grid}, {block}, [&] {{ {kernel}({code[found.end() : end]}); }})"
        code = code[: found.start()] + call + code[end + 1 :]
    return code


def _halves(text: str) -> tuple[str, str]:
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            return text[:place], text[place + 1 :]
    raise ValueError(text)


def _closing(code: str, start: int) -> int:
    depth = 0
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if not depth:
            return place
    raise ValueError(code[start : start + 80])


def compile_program(folder: Path) -> None:
    """Compile `program.cu` in a folder to `program`, by the C++ compiler."""
    for pattern in ("*.cu", "*.cuh", "*.h"):
        for path in folder.rglob(pattern):
            path.write_text(rewritten(path.read_text()))
    command = [
        find_compiler(), "-std=c++17", "-O1", "-w", "-fpermissive", "-DNDEBUG", f"-I{HERE}", "-I.",
        "-x", "c++", "program.cu", "-o", "program",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompilationError(done.stderr[:4000])


class StandIn(Cuda):
    """The back end `cuda` where there is no GPU, compiled and run on the host."""

    def check(self, run=True):
        return

    def build(self, folder):
        compile_program(folder)

    def fingerprint(self):
        """As for the GPU, but of the stand-ins too."""
        files = sorted(path for path in HERE.rglob("*") if path.is_file() and path.suffix != ".pyc")
        own = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        return {**super().fingerprint(), "stand-in": own}
