"""Imports packages that only some users need, and says which extra installs a missing one."""

from importlib import import_module
from typing import Any

from dendrosim.errors import ExtraMissingError


def import_extra(package: str, extra: str) -> Any:
    """Return a package that an extra of dendrosim installs.

    Raises
    ------
    ExtraMissingError
        If the package cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise ExtraMissingError(
            f"this needs the package {package.partition('.')[0]!r}, which cannot be imported ({error}): install "
            f"it with pip install 'dendrosim[{extra}]'"
        ) from error
