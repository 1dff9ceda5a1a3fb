"""Arguments of a file's function: one value of declared parameters, or plain keywords."""

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
    """A class whose instances hold one value of each parameter that it declares."""

    @classmethod
    @abstractmethod
    def declared_parameters(cls, models: Models) -> tuple[Parameter, ...]:
        """Return the parameters, those of the class first, then those of circuits; also removed ones."""

    @classmethod
    @abstractmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return an instance with a value of each parameter, as they were checked and built."""


def read_signature(
    function: Callable[..., Any], docstring: str | None, models: Models
) -> tuple[Parameter, ...]:
    """Return the parameters of the function of a model or protocol file, also removed ones, its own first.

    Parameters
    ----------
    function : callable
        It takes one value of a `ParameterTable`, or keywords with annotations. Open keywords with the annotation
        `parameters_of("model")` receive the parameters of a circuit.
    docstring : str or None
        Docstring of the file. Plain keywords are documented in its section `Parameters`, or in that of the
        function's docstring.
    models : callable
        Returns the parameters of a model.

    Raises
    ------
    SpecError
        If a keyword has no annotation, an unsupported one, or a default that it forbids.
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
            own.append(
                declare_parameter(name, given.annotation, given.default, texts.get(name, ""))
            )
        else:
            raise SpecError(f"{name!r} must be a keyword parameter")
    return add_circuit_parameters(own, circuits, models)


def call_with_values(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Return what a file's function returns for a value of each of its parameters."""
    table = _table(function)
    return function(**values) if table is None else function(table.from_values(values))


def _table(function: Callable[..., Any]) -> type[ParameterTable] | None:
    """Return the class of declared parameters that a function takes, None if it takes keywords."""
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
