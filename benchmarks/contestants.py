"""Contestants of a benchmark, each in a process of its own that waits for lines to answer."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BLAS = ("OMP", "OPENBLAS", "MKL", "NUMBA")


class Contestant:
    """A running contestant.

    Parameters
    ----------
    package : str
        Of its module in `benchmarks`; its `worker` is what runs.
    name : str
        Of the module.
    arguments : sequence
        What else the worker is told, as its docstring says, before the number of threads.
    threads : int
        How many it may use, libraries included.
    folder : path
        Where it leaves arrays, in `NAME.npz`, and what it says.
    """

    def __init__(
        self, package: str, name: str, arguments: Sequence[object], threads: int, folder: Path
    ) -> None:
        self.file, self.said = folder / f"{name}.npz", folder / name
        limited = {f"{library}_NUM_THREADS": str(threads) for library in BLAS}
        command = [sys.executable, "-m", f"benchmarks.{package}.worker", name]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments), str(threads)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said.open("w"),
            env={**os.environ, **limited, "CONTESTANT_FOLDER": str(folder)},
        )  # fmt: skip
        self.ready = self._answer()
        self.missing = self.ready[0] != "ready"

    def seconds(self, wanted: int) -> float:
        """Ask for a run, and return how long it took."""
        assert self.process.stdin is not None
        print(wanted, file=self.process.stdin, flush=True)
        return float(self._answer()[0])

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
