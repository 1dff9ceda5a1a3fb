"""dendrosim: dendritic circuits in continuous time, on Brian2.

The stub `__init__.pyi` beside this file lists the public names and where each is defined. A name is looked up when
it is first used, so that `import dendrosim` imports nothing else.
"""

import lazy_loader

_FOUND_BY_THEMSELVES = ("circuit.connectivity", "circuit.initial_values", "signals")
"""Folders in which each file defines a public class, which the stub need not list."""

_look_up, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from dendrosim.machine.packages import own_version

        return own_version()
    if name in __all__:  # an error in the module of a public name must reach the user unchanged
        return _look_up(name)
    if name[:1].isupper():  # a class whose file the stub does not list yet
        from dendrosim.discovery import classes_in

        for folder in _FOUND_BY_THEMSELVES:
            found = classes_in(f"{__name__}.{folder}", object)
            if name in found:
                return found[name]
    from dendrosim.errors import suggestion

    # The error gets the name but not the module; with both, Python would add a suggestion of its own to the
    # traceback.
    message = f"module 'dendrosim' has no attribute {name!r}{suggestion(name, __all__)}"
    raise AttributeError(message, name=name)
