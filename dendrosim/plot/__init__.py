"""Figures: one function per type of figure, one file per function.

A figure function takes the data, and in most cases an optional Matplotlib `ax` to draw into, and returns the Axes.
It never shows a window and never touches pyplot's global state.

To add a figure, write a file `_NAME.py` in this folder with a function NAME that is decorated with `style.styled`.
The function is then `ds.plot.NAME`, without being listed anywhere. The stub `__init__.pyi` lists the shipped
figures for editors and type checkers only; a line in it is optional.

The file of a figure is imported when its function is first used, and Matplotlib when the first figure is drawn.
"""

import importlib
import pkgutil

__all__ = sorted(m.name[1:] for m in pkgutil.iter_modules(__path__) if m.name.startswith("_"))


def __getattr__(name: str) -> object:
    if name not in __all__:
        from dendrosim.errors import suggestion

        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}{suggestion(name, __all__)}"
        )
    value = getattr(importlib.import_module(f"{__name__}._{name}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
