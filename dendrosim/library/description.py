"""Describes a model or protocol: its documentation, its parameters and, for a model, its circuit."""

from collections.abc import Mapping
from dataclasses import dataclass

from dendrosim.circuit.circuit import Circuit
from dendrosim.display.short import ShortRepr
from dendrosim.library.catalogue import Entry, find_entry
from dendrosim.library.docstrings import INTRODUCTION, split_sections
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.files import file_function, load_module
from dendrosim.library.loading import load_circuit, load_protocol
from dendrosim.library.parameters import Parameter
from dendrosim.machine.file_paths import AnyPath


@dataclass(frozen=True)
class Description(ShortRepr):
    """The documentation of a model or protocol, with its parameters and its default circuit.

    Parameters
    ----------
    entry : Entry
        Name, path and summary of the file.
    text : str
        The file's docstring up to its first section; if this part is empty, the same part of the docstring of the
        file's function.
    sections : mapping of str
        The sections of both docstrings by title, except `Parameters`.
    parameters : tuple of Parameter
        The file's own parameters, followed by those that it takes from models.
    circuit : Circuit or None
        A model's circuit with default parameters; None for a protocol, and for a model with a parameter
        that has no default.
    method : str or None
        `Protocol.method` of a protocol with default parameters, if its file names the method `rk2`; else None.
        Other files are not loaded, because some protocols compute for seconds.
    """

    entry: Entry
    text: str
    sections: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    circuit: Circuit | None
    method: str | None


def describe(name: AnyPath) -> Description:
    """Return the description of a model or protocol.

    Parameters
    ----------
    name : str or path
        The name of a model or protocol, or the path of its file.

    Raises
    ------
    UnknownNameError
        If no model or protocol has this name.
    SpecError
        If the file raises an error, or the circuit with default parameters is invalid.
    """
    entry = find_entry(name)
    in_file = split_sections(load_module(entry.path).__doc__)
    in_function = split_sections(file_function(entry).__doc__)
    introduction = in_file.pop(INTRODUCTION) or in_function.pop(INTRODUCTION)
    titled = {title: text for title, text in {**in_function, **in_file}.items() if title}
    parameters = parameters_of_file(entry)
    complete = not any(p.required for p in parameters)
    has_circuit = complete and entry.file_kind == "model"
    has_method = (
        complete and entry.file_kind == "protocol" and "rk2" in entry.path.read_text("utf-8")
    )
    return Description(
        entry=entry,
        text=introduction,
        sections={title: text for title, text in titled.items() if title != "Parameters"},
        parameters=parameters,
        circuit=load_circuit(str(entry.path)) if has_circuit else None,
        method=load_protocol(str(entry.path)).method if has_method else None,
    )
