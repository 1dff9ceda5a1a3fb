"""A hash of the source files on which stored work depends: compiled programs, passed checks, interrupted runs."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from dendrosim.machine.packages import package_version

PACKAGE = Path(__file__).parents[1]
SUFFIXES = (".py", ".h", ".cpp", ".cu", ".cuh")

GENERATED_CODE = (
    "arrays", "checks", "circuit", "discovery", "engine", "equations", "protocol", "signals", "spec", "streams",
    "units",
)  # fmt: skip
"""Folders and files of the package that decide which code is generated and which numbers it computes."""

PACKAGES = ("brian2", "numpy", "sympy", "scipy-openblas32")
"""Packages whose versions decide which code is generated and which numbers it computes."""


@lru_cache
def code_digest(parts: tuple[str, ...] = GENERATED_CODE) -> str:
    """Return a hash of some parts of the package and of the versions of `PACKAGES`.

    The hash depends on the content of the files and on their paths inside the package, so it is the same wherever
    the package is installed.

    Parameters
    ----------
    parts : tuple of str
        Names of folders or, without their suffix, of files at the top of the package.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in sources(parts):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for package in PACKAGES:
        digest.update(f"{package} {package_version(package)}\n".encode())
    return digest.hexdigest()


def sources(parts: Iterable[str]) -> list[Path]:
    """Return the source files of some parts of the package in a fixed order."""
    found: list[Path] = []
    for part in sorted(parts):
        file = PACKAGE / f"{part}.py"
        inside = [file] if file.is_file() else sorted((PACKAGE / part).rglob("*"))
        found += [path for path in inside if path.suffix in SUFFIXES]
    return found
