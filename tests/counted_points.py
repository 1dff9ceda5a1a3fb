"""Points of a sweep that are computed in a moment, in a closed form, and that leave a note each time they are."""

import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np

from dendrosim.errors import DendrosimWarning, NonFiniteError
from dendrosim.study.point import Measured
from dendrosim.study.record import RecordedArray
from dendrosim.units import quantity

NOTES, SECONDS, DEADLY = "COUNTED_POINTS", "SECONDS_OF_A_POINT", "DEADLY_LEVEL"
"""Environment variables: the folder for notes, the time that a point takes, and a level at which processes die."""

WORKER = (
    "import sys; sys.path.insert(0, {tests!r}); import counted_points; counted_points.replace_points(); "
    "from dendrosim.study.local_worker import main; main()"
)
"""Program of a process that computes such points."""


def measure_point(loaded, parameters, seed, settings, recordings=()):
    """Return level + 100 seed, and tau; levels below 0 diverge, and above 100 fail; 77 warns."""
    level = parameters.get("level", 1.0)
    tau = quantity(parameters.get("tau", "20 ms")).value
    if NOTES in os.environ:
        place = Path(os.environ[NOTES]) / f"{level}_{tau}_{seed}_{os.getpid()}_{time.time_ns()}"
        place.touch()
    time.sleep(float(os.environ.get(SECONDS, 0)))
    if DEADLY in os.environ and level == float(os.environ[DEADLY]):
        os.kill(os.getpid(), signal.SIGKILL)
    if level == 77:
        warnings.warn("level is 77", DendrosimWarning, stacklevel=2)
    if level < 0:
        raise NonFiniteError("v of unit became infinite", variable="unit.v")
    if level > 100:
        raise ZeroDivisionError("level is too large")
    times = np.arange(3) * 1e-3
    kept = {
        n: RecordedArray(("time", "unit"), times, np.outer(times, [level, seed]), "V")
        for n in recordings
    }
    return Measured({"sum": level + 100.0 * seed, "tau": tau}, {"tau": "s"}, kept, 0.0)


def replace_points():
    """Compute such points in this process, and in those that it starts."""
    from dendrosim.study import local_jobs, worker

    worker.measure_point = measure_point
    local_jobs._START = WORKER.format(tests=str(Path(__file__).parent))
