"""Provenance of a result: parameters, seed, versions, platform, commit, times."""

import datetime
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dendrosim.engine.backend import Backend
from dendrosim.engine.task import Outcome, Task
from dendrosim.machine.git import checkout_commit
from dendrosim.machine.packages import package_version

_PACKAGES = ("dendrosim", "brian2", "numpy", "scipy", "xarray", "h5netcdf", "scipy-openblas32")


def provenance(task: Task, outcome: Outcome, backend: Backend) -> dict[str, Any]:
    """Return the data that are kept with a result in addition to circuit and protocol."""
    return {
        **task.about,
        "protocol": task.protocol.name,
        "parameters": dict(task.protocol.parameters),
        "method": task.protocol.method,
        **asdict(task.settings),
        **({} if task.carried is None else {"continued": dict(task.carried.origin)}),
        "compiled": outcome.compiled,
        "guarded_every": outcome.guarded_every,
        "seconds": dict(outcome.seconds),
        "versions": {
            "python": platform.python_version(),
            **{p: package_version(p) for p in (*_PACKAGES, *backend.packages)},
        },
        "platform": platform.platform(),
        "git": checkout_commit(Path(__file__).resolve().parents[2]),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
