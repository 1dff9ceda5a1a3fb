"""Parameters declared as in the table of a paper: name, type, default, meaning and range in one line each."""

import inspect
from collections.abc import Mapping, Set
from dataclasses import FrozenInstanceError
from types import MappingProxyType
from typing import Any, ClassVar, Self, dataclass_transform

from dendrosim.circuit.declaration import REQUIRED, ParameterDeclaration, Removed, parameter
from dendrosim.circuit.symbol_values import SymbolValues
from dendrosim.display.short import short_call
from dendrosim.errors import SpecError
from dendrosim.library.circuit_parameters import Models, ParametersOf, add_circuit_parameters
from dendrosim.library.file_parameters import parameters_of_model
from dendrosim.library.parameter_types import Text
from dendrosim.library.parameters import (
    Parameter,
    build_values,
    complete_values,
    declare_parameter,
)
from dendrosim.library.signatures import ParameterTable
from dendrosim.spec import freeze, thaw
from dendrosim.units import Quantity


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Parameters(ParameterTable, SymbolValues):
    """Base class of the class in which a model or protocol file declares its parameters.

    A derived class has one line per parameter, `name: type = parameter(default, "meaning", ...)`, and in a
    protocol a line such as `circuit = parameters_of("model")`. Classes of circuit parts that declare parameters in
    the same way can be further base classes; their parameters follow those of the derived class. The function of
    the file takes an instance, in which quantities are `Quantity` and lists are tuples. If the instance is given
    as `Circuit(parameters=...)`, the circuit takes those numbers and quantities whose names are symbols of its
    equations.

    Parameters
    ----------
    **given
        Values by name, which are checked and converted as by `load_circuit`; all other parameters have their
        defaults.

    Raises
    ------
    UnknownNameError
        If there is no such parameter.
    UsageError
        If a value has the wrong type, or a required parameter is missing.
    SpecError
        If a value is not allowed. The definition of a derived class raises this error if a declaration is not
        valid.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     tau: ds.Quantity = ds.parameter("10 ms", "time constant", above=0)
    >>> def circuit(p: Parameters) -> ds.Circuit:
    ...     cell = ds.Population("cell", 1, "dv/dt = -v/tau : 1", parameters={"tau": p.tau})
    ...     return ds.Circuit((cell,), parameters=p)
    """

    _own: ClassVar[dict[str, Parameter]] = {}
    _removed: ClassVar[tuple[Parameter, ...]] = ()
    _circuit: ClassVar[tuple[str, ParametersOf] | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own: dict[str, Parameter] = {}
        circuits: tuple[str, ParametersOf] | None = None
        gone: list[Parameter] = []
        for base in cls.__mro__:
            if base in Parameters.__mro__:
                continue
            types = inspect.get_annotations(base, eval_str=True)
            for name in {**types, **vars(base)}:
                value = vars(base).get(name, REQUIRED)
                if isinstance(value, ParametersOf):
                    circuits = circuits or (name, value)
                elif isinstance(value, Removed):
                    gone.append(Parameter(name, Text(), removed=value.instead))
                elif name not in own and (name in types or isinstance(value, ParameterDeclaration)):
                    annotation = types.get(name, inspect.Parameter.empty)
                    own[name] = _declare(name, annotation, value)
        cls._own, cls._removed, cls._circuit = own, tuple(gone), circuits

    def __init__(self, **given: Any) -> None:
        declared = self.declared_parameters(parameters_of_model)
        plain = complete_values(type(self).__qualname__, declared, given)
        self._take(build_values(declared, plain))

    @classmethod
    def declared_parameters(cls, models: Models) -> tuple[Parameter, ...]:
        circuits = None if cls._circuit is None else cls._circuit[1]
        return add_circuit_parameters((*cls._own.values(), *cls._removed), circuits, models)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        parameters = object.__new__(cls)
        parameters._take(values)
        return parameters

    def values_of(self, symbols: Set[str]) -> Mapping[str, Any]:
        numbers = {n: v for n, v in vars(self).items() if isinstance(v, int | float | Quantity)}
        return {name: value for name, value in numbers.items() if name in symbols}

    def _take(self, values: Mapping[str, Any]) -> None:
        """Set all attributes by writing to `__dict__`, because attributes are read-only."""
        self.__dict__.update({name: values[name] for name in self._own})
        if self._circuit is not None:
            name, declared = self._circuit
            theirs = {n: v for n, v in values.items() if n not in self._own}
            if declared.optional:
                theirs = {n: v for n, v in theirs.items() if v is not None}
            self.__dict__[name] = MappingProxyType(theirs)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: thaw(value) for name, value in vars(self).items()}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update({name: freeze(value) for name, value in state.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot set {name!r}: parameters do not change")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self)[name] for name in self._own))

    def __repr__(self) -> str:
        return short_call(type(self).__qualname__, vars(self).items())


def _declare(name: str, annotation: Any, value: Any) -> Parameter:
    if hasattr(Parameters, name):
        raise SpecError(
            f"parameter {name!r}: ds.Parameters has an attribute of that name; choose another"
        )
    declaration = value if isinstance(value, ParameterDeclaration) else parameter(value)
    return declare_parameter(
        name,
        annotation,
        declaration.default,
        declaration.doc,
        unit=declaration.unit,
        bounds=declaration.bounds,
        only=declaration.only,
    )
