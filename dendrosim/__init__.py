"""dendrosim: dendritic circuits in continuous time, on Brian2.

The stub `__init__.pyi` beside this file lists the public names and where each is defined. A name is looked up when
it is first used, so that `import dendrosim` imports nothing else. Signals, connection rules, distributions and
sources are also found by their files: the stub lists those of this package for type checkers, and need not list
others.
"""

import pkgutil

import lazy_loader

_FOUND_BY_THEMSELVES = (
    "circuit.connectivity", "circuit.initial_values", "circuit.sources", "signals",
)  # fmt: skip
"""Folders in which each file defines a public class, which the stub need not list."""

_look_up, _, _listed = lazy_loader.attach_stub(__name__, __file__)


def _found_classes() -> dict[str, type]:
    """Return the classes of signals, connection rules, distributions and sources by name."""
    from dendrosim.discovery import public_classes

    return {
        name: found
        for folder in _FOUND_BY_THEMSELVES
        for name, found in public_classes(f"{__name__}.{folder}").items()
    }


def __dir__() -> list[str]:
    return sorted({*_listed, *_found_classes()})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from dendrosim.machine.packages import own_version

        return own_version()
    if (
        name == "__all__"
    ):  # not a variable, because the files of the folders are imported only on demand
        return __dir__()
    if name in _listed:
        from dendrosim.machine.interrupts import delay_interrupts
        from dendrosim.machine.memory import check_address_space

        check_address_space()  # an import with too little would crash or never end
        # A module whose import was interrupted may not be importable again (NumPy is not). An error in the module
        # of a public name must reach the user unchanged.
        with delay_interrupts():
            return _look_up(name)
    names = _listed
    # Python asks here for the name of a module, and for special names, while modules are being imported. Then no
    # further ones may be imported.
    if not name.startswith("_") and name not in {m.name for m in pkgutil.iter_modules(__path__)}:
        found = _found_classes()
        if name in found:
            return found[name]
        names = sorted({*_listed, *found})
    from dendrosim.errors import suggestion

    # The error gets the name but not the module; with both, Python would add a suggestion of its own to the
    # traceback.
    message = f"module 'dendrosim' has no attribute {name!r}{suggestion(name, names)}"
    raise AttributeError(message, name=name)
