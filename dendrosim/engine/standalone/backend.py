"""The base class of back ends that generate, compile and start a program."""

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dendrosim.engine.backend import Backend
from dendrosim.errors import StorageError
from dendrosim.machine.working_folder import working_folder

if TYPE_CHECKING:
    from dendrosim.engine.progress import Progress
    from dendrosim.engine.standalone.program import Program
    from dendrosim.engine.task import Outcome, Task
    from dendrosim.protocol.protocol import Protocol


class StandaloneBackend(Backend):
    """A back end that runs compiled programs; all programs read and write files of the same format.

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
            # The canonical form, so that the program does not depend on the order in which parameters were
            # written.
            lambda folder: self.generate(protocol.canonical(), precision, folder),
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
        with _folder_of(task) as (folder, lock):
            try:
                outcome = run_program(task, program, folder, lock, progress, self.environment())
            except NotStartedError:  # the program's file is damaged
                discard(program)
                program = self.compile(task.protocol, task.settings.precision, progress)
                outcome = run_program(task, program, folder, lock, progress, self.environment())
        outcome.guarded_every = self.guarded_every
        return outcome


@contextmanager
def _folder_of(task: "Task") -> Iterator[tuple[Path, int | None]]:
    """Yield folder and lock of the task if it has a folder, else those of a temporary folder."""
    if task.folder is not None:
        yield task.folder, task.lock
        return
    with ExitStack() as stack:
        try:
            home = Path(tempfile.gettempdir())
            folder = stack.enter_context(working_folder(home, "dendrosim-run-", marked=True))
        except OSError as error:
            raise StorageError(
                f"cannot make a temporary folder: {error.strerror or error}; set TMPDIR"
            ) from None
        yield folder
