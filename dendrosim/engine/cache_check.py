"""Verification of all entries of the cache, with the tests that each entry must pass before it is used."""

from collections.abc import Callable
from pathlib import Path

from dendrosim.engine.cpp.toolchain import is_whole_object
from dendrosim.engine.network.brian_session import CYTHON
from dendrosim.engine.runtime.extensions import is_whole_extension
from dendrosim.engine.standalone.program import read_manifest
from dendrosim.machine import remembered
from dendrosim.machine.cache_entries import Entry

_IS_WHOLE: dict[str, Callable[[Path], bool]] = {
    "programs": lambda folder: read_manifest(folder) is not None,
    "toolchains": is_whole_object,
    CYTHON: is_whole_extension,
    remembered.FOLDER: remembered.is_whole,
}
"""For each subfolder of the cache, the test of its entries."""


def find_damage(entries: list[Entry]) -> list[Entry]:
    """Return the damaged entries, which a run would not use but make anew."""
    return [e for e in entries if not _IS_WHOLE[e.folder](e.path) and e.path.exists()]
