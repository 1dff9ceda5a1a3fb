"""How long it takes from typing `dendrosim run` to the first time step, cold and warm.

Cold: an empty cache, so the circuit is checked, generated and compiled. Warm: the same structure with other
parameter values, seed and duration. Beside them, for scale, the time that a bare `import brian2` takes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Table

REPEATS = 5
COMMANDS = {
    "bmvr_gaussian": (
        ["duration=2 s"],
        ["duration=3 s", "eta=0.5 Hz", "tau_ratio=2", "data_seed=5"],
    ),
    "bmvr_digits": (["presentations=50"], ["presentations=60", "eta=10 Hz", "split=3"]),
}


def measure() -> Table:
    """Return seconds to the first step."""
    rows = []
    for protocol, (first, second) in COMMANDS.items():
        cold, warm, bare = [], [], []
        for repeat in range(REPEATS):
            with tempfile.TemporaryDirectory() as folder:
                cold.append(first_step(protocol, first, folder, seed=0))
                warm.append(first_step(protocol, second, folder, seed=repeat + 1))
            bare.append(_import_brian())
        ratio = statistics.median(w / b for w, b in zip(warm, bare, strict=True))
        rows.append((protocol, *(statistics.median(v) for v in (cold, warm, bare)), ratio))
    return Table(
        "Seconds from the command to the first time step",
        ("protocol", "cold", "warm", "import brian2", "warm / import brian2"),
        rows,
        f"Medians of {REPEATS} interleaved repetitions. Warm runs have other parameter values, data, seed and "
        "duration than the run that compiled.",
    )


def first_step(protocol: str, settings: list[str], folder: str, seed: int) -> float:
    """Run a protocol and return the seconds until its first progress line that reports a step."""
    command = [sys.executable, "-m", "dendrosim.cli", "run", protocol, "--seed", str(seed)]
    command += ["--backend", "cpp", "--out", str(Path(folder) / f"out-{seed}")]
    for setting in settings:
        command += ["--set", setting]
    environment = {**os.environ, "DENDROSIM_CACHE": str(Path(folder) / "cache")}
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    taken = float("nan")
    for line in process.stderr:
        if "simulated" in line and taken != taken:
            taken = time.perf_counter() - begin
    if process.wait() != 0:
        raise RuntimeError(f"{' '.join(command)} failed")
    return taken


def _import_brian() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import brian2"], check=True)
    return time.perf_counter() - begin
