"""Versions of installed packages."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache  # each run keeps ten versions, and reading one from disk takes as long as a short simulation
def package_version(name: str) -> str:
    """Return the installed version of a package, or an empty text if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def own_version() -> str:
    """Return the version of dendrosim, or `0+unknown` if it is not installed."""
    return package_version("dendrosim") or "0+unknown"
