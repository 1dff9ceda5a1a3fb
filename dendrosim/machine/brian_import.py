"""Loading of Brian2 without its effects on the whole process."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

alone = False
"""Whether only dendrosim uses Brian2 in this process; if so, optional modules are not imported with it."""

_UNUSED = ("pylab", "pytest")
"""Optional modules that Brian2 imports: plotting for its users' scripts, and a runner for its own tests."""


def load() -> None:
    """Import Brian2; keep the process's own hooks for exceptions and warnings, and no log file.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2, and sends all warnings to its log. If Brian2 was imported before, its hooks
    remain; otherwise the process keeps the hooks that it had.
    """
    if "brian2" in sys.modules:
        return
    hook, show = sys.excepthook, warnings.showwarning
    with _hidden(*(_UNUSED if alone else ())):
        import brian2  # noqa: F401

    sys.excepthook = hook
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    logging.getLogger("brian2").setLevel(logging.WARNING)


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Let imports of modules fail that are not loaded yet."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
