"""Import of Brian2 without its effects on the whole process."""

import logging
import sys
import warnings


def load() -> None:
    """Import Brian2, but keep the process's own hooks for exceptions and warnings, and log only warnings.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2, and sends all warnings to its log. If Brian2 was imported before,
    nothing is changed, and its hooks remain.
    """
    if "brian2" in sys.modules:
        return
    hook, show = sys.excepthook, warnings.showwarning
    import brian2  # noqa: F401

    sys.excepthook = hook
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    logging.getLogger("brian2").setLevel(logging.WARNING)
