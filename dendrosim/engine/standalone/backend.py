"""The base class of back ends that generate, compile and start a program."""

import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dendrosim.engine.backend import Backend
from dendrosim.errors import StorageError

if TYPE_CHECKING:
    from dendrosim.engine.progress import Progress
    from dendrosim.engine.standalone.program import Program
    from dendrosim.engine.task import Outcome, Task
    from dendrosim.protocol.protocol import Protocol


class StandaloneBackend(Backend):
    """A back end that runs compiled programs, all with the same task file and the same files of results.

    To add a back end for another language, implement `generate`, `build` and `fingerprint`; a program is used
    again only if the fingerprint is the same. Programs include `standalone/source/task.h`, which reads the task.

    Attributes
    ----------
    guarded_every : int
        Number of steps from one check for non-finite numbers to the next.
    """

    compiles = True
    guarded_every: ClassVar[int] = 1

    @abstractmethod
    def generate(self, protocol: "Protocol", precision: str, folder: Path) -> None:
        """Write the sources of a protocol's program and `manifest.json` into a folder."""

    @abstractmethod
    def build(self, folder: Path) -> None:
        """Compile and link the sources in a folder to the file `program` there, or raise CompilationError."""

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that a program gets in addition to those of this process."""
        return {}

    def compile(self, protocol: "Protocol", precision: str, progress: "Progress") -> "Program":
        from dendrosim.engine.standalone.program import find_or_make

        return find_or_make(
            protocol,
            precision,
            self.fingerprint(),
            progress,
            lambda folder: self.generate(protocol, precision, folder),
            self.build,
        )

    def run(self, task: "Task", progress: "Progress") -> "Outcome":
        """Run a task with its compiled program.

        Raises
        ------
        ProgramError
            If the program stops early, but not because of a non-finite state, too many spikes or an interrupt.
        ResumeError
            If the checkpoint of a resumed run is damaged.
        StorageError
            If the temporary folder of the run cannot be written, for instance because the disk is full.
        """
        from dendrosim.engine.standalone.process import NotStartedError, run_program
        from dendrosim.engine.standalone.program import discard

        program = self.compile(task.protocol, task.settings.precision, progress)
        with _folder_of(task) as folder:
            try:
                outcome = run_program(task, program, folder, progress, self.environment())
            except NotStartedError:  # the program's file is damaged
                discard(program)
                program = self.compile(task.protocol, task.settings.precision, progress)
                outcome = run_program(task, program, folder, progress, self.environment())
        outcome.guarded_every = self.guarded_every
        return outcome


@contextmanager
def _folder_of(task: "Task") -> Iterator[Path]:
    """Yield the folder of the task if it has one, else a temporary folder, which is deleted afterwards."""
    if task.folder is not None:
        yield task.folder
        return
    try:
        folder = Path(tempfile.mkdtemp(prefix="dendrosim-run-"))
    except OSError as error:
        raise StorageError(
            f"cannot make a temporary folder: {error.strerror or error}; set TMPDIR"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
