"""A hash of all code that examples and figures of the site depend on, so that they are run again if it changes."""

import hashlib
from functools import lru_cache
from pathlib import Path

from dendrosim.machine.code_digest import PACKAGES, SUFFIXES
from dendrosim.machine.packages import package_version

ROOT = Path(__file__).parents[2]


@lru_cache
def code_state() -> str:
    """Return a hash of the package, the shipped files and the versions of what they compute with."""
    digest = hashlib.sha256()
    for folder in ("dendrosim", "models", "protocols"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                digest.update(f"{path.relative_to(ROOT)}\n".encode())
                digest.update(path.read_bytes())
    for package in PACKAGES:
        digest.update(f"{package} {package_version(package)}\n".encode())
    return digest.hexdigest()[:32]
