"""Runs of compiled programs as processes: start a process, follow it, interrupt it, and read its files."""

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import path_of
from dendrosim.engine.plan.state_arrays import final_keys
from dendrosim.engine.progress import Progress
from dendrosim.engine.run_files import is_changing
from dendrosim.engine.seal import read_seal, seal_folder
from dendrosim.engine.standalone.carried_files import read_carried
from dendrosim.engine.standalone.program import Program
from dendrosim.engine.standalone.task_file import (
    check_task,
    steps_file,
    write_task,
)
from dendrosim.engine.task import Outcome, SpikeTrain, Task, recorded_shape
from dendrosim.errors import (
    DendrosimError,
    ProgramError,
    ResumeError,
    RunInterruptedError,
    StorageError,
)
from dendrosim.machine.cache import hold
from dendrosim.machine.interrupts import block_interrupts
from dendrosim.machine.mapped_arrays import map_file

_DONE, _NON_FINITE, _INTERRUPTED, _FULL, _FAILED, _DAMAGED = 0, 3, 4, 5, 70, 71

# By default, a BLAS library starts its threads when it is loaded. While they are idle, they wait in a busy loop
# and take processor time from the threads of the program. With these variables the library starts none; a program
# asks for them later if it has work for them.
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class NotStartedError(ProgramError):
    """The operating system cannot start the program, so the program's file is damaged."""


def run_program(
    task: Task,
    program: Program,
    folder: Path,
    lock: int | None,
    progress: Progress,
    environment: Mapping[str, str],
) -> Outcome:
    """Run a program, which reads its task from a folder and writes its results there.

    The program keeps the file descriptor `lock` open, so that the folder stays locked as long as it runs.

    Raises
    ------
    NotStartedError
        If the operating system cannot start the program.
    ProgramError, ResumeError, StorageError
        See `StandaloneBackend.run`.
    """
    begin = time.perf_counter()
    seal = _prepare(task, program, folder)
    with hold(program.folder):
        code, steps, stepping = _watch(task, program, folder, seal, progress, environment, lock)
    try:
        outcome = _read(task, program, folder, steps, code)
    except FileNotFoundError as error:
        raise ProgramError(
            f"the compiled program left no {Path(error.filename).name}; delete {program.folder} to "
            "have it compiled again"
        ) from None
    outcome.seconds = {**program.seconds, "run": time.perf_counter() - begin, "steps": stepping}
    return outcome


def _prepare(task: Task, program: Program, folder: Path) -> str:
    """Write the task into the folder of a run, or check it if the run is resumed.

    Returns
    -------
    str
        The hash that checkpoints contain.
    """
    if task.resumed:
        check_task(folder, task, program.manifest)
        return read_seal(folder)
    try:
        write_task(folder, task, program.manifest)
        if task.folder is None:
            return ""
        return seal_folder(folder, {p.name for p in folder.iterdir() if is_changing(p.name)})
    except OSError as error:
        raise StorageError(
            f"cannot write the run's folder {folder}: {error.strerror or error}"
        ) from None


def _watch(
    task: Task,
    program: Program,
    folder: Path,
    seal: str,
    progress: Progress,
    environment: Mapping[str, str],
    lock: int | None,
) -> tuple[int, int, float]:
    """Start the program, follow it, and return (exit code, steps done, their seconds)."""
    steps, stepping, interrupted = task.line.first, 0.0, False
    # A pipe and not a file: with a full disk, the program could not write its error to a file.
    errors: list[str] = []
    with ExitStack() as blocked:
        blocked.enter_context(block_interrupts())
        process = _start(program, folder, seal, environment, lock)
        assert process.stdout is not None
        assert process.stderr is not None
        listener = threading.Thread(
            target=lambda pipe: errors.append(pipe.read()), args=(process.stderr,)
        )
        listener.start()
        try:
            while True:
                try:
                    blocked.close()
                    for text in process.stdout:
                        if text.startswith("P "):
                            steps, segment = (int(v) for v in text.split()[1:3])
                            progress.at(steps, segment)
                        elif text.startswith("T "):
                            stepping = float(text[2:])
                    code = process.wait()
                    break
                except KeyboardInterrupt:
                    if interrupted:
                        raise
                    interrupted = True
                    process.send_signal(signal.SIGINT)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            listener.join()
            process.stdout.close()
            process.stderr.close()
    if code not in (_DONE, _NON_FINITE, _INTERRUPTED, _FULL):
        raise _failure(code, "".join(errors).strip(), folder, own=task.folder is not None)
    return code, steps, stepping


