"""Import of Brian2 without its effects on the whole process, and the lock of its state."""

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from dendrosim.errors import BackendMissingError
from dendrosim.machine.interrupts import delay_interrupts

lock = threading.RLock()
"""The one lock of all that changes the state of the process: Brian2, filters of warnings, settings of Matplotlib.

There is only one, so that two threads cannot wait for each other, and so that a fork need wait for only one."""

_DEPRECATED = r"(brian2|pyparsing|sympy|Cython|distutils|setuptools)(\.|$)"

# A child of a process with threads gets a copy of the lock. Without this, the copy could be held for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the one lock of all that uses Brian2 or compiles, with Brian2 imported.

    Brian2 has one active device, one set of preferences and one log per process, and it redirects the standard
    output of the process while it compiles. Threads therefore use it one after the other. A thread may take the
    lock several times.
    """
    with _without_deprecations():
        load()
        yield


@contextlib.contextmanager
def own_filters() -> Iterator[None]:
    """Let the body set filters of warnings, which end with it; one thread at a time.

    The filters belong to the process. If two threads changed them at once, the last to leave would leave those of
    the other in the process, and the first would end those of the last.
    """
    with lock, warnings.catch_warnings():
        yield


@contextlib.contextmanager
def _without_deprecations() -> Iterator[None]:
    """Hold the lock, and ignore that Brian2 uses names of other packages that will be renamed.

    Otherwise it could not be used where warnings are errors (`python -W error`).
    """
    with own_filters():
        for kind in (DeprecationWarning, PendingDeprecationWarning):
            warnings.filterwarnings("ignore", category=kind, module=_DEPRECATED)
        yield


def load() -> None:
    """Import Brian2, but keep the process's own hooks for exceptions, warnings and interrupts; log only warnings.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2, sends all warnings to its log, and handles interrupts. It also makes two temporary files, for its log
    and for a copy of the script; they remain if the process is killed. If Brian2 was imported before, nothing is
    changed, and its hooks remain. An interrupt during the import is handled after it.
    """
    with _without_deprecations():
        if "brian2" not in sys.modules:
            # After an interrupt within the import, some modules, such as those of NumPy, cannot be imported again.
            with delay_interrupts():
                _import()


def _import() -> None:
    hook, show = sys.excepthook, warnings.showwarning
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        with _without_handlers():
            import brian2  # noqa: F401
    except Exception as error:
        # Not installed as a whole, or something in the environment that it imports: it loads Matplotlib, which
        # refuses to be loaded with a wrong MPLBACKEND, for instance.
        raise BackendMissingError(
            f"Brian2 cannot be loaded ({type(error).__name__}: {error}); correct that, or install it again"
        ) from error
    finally:
        sys.meta_path.remove(finder)

    sys.excepthook = hook
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    logging.getLogger("brian2").setLevel(logging.WARNING)


@contextlib.contextmanager
def _without_handlers() -> Iterator[None]:
    """Let this thread set no handlers of signals.

    Brian2 sets one for interrupts when it is imported, for the rest of the process. In a process that ignores
    interrupts, it would call the former handler, which is no function. Outside of the main thread, Python allows
    no handlers.
    """
    set_handler, thread = signal.signal, threading.get_ident()

    def ignore_here(number: Any, handler: Any) -> Any:
        here = threading.get_ident() == thread
        return signal.getsignal(number) if here else set_handler(number, handler)

    signal.signal = ignore_here  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_handler


class _Finder(MetaPathFinder):
    """Finds the module `brian2.utils.logger` as Python does, and replaces its loader."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "brian2.utils.logger":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads the module, and sets the preferences of Brian2's log before the log is set up and makes files."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        module.prefs["logging.file_log"] = False
        module.prefs["logging.save_script"] = False
