"""Time of a sweep of 200 points of `tp_student_teacher` by the command, compared with that of its time steps.

The first sweep compiles the program and fills the cache. The second one has other seeds, and is measured: from the
command to its end, with the dataset, the table and the figure. The bound is what the time steps and 20 ms for each
point would take on two processors, with 30 % for what cannot be divided, and 3 s to start.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Table

MU, SEEDS, JOBS = "mu=0.05:0.45:40", 5, (1, 2)
PER_POINT, UNEVEN, START = 0.02, 1.3, 3.0


def measure() -> Table:
    """Return the seconds of the sweep and the bound, for each number of processes."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _sweep(home, home / "cold", "0,1,2,3,4", max(JOBS))
        for jobs in JOBS:
            out = home / f"warm-{jobs}"
            seeds = ",".join(str(10 * jobs + k) for k in range(SEEDS))
            seconds = _sweep(home, out, seeds, jobs)
            count, stepping, inside = _records(out)
            bound = UNEVEN * (stepping + count * PER_POINT) / jobs + START
            beside = 1e3 * (inside - stepping) / count
            rows.append((jobs, count, stepping, inside, beside, seconds, bound))
    return Table(
        "Seconds of a sweep of 200 points",
        (
            "processes",
            "points",
            "time steps",
            "in points",
            "ms per point besides steps",
            "wall",
            "bound",
        ),
        rows,
        "Times of steps and points are sums over all points. The bound is "
        f"{UNEVEN} (time steps + {1e3 * PER_POINT:.0f} ms per point)/processes + {START:.0f} s.",
    )


def _sweep(home: Path, out: Path, seeds: str, jobs: int) -> float:
    """Return the seconds of a sweep from the command to its end."""
    command = [
        sys.executable,
        "-m",
        "dendrosim.cli",
        "sweep",
        "tp_student_teacher",
        "--set",
        "model=single",
    ]
    command += [
        "--set",
        MU,
        "--seeds",
        seeds,
        "--jobs",
        str(jobs),
        "--backend",
        "cpp",
        "--out",
        str(out),
    ]
    begin = time.perf_counter()
    subprocess.run(
        command, check=True, env={**os.environ, "DENDROSIM_CACHE": str(home / "cache")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - begin


def _records(out: Path) -> tuple[int, float, float]:
    """Return the number of points, and the sums of the seconds of their steps and of the points."""
    records = [json.loads(path.read_text()) for path in sorted((out / "points").glob("*.json"))]
    return len(records), sum(r["stepping"] for r in records), sum(r["seconds"] for r in records)
