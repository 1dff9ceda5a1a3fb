"""Compiled programs. Each has a folder in the cache, and is made once even if several processes ask for it."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dendrosim.circuit.paths import is_variable, path_of
from dendrosim.engine.plan.signal_slots import find_slots
from dendrosim.engine.progress import Progress
from dendrosim.errors import CompilationError
from dendrosim.machine import brian_import as brian
from dendrosim.machine.cache import (
    content_hash,
    errors_as_storage_errors,
    is_safe_folder,
    lock_file,
    mark_used,
    read_file,
    writable_folder,
)
from dendrosim.machine.cache_entries import (
    WORK,
    delete_unfinished_work,
    make_room,
    size_limit,
)
from dendrosim.machine.code_digest import code_digest
from dendrosim.machine.working_folder import working_folder
from dendrosim.protocol.protocol import Protocol

_MAKING = "making-"
_SEAL = "seal"
"""File with the hash of a program, of its manifest and of its key."""


@dataclass(frozen=True)
class Program:
    """A compiled program: its folder, and the manifest of its arrays."""

    folder: Path
    manifest: dict[str, Any]
    compiled: bool
    seconds: dict[str, float]


def describe_structure(protocol: Protocol, precision: str) -> str:
    """Return, as text, what the generated code depends on.

    It does not depend on the values of parameters and inputs, on seeds, or on the run length.
    """
    circuit = protocol.circuit
    signals = {
        path: [
            slot.signal_type.__name__ + slot.expression + (slot.update if slot.random else "")
            for slot in find_slots(protocol, path)
        ]
        for path in (*circuit.inputs, *circuit.gates)
    }
    paths = dict.fromkeys(map(path_of, protocol.recordings_by_name()))
    recorded = [n for n in paths if is_variable(n) and not circuit.is_synaptic(n)]
    spikes = [path_of(name) for name in protocol.recordings_of_spikes()]
    method = protocol.method
    parts = [circuit.structure(), protocol.batch, precision, method, signals, recorded, spikes]
    return json.dumps(parts, sort_keys=True)


def find_or_make(
    protocol: Protocol,
    precision: str,
    fingerprint: Mapping[str, str],
    progress: Progress,
    generate: Callable[[Path], None],
    build: Callable[[Path], None],
) -> Program:
    """Return the program of a protocol from the cache, or make it.

    Parameters
    ----------
    protocol : Protocol
        Protocol that the program computes; only its structure matters.
    precision : {"single", "double"}
        Precision of all floating-point numbers in the program.
    fingerprint : mapping of str
        Everything else that decides whether a cached program can be used.
    progress : Progress
        Reports that the program has to be compiled.
    generate : callable
        Writes the sources and `manifest.json` into a folder.
    build : callable
        Compiles the sources to the file `program` in that folder.

    Raises
    ------
    StorageError
        If the cache folder cannot be written.
    CompilationError
        If the compiler fails.
    """
    text = describe_structure(protocol, precision)
    parts = [text, code_digest(), json.dumps(dict(fingerprint), sort_keys=True)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    size_limit()  # refuses a wrong setting before anything is done
    folder = writable_folder("programs") / key
    delete_unfinished_work()
    begin = time.perf_counter()
    manifest = read_manifest(folder)
    if manifest is None:
        with brian.alone(), lock_file(key):
            manifest = read_manifest(folder)
            if manifest is None:
                progress.compiling()

                def write_sources(work: Path) -> None:
                    generate(work)
                    (work / "structure.json").write_text(text, "utf-8")

                return _make(folder, write_sources, build)
    mark_used(folder)
    return Program(folder, manifest, False, {"build": time.perf_counter() - begin, "compile": 0.0})


def _make(folder: Path, generate: Callable[[Path], None], build: Callable[[Path], None]) -> Program:
    begin = time.perf_counter()
    with (
        errors_as_storage_errors(),
        working_folder(writable_folder(WORK), _MAKING) as (work, _),
    ):
        generate(work)
        generated = time.perf_counter()
        build(work)
        if (work / "program").is_file():
            seal(work, folder.name)
        manifest = read_manifest(work, folder.name)
        if manifest is None:
            raise CompilationError(f"the compiler left no usable program in {work}")
        _remove(folder)
        work.rename(folder)
    make_room(folder)
    seconds = {"build": generated - begin, "compile": time.perf_counter() - generated}
    return Program(folder, manifest, True, seconds)


def discard(program: Program) -> None:
    """Remove a program that turned out to be damaged, so that it is compiled again."""
    with lock_file(program.folder.name):
        _remove(program.folder)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def read_manifest(folder: Path, key: str = "") -> dict[str, Any] | None:
    """Return the manifest of the program in a folder; None if anything is missing, damaged or of another program.

    Parameters
    ----------
    folder : Path
    key : str, optional
        Key of the program (default: the name of the folder).
    """
    program = folder / "program"
    if not is_safe_folder(folder) or not os.access(program, os.X_OK):
        return None
    seal, binary, manifest = (read_file(folder / n) for n in (_SEAL, "program", "manifest.json"))
    if not seal or not binary or not manifest:
        return None
    if seal != content_hash(key or folder.name, binary, manifest).encode():
        return None
    content: dict[str, Any] = json.loads(manifest)
    return content


def seal(folder: Path, key: str) -> None:
    """Write the hash of the program that was just compiled, of its manifest and of its key into its folder."""
    program, manifest, sealed = (folder / n for n in ("program", "manifest.json", _SEAL))
    sealed.write_text(content_hash(key, program.read_bytes(), manifest.read_bytes()), "utf-8")
    # A compiler sets the permissions of its file by the umask, but a program that a group can write is not
    # executed.
    for path, mode in ((program, 0o700), (manifest, 0o600), (sealed, 0o600)):
        path.chmod(mode)
