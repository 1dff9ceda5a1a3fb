"""The command `dendrosim doctor`: what works on this machine, and why the rest does not."""

import platform
import sys

from dendrosim.cli.console import emit_table
from dendrosim.engine.backend import Diagnosis, diagnose
from dendrosim.engine.backends import backends
from dendrosim.machine.cache import writable_folder
from dendrosim.machine.packages import package_version

_PACKAGES = ("brian2", "numpy", "scipy", "xarray", "h5netcdf", "matplotlib")


def doctor() -> None:
    """Report what works on this machine, and why the rest does not."""
    rows = [
        ("yes" if d.ok else "no", d.name, d.detail, "" if d.ok else d.hint) for d in diagnoses()
    ]
    emit_table(("works", "what", "details", "what to do"), rows)


def diagnoses() -> list[Diagnosis]:
    """Try everything that a run may need, and return the outcomes."""
    version = platform.python_version()
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return [
        Diagnosis("Python", supported, version, "use 3.11 to 3.13"),
        *(_package(name) for name in _PACKAGES),
        *(line for backend in backends().values() for line in backend.diagnoses()),
        diagnose("cache", lambda: str(writable_folder())),
    ]


def _package(name: str) -> Diagnosis:
    found = package_version(name)
    return Diagnosis(name, bool(found), found or "not installed", f"pip install {name}")
