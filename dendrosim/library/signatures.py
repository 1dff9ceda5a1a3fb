"""Arguments of a file's function: one object with all declared parameters, or plain keywords."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self

from dendrosim.errors import SpecError
from dendrosim.library.circuit_parameters import Models, ParametersOf, add_circuit_parameters
from dendrosim.library.docstrings import parameter_texts
from dendrosim.library.parameters import Parameter, declare_parameter

_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ParameterTable(ABC):
    """Base class of classes that declare parameters; an instance holds one value of each parameter."""

    @classmethod
    @abstractmethod
    def declared_parameters(cls, models: Models) -> tuple[Parameter, ...]:
        """Return the parameters, including removed ones: first those of the class, then those of circuits."""

    @classmethod
    @abstractmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return an instance with one value per parameter; the values are already checked and converted."""


def read_signature(
    function: Callable[..., Any], docstring: str | None, models: Models
) -> tuple[Parameter, ...]:
    """Return the parameters of a file's function, including removed ones: first its own, then those of circuits.

    Parameters
    ----------
    function : callable
        A function that takes one instance of a `ParameterTable`, or keywords with annotations. Keywords `**name`
        with the annotation `parameters_of("model")` receive the parameters of a circuit.
    docstring : str or None
        Docstring of the file. Plain keywords are documented in its section `Parameters`, or in this section of the
        function's docstring.
    models : callable
        Returns the parameters of a model.

    Raises
    ------
    SpecError
        If a keyword has no annotation, an annotation that is not a type of parameters, or a default that is not
        allowed.
    """
    table = _table(function)
    if table is not None:
        return table.declared_parameters(models)
    texts = {**parameter_texts(docstring), **parameter_texts(function.__doc__)}
    own: list[Parameter] = []
    circuits: ParametersOf | None = None
    for name, given in inspect.signature(function, eval_str=True).parameters.items():
        if given.kind is inspect.Parameter.VAR_KEYWORD:
            circuits = given.annotation
            if not isinstance(circuits, ParametersOf):
                raise SpecError(
                    f"'**{name}' must be annotated, as in '**{name}: parameters_of(\"model\")'"
                )
        elif given.kind in _KEYWORD:
            _refuse_forgotten_table(function, given)
            own.append(
                declare_parameter(name, given.annotation, given.default, texts.get(name, ""))
            )
        else:
            raise SpecError(f"{name!r} must be a keyword parameter")
    return add_circuit_parameters(own, circuits, models)


def call_with_values(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a file's function with these values, one for each of its parameters, and return its result."""
    table = _table(function)
    return function(**values) if table is None else function(table.from_values(values))


def _table(function: Callable[..., Any]) -> type[ParameterTable] | None:
    """Return the class of declared parameters that a function takes, or None if it takes keywords."""
    taken = list(inspect.signature(function, eval_str=True).parameters.values())
    for parameter in taken:
        declared = parameter.annotation
        if inspect.isclass(declared) and issubclass(declared, ParameterTable):
            if len(taken) > 1:
                raise SpecError(
                    f"{parameter.name!r} holds all parameters; declare the others in its class as well"
                )
            return declared
    return None


def _refuse_forgotten_table(function: Callable[..., Any], given: inspect.Parameter) -> None:
    """Raise SpecError if an argument has neither type nor default, and the file defines a class of parameters."""
    if given.annotation is not given.empty or given.default is not given.empty:
        return
    for name, value in getattr(function, "__globals__", {}).items():
        own = inspect.isclass(value) and value.__module__ == function.__module__
        if own and issubclass(value, ParameterTable):
            raise SpecError(
                f"{given.name!r} has no type; to take the parameters of the class {name}, write "
                f"'{given.name}: {name}'"
            )
