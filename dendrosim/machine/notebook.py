"""Whether this process is the kernel of a notebook."""

import sys
from typing import Any, TypeVar

T = TypeVar("T")


def in_notebook() -> bool:
    """Return whether code of a Jupyter notebook is being run by this process."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def release_figure(drawn: T) -> T:
    """Return a figure, which a notebook no longer shows by itself at the end of its cell.

    It is still shown where it is the value of a cell. Otherwise a notebook would show it twice.
    """
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and in_notebook():
        pyplot.close(getattr(drawn, "figure", None) or drawn)
    return drawn
