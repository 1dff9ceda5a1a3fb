"""Automatic discovery of the files in a folder: a new signal or connection rule needs only one new file.

The files of a folder are imported when one of them is first needed, so that they cost no time at start.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


@cache
def modules_in(folder: str) -> Mapping[str, ModuleType]:
    """Import every file of a folder and return the modules by file name.

    Parameters
    ----------
    folder : str
        Name of a package, such as `dendrosim.signals`. Modules whose names begin with an underscore are left out.
    """
    package = importlib.import_module(folder)
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    return {
        name: importlib.import_module(f"{folder}.{name}")
        for name in names
        if not name.startswith("_")
    }


def classes_in(folder: str, base: type[T]) -> dict[str, type[T]]:
    """Return the classes derived from `base` that the files of a folder define, by class name."""
    return {
        value.__name__: value
        for module in modules_in(folder).values()
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
    }


def public_classes(folder: str) -> dict[str, type]:
    """Return the classes that the files of a folder provide for users, by class name.

    Base classes are left out: those in the file `base.py`, and abstract ones.
    """
    return {
        name: found
        for name, found in classes_in(folder, object).items()
        if not (
            name.startswith("_")
            or inspect.isabstract(found)
            or found.__module__ == f"{folder}.base"
        )
    }


def functions_by_file(
    package: str, path: Iterable[str]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a package whose files `_NAME.py` each have a function NAME.

    A file is imported when its function is first used.

    Parameters
    ----------
    package : str
        Name of the package.
    path : iterable of str
        Its folders, `__path__`.

    Returns
    -------
    tuple
        The names of the functions, the look-up of a function, and the function that lists the names. The look-up
        raises AttributeError with the nearest name if there is no such function.
    """
    names = sorted(m.name[1:] for m in pkgutil.iter_modules(path) if m.name.startswith("_"))

    def look_up(name: str) -> object:
        if name not in names:
            from dendrosim.errors import suggestion

            raise AttributeError(
                f"module {package!r} has no attribute {name!r}{suggestion(name, names)}"
            )
        value = getattr(importlib.import_module(f"{package}._{name}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return names, look_up, lambda: list(names)
