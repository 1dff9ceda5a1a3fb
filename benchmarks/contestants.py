"""Contestants of a benchmark; each has its own process, which answers lines on its standard input."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMBA")
"""Libraries that read their number of threads from a variable such as OMP_NUM_THREADS."""


class Contestant:
    """The process of a contestant.

    Parameters
    ----------
    package : str
        Package in `benchmarks` whose module `worker` is run.
    name : str
        Module of the contestant in that package.
    arguments : sequence
        Arguments of the worker between the name and the number of threads; see its docstring.
    threads : int
        Number of threads that the contestant and its libraries may use.
    folder : path
        Folder for its arrays, in `NAME.npz`, and for its error output.
    python : str
        Python of the environment in which it runs.
    """

    def __init__(
        self, package: str, name: str, arguments: Sequence[object], threads: int, folder: Path,
        python: str = sys.executable,
    ) -> None:  # fmt: skip
        self.file, self.said = folder / f"{name}.npz", folder / name
        limited = {f"{library}_NUM_THREADS": str(threads) for library in LIBRARIES}
        command = [python, "-m", f"benchmarks.{package}.worker", name]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments), str(threads)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said.open("w"),
            env={**os.environ, **limited, "CONTESTANT_FOLDER": str(folder)},
        )  # fmt: skip
        self.ready = self._answer()
        self.missing = self.ready[0] != "ready"

    def seconds(self, wanted: int) -> float:
        """Request a run, and return its seconds; `wanted` is a number of steps or a seed."""
        return float(self.answer(wanted)[0])

    def answer(self, wanted: int) -> list[str]:
        """Request a run, and return the words with which the process answers."""
        assert self.process.stdin is not None
        print(wanted, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> list[str]:
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        if not words:
            raise RuntimeError(f"{self.said.name} stopped: {self.said.read_text()}")
        return words
