"""Compiled programs. Each has a folder in the cache, and is made once even if several processes ask for it."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dendrosim.circuit.paths import is_variable
from dendrosim.engine.plan.signal_slots import slots
from dendrosim.engine.progress import Progress
from dendrosim.errors import CompilationError, StorageError
from dendrosim.machine import brian_import as brian
from dendrosim.machine.cache import lock_file, writable_folder
from dendrosim.machine.code_digest import code_digest
from dendrosim.protocol.protocol import Protocol


@dataclass(frozen=True)
class Program:
    """A compiled program: its folder, and the manifest of its arrays."""

    folder: Path
    manifest: dict[str, Any]
    compiled: bool
    seconds: dict[str, float]


def structure(protocol: Protocol, precision: str) -> str:
    """Return, as text, what the generated code depends on.

    It does not depend on the values of parameters and inputs, on seeds, or on the run length.
    """
    circuit = protocol.circuit
    courses = {
        path: [
            slot.signal_type.__name__ + slot.expression + (slot.update if slot.random else "")
            for slot in slots(protocol, path)
        ]
        for path in (*circuit.inputs, *circuit.gates)
    }
    recorded = [n for n in protocol.recordings_by_name() if is_variable(n)]
    spikes = list(protocol.recordings_of_spikes())
    parts = [circuit.structure(), protocol.batch, precision, courses, recorded, spikes]
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
    text = structure(protocol, precision)
    parts = [text, code_digest(), json.dumps(dict(fingerprint), sort_keys=True)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    home = writable_folder("programs")
    folder = home / key
    begin = time.perf_counter()
    manifest = _manifest(folder)
    if manifest is None:
        with lock_file(_lock(folder)):
            manifest = _manifest(folder)
            if manifest is None:
                progress.compiling()

                def write_sources(work: Path) -> None:
                    generate(work)
                    (work / "structure.json").write_text(text)

                return _make(folder, write_sources, build)
    return Program(folder, manifest, False, {"build": time.perf_counter() - begin, "compile": 0.0})


def _make(folder: Path, generate: Callable[[Path], None], build: Callable[[Path], None]) -> Program:
    brian.load()
    begin = time.perf_counter()
    home = folder.parent
    try:
        work = Path(tempfile.mkdtemp(prefix="making-", dir=home))
        try:
            generate(work)
            generated = time.perf_counter()
            build(work)
            seal(work)
            manifest = _manifest(work)
            if manifest is None:
                raise CompilationError(f"the compiler left no usable program in {work}")
            if folder.exists():
                shutil.rmtree(folder)
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"cannot write the program cache {home}: {error.strerror or error}"
        ) from None
    seconds = {"build": generated - begin, "compile": time.perf_counter() - generated}
    return Program(folder, manifest, True, seconds)


def discard(program: Program) -> None:
    """Remove a program that turned out to be damaged, so that it is compiled again."""
    with lock_file(_lock(program.folder)):
        shutil.rmtree(program.folder, ignore_errors=True)


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of the program in a folder; None if program or manifest is missing or damaged."""
    path = folder / "program"
    try:
        if not path.is_file() or not path.stat().st_size or not os.access(path, os.X_OK):
            return None
        manifest = json.loads((folder / "manifest.json").read_bytes())
        whole = isinstance(manifest, dict) and manifest.get("sha256") == _hash(path)
    except (OSError, ValueError):
        return None
    return manifest if whole else None


def seal(folder: Path) -> None:
    """Write into the manifest the hash of the program that was just compiled."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "sha256": _hash(folder / "program")}))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
