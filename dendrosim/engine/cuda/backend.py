"""One run on the GPU: the program is made by this back end, and its process watched as that of `cpp`."""

from pathlib import Path

from dendrosim.engine.cuda.toolchain import can_run, compile_program, fingerprint
from dendrosim.engine.standalone import process as execute
from dendrosim.engine.standalone.program import Kit
from dendrosim.engine.task import Outcome, Progress, Task
from dendrosim.protocol.protocol import Protocol

GUARDED_EVERY = 100  # steps: what `guard` in runtime.cuh looks at non-finite numbers


def _generate(protocol: Protocol, precision: str, folder: Path) -> None:
    from dendrosim.engine.cuda.generate import generate

    generate(protocol, precision, folder)


CUDA = Kit(fingerprint, _generate, compile_program)


def run(task: Task, progress: Progress) -> Outcome:
    """Run a task on the GPU.

    Raises
    ------
    BackendMissingError
        If there is no GPU, or a part of the tool chain is missing.
    ProgramError, StorageError
        As the `cpp` back end.
    """
    can_run()
    outcome = execute.run(task, progress, CUDA)
    outcome.guarded_every = GUARDED_EVERY
    return outcome
