"""Import of Brian2 without its effects on the whole process."""

import logging
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


def load() -> None:
    """Import Brian2, but keep the process's own hooks for exceptions and warnings, and log only warnings.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2, and sends all warnings to its log. It also makes two temporary files, for its log and for a copy of the
    script; they remain if the process is killed. If Brian2 was imported before, nothing is changed, and its hooks
    remain.
    """
    if "brian2" in sys.modules:
        return
    hook, show = sys.excepthook, warnings.showwarning
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        import brian2  # noqa: F401
    finally:
        sys.meta_path.remove(finder)

    sys.excepthook = hook
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    logging.getLogger("brian2").setLevel(logging.WARNING)


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
