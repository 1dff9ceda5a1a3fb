"""Loading of Brian2 without its effects on the whole process."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

alone = False
"""Whether nobody else in this process looks for what Brian2 exports, so that it may leave out what we need not."""

_UNUSED = ("pylab", "pytest")
"""What Brian2 imports if it is there: plotting for its users' scripts, and a runner for its own tests."""


def load() -> None:
    """Import Brian2; keep the process's own hooks for exceptions and warnings, and no log file.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2, and sends all warnings to its log. Whoever has imported Brian2 before has chosen so; otherwise
    the hooks stay what they were.
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
