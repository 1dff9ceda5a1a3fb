"""Loading of Brian2 without its effects on the whole process."""

import logging
import sys


def load() -> None:
    """Import Brian2; keep the process's own exception hook and no log file.

    Brian2 replaces `sys.excepthook` so that any error in the process is reported as a possible bug of
    Brian2. Whoever has imported Brian2 before has chosen so; otherwise the hook stays what it was.
    """
    if "brian2" in sys.modules:
        return
    hook = sys.excepthook
    import brian2  # noqa: F401

    sys.excepthook = hook
    logging.getLogger("brian2").setLevel(logging.WARNING)
