"""The back ends by name. To add one, write a module with a function Task, Progress -> Outcome and name it here."""

import logging
from collections.abc import Callable

from dendrosim.engine.task import Outcome, Progress, Task
from dendrosim.errors import BackendMissingError, ParameterError, UnknownNameError
from dendrosim.machine import brian_import as brian

_log = logging.getLogger(__name__)

Backend = Callable[[Task, Progress], Outcome]


def _numpy(task: Task, progress: Progress) -> Outcome:
    brian.load()
    from dendrosim.engine.runtime.run import run

    return run(task, "numpy", progress)


def _cython(task: Task, progress: Progress) -> Outcome:
    from dendrosim.engine.cpp.toolchain import compiler

    compiler("cython")
    brian.load()
    from dendrosim.engine.runtime.run import run

    return run(task, "cython", progress)


def _cpp(task: Task, progress: Progress) -> Outcome:
    from dendrosim.engine.cpp.toolchain import works
    from dendrosim.engine.standalone.process import run

    works()
    return run(task, progress)


def _cuda(task: Task, progress: Progress) -> Outcome:
    from dendrosim.engine.cuda.backend import run

    return run(task, progress)


BACKENDS: dict[str, Backend] = {"numpy": _numpy, "cython": _cython, "cpp": _cpp, "cuda": _cuda}
COMPILED = ("cpp", "cuda")
"""The back ends that make a program; what it records is in files during the run."""
SINGLE = ("cuda",)
"""The back ends whose precision `auto` is single; that of the others is double."""


def choose(name: str) -> str:
    """Return the back end that `name` means here: `auto` is cpp where it works, else numpy.

    Why it does not work is logged as a warning (on stderr, where nothing else is set up).

    Raises
    ------
    ParameterError
        If the name is not text.
    UnknownNameError
        If there is no such back end.
    BackendMissingError
        If it is cuda, which does not work here; the others say so when they run.
    """
    if not isinstance(name, str):
        raise ParameterError(f"backend is {name!r}; it must be text such as 'auto' or 'numpy'")
    if name == "cuda":  # before a protocol is unrolled for nothing
        from dendrosim.engine.cuda.toolchain import can_run

        can_run()
    if name != "auto":
        if name not in BACKENDS:
            raise UnknownNameError("back end", name, ["auto", *BACKENDS])
        return name
    from dendrosim.engine.cpp.toolchain import works

    try:
        works()
    except BackendMissingError as error:
        _log.warning("using the slower back end numpy: %s", error)
        return "numpy"
    return "cpp"
