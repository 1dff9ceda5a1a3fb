"""Models and protocols by name: loading their files, calling them, and saying what they hold.

A model file defines `circuit(*, ...) -> Circuit`; a protocol file defines `protocol(*, ...) ->
Protocol` and `measure(result) -> Measurement`. Files are found as `dendrosim.library.catalogue` says,
executed by path when one is asked for, and executed anew when they have changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import SpecError
from dendrosim.library.catalogue import FUNCTIONS, Entry, entries, find, identifier
from dendrosim.library.circuit_parameters import ParametersOf, parameters_of
from dendrosim.library.docstrings import INTRODUCTION, sections
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.files import blame_file, file_function, load_module
from dendrosim.library.parameters import (
    Parameter,
    build_values,
    complete_values,
    convert_to_si,
    read_texts,
)
from dendrosim.library.signatures import call_with_values
from dendrosim.protocol.protocol import Protocol, check_protocol
from dendrosim.results.measurement import Measurement

if TYPE_CHECKING:
    from dendrosim.results.result import Result

__all__ = [
    "Description",
    "Entry",
    "ParametersOf",
    "describe",
    "entries",
    "find",
    "load_circuit",
    "load_protocol",
    "measure",
    "measuring",
    "parameters",
    "parameters_in_si",
    "parameters_of",
    "read_settings",
    "settings_in_si",
]


@dataclass(frozen=True)
class Description:
    """What `describe` tells about a model or protocol.

    Parameters
    ----------
    entry : Entry
        Name, kind, path and first line.
    text : str
        The file's docstring, else the function's, before its first section.
    sections : mapping of str
        The sections of both by title, without `Parameters`.
    parameters : tuple of Parameter
        Own ones first.
    circuit : Circuit or None
        A model's circuit with default parameters; None for a protocol, and where a parameter has no
        default.
    """

    entry: Entry
    text: str
    sections: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    circuit: Circuit | None


def load_circuit(name: str, /, **parameters: Any) -> Circuit:
    """Return the circuit of a model.

    Parameters
    ----------
    name : str
        The model's name, or the path of its file.
    **parameters
        Values of its parameters, the rest are defaults: quantities as text such as `"20 ms"`,
        lists as tuples or lists.

    Raises
    ------
    UnknownNameError
        If there is no such model or parameter.
    UsageError
        If a value is of another type than its parameter, or a required one is missing.
    SpecError
        If a value is not allowed, the circuit is invalid, or the file fails.
    """
    entry = find(name, "model")
    return _made(entry, Circuit, _complete(entry, parameters))


def load_protocol(name: str, /, **parameters: Any) -> Protocol:
    """Return a protocol, which notes its name and parameters; otherwise as `load_circuit`."""
    entry = find(name, "protocol")
    plain = _complete(entry, parameters)
    return _made(entry, Protocol, plain).replace(name=identifier(entry), parameters=plain)


def measure(result: "Result") -> Measurement:
    """Return what the file of a result's protocol reads off the result.

    A protocol without name has no file: its measurement is empty.

    Raises
    ------
    UnknownNameError
        If no protocol of that name is found.
    SpecError
        If the file fails.
    """
    return measuring(result.protocol)(result)


def measuring(protocol: Protocol) -> Callable[["Result"], Measurement]:
    """Return the function that measures results of a protocol; raises as `measure` does."""
    check_protocol(protocol)
    if not protocol.name:
        return lambda result: Measurement({})
    path = find(protocol.name, "protocol").path
    function = getattr(load_module(path), "measure", None)
    return _Measure(path, function) if function else lambda result: Measurement({})


def parameters(entry: Entry) -> tuple[Parameter, ...]:
    """Return the parameters of a model or protocol.

    Raises
    ------
    SpecError
        If the file fails or its signature is not one of parameters.
    """
    return parameters_of_file(entry)


def read_settings(entry: Entry, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return parameter values from texts such as `20 ms`, `true`, `[0.9, 0.5]`.

    Raises
    ------
    UnknownNameError
        If a name is not a parameter.
    UsageError
        If a text cannot be read.
    SpecError
        If a value is not allowed.
    """
    return read_texts(_label(entry), parameters(entry), texts)


def parameters_in_si(protocol: Protocol) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a protocol's parameters with quantities as SI numbers, and the units of these."""
    if not protocol.name:
        return dict(protocol.parameters), {}
    return convert_to_si(parameters(find(protocol.name, "protocol")), protocol.parameters)


def settings_in_si(entry: Entry, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all parameters, those not given at their defaults, as SI numbers, and their units."""
    return convert_to_si(parameters(entry), _complete(entry, given))


def describe(name: str) -> Description:
    """Return what a model or protocol says of itself; raises as `load_circuit` does."""
    entry = find(name)
    in_file, in_function = (
        sections(load_module(entry.path).__doc__),
        sections(file_function(entry).__doc__),
    )
    introduction = in_file.pop(INTRODUCTION) or in_function.pop(INTRODUCTION)
    titled = {title: text for title, text in {**in_function, **in_file}.items() if title}
    listed = parameters(entry)
    complete = entry.kind == "model" and not any(p.required for p in listed)
    return Description(
        entry=entry,
        text=introduction,
        sections={title: text for title, text in titled.items() if title != "Parameters"},
        parameters=listed,
        circuit=_made(entry, Circuit, _complete(entry, {})) if complete else None,
    )


# -- files ----------------------------------------------------------------------------------------


class _Measure:
    """A file's `measure`; its failures, and those of its figures, are told as the file's."""

    def __init__(self, path: Path, function: Callable[["Result"], Any]) -> None:
        self.path, self.function = path, function

    def __call__(self, result: "Result") -> Measurement:
        with blame_file(self.path):
            measurement = self.function(result)
        if not isinstance(measurement, Measurement):
            raise _wrong_return(self.path, "measure", measurement, Measurement)
        figures = {name: self._figure(draw) for name, draw in measurement.figures.items()}
        return replace(measurement, figures=figures)

    def _figure(self, draw: Callable[[], Any]) -> Callable[[], Any]:
        @wraps(draw)
        def drawn() -> Any:
            with blame_file(self.path):
                return draw()

        return drawn


def _made(entry: Entry, expected: type, plain: Mapping[str, Any]) -> Any:
    function, values = file_function(entry), build_values(parameters(entry), plain)
    with blame_file(entry.path):
        made = call_with_values(function, values)
    if not isinstance(made, expected):
        raise _wrong_return(entry.path, FUNCTIONS[entry.kind], made, expected)
    return made


def _wrong_return(path: Path, function: str, returned: Any, expected: type) -> SpecError:
    given, wanted = type(returned).__name__, expected.__name__
    return SpecError(f"{path}: {function}() returned a {given}; it must return a {wanted}")


def _complete(entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
    return complete_values(_label(entry), parameters(entry), given)


def _label(entry: Entry) -> str:
    return f"{entry.kind} {entry.name!r}"
