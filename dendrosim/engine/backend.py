"""The interface of back ends, which compute runs.

This module, and every module that defines a back end, must load fast, because the command line loads all of them
to list their names.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dendrosim.errors import DendrosimError

if TYPE_CHECKING:
    from dendrosim.engine.progress import Progress
    from dendrosim.engine.standalone.program import Program
    from dendrosim.engine.task import Outcome, Task
    from dendrosim.protocol.protocol import Protocol


@dataclass(frozen=True)
class Diagnosis:
    """A line of `dendrosim doctor` about one part; `hint` says what to do if the part does not work."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def diagnose(name: str, test: Callable[[], str]) -> Diagnosis:
    """Test a part; the details are the text that the test returns, or the message of the error that it raises."""
    try:
        return Diagnosis(name, True, test())
    except DendrosimError as error:
        detail, _, hint = str(error).partition("; ")
        return Diagnosis(name, False, detail, hint)


class Backend(ABC):
    """A way to compute runs; it takes a `Task` and returns an `Outcome`.

    To add a back end, add a folder to `dendrosim/engine` with a file `backend.py`. The file defines a subclass of
    this class and a tuple `BACKENDS` with an instance of it. Nothing else needs to change: `backends()` finds the
    file, and the command line, `dendrosim doctor`, the provenance of results and `resume` use `backends()`.

    - `backend.py` must import at its top only modules that load within milliseconds, so neither NumPy nor Brian2.
      Methods import what they need.
    - `run` has to follow the plan of the task (`dendrosim.engine.plan`): start values from `all_values`, segments
      and fills from `task.line`, the synapses from `task.synapses`. A back end may build the Brian2 network with
      `dendrosim.engine.network.build`; then it only has to add a subclass of `Operations`, with the operations
      that are not element-wise.
    - A back end that generates, compiles and starts a program derives from `StandaloneBackend`
      (`dendrosim.engine.standalone.backend`), which does everything else.
    - All back ends compute the same numbers up to rounding errors: one step is one forward Euler step of the same
      vector field,
      and all random numbers are those of `dendrosim.engine.network.random_numbers`.

    Attributes
    ----------
    name : str
        Name of the back end for `backend=` and `--backend`.
    automatic_precision : {"double", "single"}
        The precision that `precision="auto"` means.
    compiles : bool
        Whether the back end makes a program, so that `compile` works. A program keeps its recordings in files
        during the run, so that they need no memory.
    resumes : bool
        Whether the back end writes checkpoints from which an interrupted run can be resumed.
    continues : bool
        Whether a run can continue the clock of a result: the back end begins at any step and takes over
        `task.carried`, and its outcomes have `carried`.
    packages : tuple of str
        Packages that only this back end needs; their versions are kept in the provenance of its results.
    """

    name: ClassVar[str]
    automatic_precision: ClassVar[str] = "double"
    compiles: ClassVar[bool] = False
    resumes: ClassVar[bool] = False
    continues: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()

    def check(self, run: bool = True) -> None:
        """Raise an error unless the back end works on this machine.

        Parameters
        ----------
        run : bool
            Whether the back end has to run programs, and not only to compile them.

        Raises
        ------
        BackendMissingError
            If something is missing; the message says what to do.
        """
        return

    def refused(self, protocol: "Protocol") -> str:
        """Return what of a protocol the back end cannot compute, such as `sparse matrices`, or an empty text."""
        return ""

    def fingerprint(self) -> Mapping[str, str]:
        """Return everything that affects the numbers, such as versions, except the task and dendrosim's own code.

        A run is resumed, and a compiled program is reused, only if the fingerprint has not changed.
        """
        return {}

    def prepare(self) -> AbstractContextManager[None]:
        """Return a context manager that, while its body runs, does work in parallel.

        That work is the same for all circuits, such as compiling shared sources.
        """
        return nullcontext()

    @abstractmethod
    def run(self, task: "Task", progress: "Progress") -> "Outcome":
        """Run a task and report progress; `check` has been called before.

        An interrupt (KeyboardInterrupt) ends the run after the current step; the outcome then says `interrupted`.
        """

    def compile(self, protocol: "Protocol", precision: str, progress: "Progress") -> "Program":
        """Return the compiled program of a protocol without running it, if `compiles` is true.

        Raises
        ------
        CompilationError
            If the compiler fails; the message has its first errors.
        """
        raise NotImplementedError(f"back end {self.name} makes no program")

    def diagnoses(self) -> Sequence[Diagnosis]:
        """Return the lines of this back end in `dendrosim doctor`."""
        return ()