def _start(
    program: Program,
    folder: Path,
    seal: str,
    environment: Mapping[str, str],
    lock: int | None,
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [str(program.folder / "program"), str(folder.absolute()), seal], cwd=program.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            errors="replace", start_new_session=True, env={**os.environ, **_ALONE, **environment},
            pass_fds=[] if lock is None else [lock],
        )  # fmt: skip
    except OSError as error:
        raise NotStartedError(
            f"the compiled program in {program.folder} cannot be started: {error.strerror or error}; "
            "delete that folder to have it compiled again"
        ) from None


def _failure(code: int, said: str, folder: Path, own: bool) -> DendrosimError:
    """Return the error for a program that failed, from its exit code and from its text on stderr, `said`."""
    if (
        code == -signal.SIGINT
    ):  # before it could receive interrupts, and so before it wrote anything
        return RunInterruptedError("interrupted before the compiled program began")
    if code == _FAILED and "disk full" in said:
        way = "make room there" if own else "set TMPDIR to a roomier place"
        return StorageError(f"{said} (the run's folder is {folder}; {way})")
    if code == _DAMAGED:
        return ResumeError(
            f"cannot resume {folder.parent}: {said}; delete {folder} and run the protocol anew"
        )
    if "bad_alloc" in said:
        return ProgramError(
            "the compiled program needs more memory than the machine has; "
            "try a smaller batch, or record less"
        )
    return ProgramError(
        f"the compiled program stopped with code {code}: {said[:500] or 'no message'}"
    )


def _read(task: Task, program: Program, folder: Path, steps: int, code: int) -> Outcome:
    dtypes = dict(zip(program.manifest["keys"], program.manifest["dtypes"], strict=True))
    traces: dict[str, tuple[NDArray[np.int64], NDArray[Any]]] = {}
    for index, (name, recording) in enumerate(task.protocol.recordings_by_name().items()):
        shape = recorded_shape(task, path_of(name), recording)
        path = folder / f"trace{index}.bin"
        flat = map_file(path, np.float32 if task.settings.precision == "single" else np.float64)
        planned = map_file(folder / steps_file(index), np.int64)
        size = math.prod(shape)  # 0 for a pathway or sparse matrix without synapses
        rows = len(flat) // size if size else int(np.searchsorted(planned, steps))
        traces[name] = (planned[:rows], flat[: rows * size].reshape(rows, *shape))
    final: dict[str, NDArray[Any]] = {}
    bad: dict[str, NDArray[Any]] = {}
    raw = map_file(folder / "final.bin", np.uint8)
    offset = 0
    for name, key in final_keys(task.protocol.circuit).items():
        shape = task.shape(name)
        size = math.prod(shape) * np.dtype(dtypes[key]).itemsize
        if offset + size > len(raw):
            raise ProgramError(
                f"the compiled program left an incomplete final.bin; delete {program.folder} to have it compiled "
                "again"
            )
        final[name] = raw[offset : offset + size].view(dtypes[key]).reshape(shape)
        offset += size
        if code == _NON_FINITE and not np.all(np.isfinite(final[name])):
            bad[name] = final[name]
    spikes = {n: _train(folder, k) for k, n in enumerate(task.protocol.recordings_of_spikes())}
    if task.resumed:
        for name, train in spikes.items():
            _check_train(task, folder, name, train, steps)
    carried = None
    if code == _DONE and "carried" in program.manifest:
        carried = read_carried(task, program.manifest, raw[offset:], folder)
    return Outcome(
        steps, traces, final, bad, code == _INTERRUPTED, program.compiled, spikes=spikes,
        full=code == _FULL, carried=carried,
    )  # fmt: skip


def _train(folder: Path, index: int) -> SpikeTrain:
    steps = map_file(folder / f"spikes{index}.steps.bin", np.int64)
    elements = map_file(folder / f"spikes{index}.elements.bin", np.int32)
    count = min(len(steps), len(elements))  # the lengths differ only after a second interrupt
    return steps[:count], elements[:count]


def _check_train(task: Task, folder: Path, name: str, train: SpikeTrain, steps: int) -> None:
    """Raise ResumeError if recorded spikes, which can come from somebody else, are none of this run."""
    count = task.protocol.circuit.event(name)[0].size * task.protocol.batch
    when, elements = train
    if len(when) and (
        when[0] < task.line.first
        or when[-1] >= steps
        or np.any(when[1:] < when[:-1])
        or elements.min() < 0
        or elements.max() >= count
    ):
        raise ResumeError(
            f"cannot resume {folder.parent}: the recorded spikes of {name} are none of this run; delete {folder} "
            "and run the protocol anew"
        )
