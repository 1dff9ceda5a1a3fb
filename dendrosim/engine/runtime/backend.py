"""The back ends `numpy` and `cython`: Brian2 runs in this process."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dendrosim.engine.backend import Backend, Diagnosis, diagnose
from dendrosim.machine.packages import package_version

if TYPE_CHECKING:
    from dendrosim.engine.progress import Progress
    from dendrosim.engine.task import Outcome, Task


class Numpy(Backend):
    """The back end whose code objects are NumPy calls.

    It needs no compiler, and it is the reference for other back ends.
    """

    name = "numpy"
    continues = True

    def run(self, task: "Task", progress: "Progress") -> "Outcome":
        from dendrosim.machine import brian_import

        with brian_import.alone():
            from dendrosim.engine.runtime.run import run

            return run(task, self.name, progress)


class Cython(Numpy):
    """The back end whose code objects Brian2 compiles with Cython, one by one; the rest is as in `Numpy`."""

    name = "cython"

    def check(self, run: bool = True) -> None:
        from dendrosim.engine.standalone.host_compiler import find_compiler

        find_compiler(self.name)

    def diagnoses(self) -> Sequence[Diagnosis]:
        def version() -> str:
            self.check()
            return f"Cython {package_version('cython')}"

        return [diagnose("cython back end", version)]


BACKENDS = (Numpy(), Cython())
