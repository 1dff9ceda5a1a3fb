"""Adds the parameters of models to the parameters of a protocol."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, overload

from dendrosim.errors import SpecError, suggestion
from dendrosim.library.parameter_types import OrNone, ParameterType, WithUnit
from dendrosim.library.parameters import Parameter

Models = Callable[[str], tuple[Parameter, ...]]
"""A function that takes the name of a model and returns its parameters."""


@dataclass(frozen=True)
class ParametersOf:
    """Declares that a protocol takes the parameters of these models, except those in `without`.

    With `optional`, every default is None, which stands for the default of the chosen model.
    """

    models: tuple[str, ...]
    without: tuple[str, ...] = ()
    optional: bool = False

    # For type checkers: read from the class, the field is this declaration; read from an instance, it is that
    # instance's mapping of values.
    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Mapping[str, Any]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        return self


def parameters_of(
    *models: str, without: Iterable[str] = (), optional: bool = False
) -> ParametersOf:
    """Declare that a protocol takes the parameters of models, with their types, defaults, ranges and meaning.

    Parameters
    ----------
    models : str
        Names of models.
    without : iterable of str, optional
        Parameters that the protocol sets itself.
    optional : bool, optional
        For a protocol that runs one of several models: every default is None, which stands for the default of the
        chosen model.

    Returns
    -------
    ParametersOf
        The declaration, for a field of a class derived from `Parameters`. In an instance of that class, the field
        is a mapping of values by name. With `optional`, the mapping holds only values that were given, and
        `load_circuit` refuses a parameter that the chosen model does not have. A parameter that the protocol
        declares itself takes precedence and is not in the mapping.

    Raises
    ------
    UnknownNameError
        If there is no such model; `load_protocol` raises this error.
    SpecError
        If the models have no parameter of a name in `without`; `load_protocol` raises this error.

    Notes
    -----
    In a plain function, the declaration is an annotation, `**circuit: parameters_of("bmvr")`. With `optional`, the
    function then receives None for each parameter that was not given.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     samples: int = ds.parameter(100, "size of the data set", least=1)
    ...     circuit = ds.parameters_of("bmvr", without=("inputs",))
    >>> def protocol(p: Parameters) -> ds.Protocol:
    ...     built = ds.load_circuit("bmvr", inputs=64, **p.circuit)
    """
    names = (without,) if isinstance(without, str) else tuple(without)
    return ParametersOf(models, names, optional)


def add_circuit_parameters(
    own: Iterable[Parameter], declared: ParametersOf | None, models: Models
) -> tuple[Parameter, ...]:
    """Return a protocol's own parameters and those of its circuits, including removed ones.

    A parameter of the protocol without a meaning takes the meaning of the circuit's parameter of the same name.
    A parameter that was removed from one of the models counts as removed if no other of them has it.

    Raises
    ------
    SpecError
        If the models disagree about a parameter, or `without` names a parameter that no model has.
    """
    own = tuple(own)
    if declared is None:
        return own
    taken = {*declared.without, *(p.name for p in own)}
    found: dict[str, Parameter] = {}
    gone: dict[str, Parameter] = {}
    for model in declared.models:
        for parameter in models(model):
            if parameter.removed:
                gone.setdefault(parameter.name, parameter)
                continue
            parameter = replace(parameter, only={})  # the chosen model checks it
            _add(found, _optional(parameter) if declared.optional else parameter, declared, taken)
    for excluded in declared.without:
        if excluded not in found:
            raise SpecError(f"'without' names {excluded!r}{suggestion(excluded, found)}")
    documented = [
        p if p.doc or p.name not in found else replace(p, doc=found[p.name].doc) for p in own
    ]
    removed = (p for p in gone.values() if p.name not in found)
    return (*documented, *(p for p in (*found.values(), *removed) if p.name not in taken))


def _add(
    found: dict[str, Parameter], parameter: Parameter, declared: ParametersOf, taken: set[str]
) -> None:
    name = parameter.name
    known = found.setdefault(name, parameter)
    same = _same(known.type, parameter.type) and known.default == parameter.default
    if name not in taken and not same:
        raise SpecError(
            f"the models {', '.join(declared.models)} differ in type or default of {name!r}; declare it in "
            "the protocol, or list it in 'without'"
        )
    if known.range != parameter.range:  # the chosen model checks its own range
        found[name] = replace(known, range=None)


def _optional(parameter: Parameter) -> Parameter:
    given = parameter.type
    return replace(
        parameter, type=given if isinstance(given, OrNone) else OrNone(given), default=None
    )


def _same(one: ParameterType, other: ParameterType) -> bool:
    """Return whether two types allow the same values; their units may differ in scale, such as s and ms."""
    if isinstance(one, OrNone) and isinstance(other, OrNone):
        return _same(one.inner, other.inner)
    if isinstance(one, WithUnit) and isinstance(other, WithUnit):
        return one.dimension == other.dimension
    return one == other
