"""Where the numbers of a run come from: files of models, parameters that differ from defaults, the start state."""

import shlex
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.engine.settings import SEED
from dendrosim.errors import DendrosimError
from dendrosim.library.catalogue import Entry, file_version
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.parameter_types import to_text
from dendrosim.library.stored_names import find_stored_entry
from dendrosim.library.used_files import file_digest, used_files
from dendrosim.machine.file_paths import whole_text
from dendrosim.machine.git import file_commit
from dendrosim.protocol.protocol import Protocol

if TYPE_CHECKING:
    from dendrosim.results.result import Result

_OF_START = ("protocol", "seed", "backend", "finished")
"""What is kept of the result from whose final state a run starts."""


def describe_origin(protocol: Protocol, initial: "Result | None" = None) -> dict[str, Any]:
    """Return what the provenance of a run has of its protocol's files and of its start state.

    Parameters
    ----------
    protocol : Protocol
        The protocol.
    initial : Result, optional
        The result from whose final state the run starts.

    Returns
    -------
    dict
        `files`: for each file, the one of the protocol first, its path, the hash of its content (`sha256`) and the
        last commit that changed it (None if git does not know it). `changed`: the parameters that differ from
        their defaults. `initial`, if given: protocol, seed, back end and end of that run. If the protocol has no
        name, or its file is not at hand, there are no files, and all parameters count as changed.
    """
    start = {}
    if initial is not None:
        # What is no result is refused by the run, which says more.
        known = getattr(initial, "provenance", {})
        start = {"initial": {name: known.get(name) for name in _OF_START}}
    try:
        entry = find_stored_entry(protocol.name) if protocol.name else None
    except DendrosimError:
        entry = None
    if entry is None:
        return {"changed": dict(protocol.parameters), "files": [], **start}
    files = [describe_file(path) for path in used_files(protocol, entry)]
    return {"changed": changed_parameters(entry, protocol.parameters), "files": files, **start}


def describe_file(path: Path) -> dict[str, str | None]:
    """Return path, hash and last commit of a file."""
    digest = file_digest(path)
    commit = None if digest is None else file_commit(path, digest)
    return {"path": whole_text(path), "sha256": digest, "commit": commit}


def changed_parameters(entry: Entry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that differ from their defaults."""
    defaults = _defaults(entry, file_version(entry.path))
    return {
        name: value
        for name, value in parameters.items()
        if name not in defaults or to_text(value) != defaults[name]
    }


@lru_cache(maxsize=256)
def _defaults(entry: Entry, version: tuple[int, ...]) -> dict[str, str]:
    """Return the defaults of a file's parameters as texts, which are the same for lists and tuples."""
    return {p.name: to_text(p.default) for p in parameters_of_file(entry) if not p.required}


def repeat_command(provenance: Mapping[str, Any]) -> str:
    """Return the command that repeats a run; empty if its protocol has no name.

    A run that started from the final state of another one also needs `--initial` with the file of that result.
    """
    name = provenance.get("protocol")
    if not name:
        return ""
    words = ["dendrosim", "run", str(name)]
    changed = provenance.get("changed", provenance.get("parameters", {}))
    for key, value in changed.items():
        if key != SEED:
            words += ["--set", f"{key}={to_text(value)}"]
    for option in ("seed", "backend", "threads", "precision", "batch"):
        if provenance.get(option) is not None:
            words += [f"--{option}", str(provenance[option])]
    if "initial" in provenance or "continued" in provenance:
        words += ["--initial", "RESULT.nc"]
    if "continued" in provenance:
        words.append("--continue-clock")
    if provenance.get("check_end"):
        words.append("--check-end")
    return shlex.join(words)
