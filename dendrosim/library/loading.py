"""Loads models and protocols by name or path, with values of their parameters.

A model file defines `circuit(*, ...) -> Circuit`. A protocol file defines `protocol(*, ...) -> Protocol` and
`measure(result) -> Measurement`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.library.catalogue import FUNCTIONS, Entry, find_entry
from dendrosim.library.file_parameters import declared_in_file, parameters_of_file
from dendrosim.library.files import blame_file, check_returned, file_function, watch_files
from dendrosim.library.parameters import (
    Parameter,
    build_values,
    complete_values,
    convert_to_si,
    find_by_name,
    read_texts,
)
from dendrosim.library.signatures import call_with_values
from dendrosim.library.stored_names import find_stored_entry, remember_given
from dendrosim.library.used_files import remember_used
from dendrosim.machine.file_paths import AnyPath
from dendrosim.protocol.protocol import Protocol


def load_circuit(name: AnyPath, /, **parameters: Any) -> Circuit:
    """Return the circuit of a model.

    Parameters
    ----------
    name : str or path
        The name of a model, or the path of its file.
    **parameters
        Values of the model's parameters; all other parameters have their defaults. A quantity is given as a text
        such as `"20 ms"` or as a `Quantity`, a list as a tuple or list.

    Returns
    -------
    Circuit
        The circuit that the function `circuit` in the file returns.

    Raises
    ------
    UnknownNameError
        If there is no such model or parameter.
    DataError
        If there is no such file, or it cannot be read or does not define what is sought.
    UsageError
        If the name cannot be a name or path, a value has the wrong type, or a required parameter is missing.
    SpecError
        If a value is not allowed, the circuit is invalid, or the file raises an error.

    Examples
    --------
    >>> circuit = ds.load_circuit("dynamical_tp", sizes=(3, 2, 2), mu=0.2)
    """
    entry = find_entry(name, "model")
    circuit: Circuit = _call_file(entry, Circuit, _complete(entry, parameters))[0]
    return circuit


def load_protocol(name: AnyPath, /, **parameters: Any) -> Protocol:
    """Return a protocol, which keeps its name and the values of its parameters.

    Parameters
    ----------
    name : str or path
        The name of a protocol, or the path of its file.
    **parameters
        Values of the parameters of the protocol and of its circuit; all other parameters have their defaults. A
        quantity is given as a text such as `"20 ms"` or as a `Quantity`, a list as a tuple or list.

    Returns
    -------
    Protocol
        The protocol that the function `protocol` in the file returns, with its name and the values of all
        parameters.

    Raises
    ------
    UnknownNameError
        If there is no such protocol or parameter.
    DataError
        If there is no such file, or it cannot be read or does not define what is sought.
    UsageError
        If the name cannot be a name or path, a value has the wrong type, or a required parameter is missing.
    SpecError
        If a value is not allowed, the protocol is invalid, or the file raises an error.

    Examples
    --------
    >>> result = ds.run(ds.load_protocol("fi_curve"))
    """
    return build_protocol(find_entry(name, "protocol"), parameters)


def build_protocol(entry: Entry, parameters: Mapping[str, Any]) -> Protocol:
    """Return the protocol of an entry; raise the errors of `load_protocol`."""
    plain, name = _complete(entry, parameters), remember_given(entry)
    protocol, used = _call_file(entry, Protocol, plain)
    made: Protocol = protocol.named(name, plain)
    remember_used(name, made.parameters, used)
    return made


def read_settings(entry: Entry, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return parameter values that are read from texts such as `20 ms`, `true` or `[0.9, 0.5]`.

    Raises
    ------
    UnknownNameError
        If a name is not a parameter.
    UsageError
        If a text cannot be read.
    SpecError
        If a value is not allowed.
    """
    return read_texts(_label(entry), declared_in_file(entry), texts)


def find_parameters(entry: Entry, names: Iterable[str]) -> dict[str, Parameter]:
    """Return the parameters of these names; raises UnknownNameError, or UsageError if one was removed."""
    return find_by_name(_label(entry), declared_in_file(entry), names)


def parameters_in_si(
    protocol: Protocol, entry: Entry | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a protocol's parameters, with quantities as SI numbers, and the SI unit of each quantity.

    `entry` is the protocol's file; without it, the file is found by the protocol's name.
    """
    if not protocol.name:
        return dict(protocol.parameters), {}
    parameters = parameters_of_file(entry or find_stored_entry(protocol.name))
    return convert_to_si(parameters, protocol.parameters)


def settings_in_si(entry: Entry, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all parameters, given or default, with quantities as SI numbers, and the unit of each quantity."""
    return convert_to_si(parameters_of_file(entry), _complete(entry, given))


def _call_file(entry: Entry, expected: type, plain: Mapping[str, Any]) -> tuple[Any, set[Path]]:
    """Return what the function of a file returns for plain values of its parameters, and which files it loads."""
    function, values = file_function(entry), build_values(parameters_of_file(entry), plain)
    with blame_file(entry.path), watch_files() as used:
        returned = call_with_values(function, values)
    check_returned(entry.path, FUNCTIONS[entry.file_kind], returned, expected)
    return returned, used


def _complete(entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
    return complete_values(_label(entry), declared_in_file(entry), given)


def _label(entry: Entry) -> str:
    return f"{entry.file_kind} {entry.name!r}"
