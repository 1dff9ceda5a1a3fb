"""The parameters of a model or protocol file."""

from pathlib import Path

from dendrosim.errors import SpecError
from dendrosim.library.catalogue import Entry, find_entry
from dendrosim.library.files import blame_file, file_function, load_module
from dendrosim.library.parameters import Parameter
from dendrosim.library.signatures import read_signature


def parameters_of_file(entry: Entry) -> tuple[Parameter, ...]:
    """Return the parameters of a model or protocol, its own first; raise the errors of `declared_in_file`."""
    return tuple(p for p in declared_in_file(entry) if not p.removed)


def declared_in_file(entry: Entry, users: tuple[Path, ...] = ()) -> tuple[Parameter, ...]:
    """Return the parameters of a model or protocol, including removed ones: first its own, then those of circuits.

    Parameters
    ----------
    entry : Entry
        The model or protocol.
    users : tuple of Path, optional
        Files that take the parameters of this one, directly or through others. If this file is among them, it
        takes its own parameters, which is an error.

    Raises
    ------
    SpecError
        If the file raises an error, declares something that is not a parameter, or takes its own parameters.
    """
    if entry.path in users:
        raise SpecError(
            f"{entry.path} takes its own parameters by parameters_of; name another model there"
        )

    used: dict[str, tuple[Parameter, ...]] = {}

    def of_model(name: str) -> tuple[Parameter, ...]:
        used[name] = declared_in_file(find_entry(name, "model"), (*users, entry.path))
        return used[name]

    function, module = file_function(entry), load_module(entry.path)
    theirs, known = vars(module).get(_KNOWN, ({}, None))
    with blame_file(entry.path, name=True):
        if known is not None and all(of_model(name) is found for name, found in theirs.items()):
            return known
        declared = read_signature(function, module.__doc__, of_model)
    setattr(module, _KNOWN, (used, declared))
    return declared


_KNOWN = "_dendrosim_parameters"
"""Attribute of a file's module: the parameters of each model whose parameters the file takes, and all parameters.

They are read once for many protocols of a sweep. A file that has changed is executed anew, as another module.
"""


def parameters_of_model(name: str) -> tuple[Parameter, ...]:
    """Return the parameters that a model declares; raise the errors of `find_entry` and `declared_in_file`."""
    return declared_in_file(find_entry(name, "model"))
