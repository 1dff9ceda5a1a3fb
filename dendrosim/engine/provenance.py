"""Provenance of a result: parameters, seed, versions, platform, commit, times."""

import datetime
import platform
import subprocess
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from dendrosim.engine.backend import Backend
from dendrosim.engine.task import Outcome, Task
from dendrosim.machine.packages import package_version

_PACKAGES = ("dendrosim", "brian2", "numpy", "scipy", "xarray", "h5netcdf", "scipy-openblas32")


def provenance(task: Task, outcome: Outcome, backend: Backend) -> dict[str, Any]:
    """Return the data that are kept with a result in addition to circuit and protocol."""
    return {
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
        "git": _commit(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@cache
def _commit() -> str | None:
    """Return the commit of the git checkout that contains dendrosim, or None if there is no checkout.

    `+changes` is appended if files differ from the commit. The checkout is looked at once, because a process
    keeps the code that it has imported.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+changes" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    # With optional locks, `git status` would write what it has found into the repository.
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=5, check=True
    )
    return done.stdout.strip()
