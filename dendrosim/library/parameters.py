"""Parameters of model and protocol files, read from the signature of the file's function.

A keyword with an annotation and a default is a parameter; a protocol takes those of its circuits
through `**circuit: parameters_of("model")`.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dendrosim.errors import DendrosimError, SpecError, UnknownNameError, UsageError, suggestion
from dendrosim.library.docstrings import parameter_texts
from dendrosim.library.parameter_types import OrNone, ParameterType, WithUnit, parameter_type
from dendrosim.units import Quantity

REQUIRED: Any = inspect.Parameter.empty
"""The default of a parameter that has none."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, what values it takes, its default in plain form, and its meaning."""

    name: str
    type: ParameterType
    default: Any = REQUIRED
    doc: str = ""

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED

    def read(self, text: str) -> Any:
        """Return the plain value of a text; errors name the parameter."""
        return self._named(self.type.read, text)

    def check(self, value: Any) -> Any:
        """Return the plain form of a Python value; errors name the parameter."""
        return self._named(self.type.check, value)

    def _named(self, method: Callable[[Any], Any], value: Any) -> Any:
        try:
            return method(value)
        except DendrosimError as error:
            raise type(error)(f"parameter {self.name!r}: {error}") from None


@dataclass(frozen=True)
class ParametersOf:
    """Annotation of a protocol's `**circuit`: the parameters of these models, without some.

    With `optional`, None stands for the default of the model that is chosen.
    """

    models: tuple[str, ...]
    without: tuple[str, ...] = ()
    optional: bool = False


def parameters_of(
    *models: str, without: Iterable[str] = (), optional: bool = False
) -> ParametersOf:
    """Say that a protocol takes the parameters of models, with their types, defaults and meaning.

    Parameters
    ----------
    models : str
        Names of models.
    without : iterable of str, optional
        Parameters that the protocol sets itself.
    optional : bool, optional
        For a protocol with one of several models: every default is None, the chosen model's own.
        Pass on what is not None; a parameter that the chosen model does not have is then refused.

    Examples
    --------
    The circuit's parameters arrive in `circuit`, all of them, defaults filled in; a keyword that
    the function declares itself takes precedence and arrives there.

    >>> def protocol(*, samples: int = 100, **circuit: parameters_of("bmvr", without=("inputs",))):
    ...     built = load_circuit("bmvr", inputs=64, **circuit)
    """
    names = (without,) if isinstance(without, str) else tuple(without)
    return ParametersOf(models, names, optional)


Models = Callable[[str], tuple[Parameter, ...]]
"""Returns the parameters of the model of a name."""


def read_signature(
    function: Callable[..., Any], docstring: str | None, models: Models
) -> tuple[Parameter, ...]:
    """Return the parameters of the function of a model or protocol file, its own first.

    Raises
    ------
    SpecError
        If a keyword has no annotation, an unsupported one, or a default that it forbids.
    """
    texts = {**parameter_texts(docstring), **parameter_texts(function.__doc__)}
    own: list[Parameter] = []
    theirs: dict[str, Parameter] = {}
    without: tuple[str, ...] = ()
    for name, declared in inspect.signature(function, eval_str=True).parameters.items():
        if declared.kind is inspect.Parameter.VAR_KEYWORD:  # Python lets it stand last only
            theirs = _inherited(name, declared.annotation, models, {p.name for p in own})
            without = declared.annotation.without
        elif declared.kind in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            own.append(_declared(name, declared.annotation, declared.default, texts.get(name, "")))
        else:
            raise SpecError(f"{name!r} must be a keyword parameter")
    documented = [
        p if p.doc or p.name not in theirs else replace(p, doc=theirs[p.name].doc) for p in own
    ]
    taken = {*without, *(p.name for p in own)}
    return (*documented, *(p for p in theirs.values() if p.name not in taken))


def _declared(name: str, annotation: Any, default: Any, doc: str) -> Parameter:
    if annotation is inspect.Parameter.empty:
        raise SpecError(f"parameter {name!r} has no type; annotate it, as in '{name}: float = 0.1'")
    try:
        value_type = parameter_type(annotation, None if default is REQUIRED else default)
        plain = default if default is REQUIRED else value_type.check(default)
    except DendrosimError as error:
        raise SpecError(f"parameter {name!r}, its type and default: {error}") from None
    return Parameter(name, value_type, plain, doc)


def _inherited(name: str, annotation: Any, models: Models, own: set[str]) -> dict[str, Parameter]:
    """Return every parameter of the models that an annotation names, also those it leaves out."""
    if not isinstance(annotation, ParametersOf):
        raise SpecError(f"'**{name}' must be annotated, as in '**{name}: parameters_of(\"model\")'")
    found: dict[str, Parameter] = {}
    for model in annotation.models:
        for declared in models(model):
            parameter = _optional(declared) if annotation.optional else declared
            known = found.setdefault(parameter.name, parameter)
            if parameter.name not in own.union(annotation.without) and not _agree(known, parameter):
                raise SpecError(
                    f"the models {', '.join(annotation.models)} differ in type or default of "
                    f"{parameter.name!r}; declare it in the protocol, or list it in 'without'"
                )
    for excluded in annotation.without:
        if excluded not in found:
            raise SpecError(f"'without' names {excluded!r}{suggestion(excluded, found)}")
    return found


def _optional(parameter: Parameter) -> Parameter:
    value_type = parameter.type if isinstance(parameter.type, OrNone) else OrNone(parameter.type)
    return replace(parameter, type=value_type, default=None)


def _agree(one: Parameter, other: Parameter) -> bool:
    return _same(one.type, other.type) and one.default == other.default


def _same(one: ParameterType, other: ParameterType) -> bool:
    """Return whether two types take the same values; they may be written in different units."""
    if isinstance(one, OrNone) and isinstance(other, OrNone):
        return _same(one.inner, other.inner)
    if isinstance(one, WithUnit) and isinstance(other, WithUnit):
        return one.dimension == other.dimension
    return one == other


def complete_values(
    what: str, parameters: Iterable[Parameter], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the plain value of every parameter, checked, defaults filled in.

    Raises
    ------
    UnknownNameError
        If a given name is not a parameter of `what`.
    UsageError
        If a required parameter is missing, or a value of another type.
    SpecError
        If a value is not allowed.
    """
    by_name = {p.name: p for p in parameters}
    _refuse_unknown(what, by_name, given)
    missing = [p for p in by_name.values() if p.required and p.name not in given]
    if missing:
        listed = ", ".join(f"{p.name} ({p.type})" for p in missing)
        raise UsageError(f"{what} needs a value for {listed}")
    return {
        p.name: p.check(given[p.name]) if p.name in given else p.default for p in by_name.values()
    }


def read_texts(
    what: str, parameters: Iterable[Parameter], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the plain values that texts from the command line mean; raises as `complete_values` does."""
    by_name = {p.name: p for p in parameters}
    _refuse_unknown(what, by_name, texts)
    return {name: by_name[name].read(text) for name, text in texts.items()}


def build_arguments(parameters: Iterable[Parameter], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file's function receives: quantities as `Quantity`, lists as tuples."""
    return {p.name: p.type.build(plain[p.name]) for p in parameters}


def convert_to_si(
    parameters: Iterable[Parameter], plain: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return plain values with quantities as SI numbers, and the SI unit of each that has one."""
    values: dict[str, Any] = dict(plain)
    units: dict[str, str] = {}
    for name, built in build_arguments(parameters, plain).items():
        several = built if isinstance(built, tuple) else (built,)
        if several and all(isinstance(q, Quantity) for q in several):
            numbers = [q.value for q in several]
            values[name] = numbers if isinstance(built, tuple) else numbers[0]
            units[name] = several[0].unit
    return values, units


def _refuse_unknown(what: str, parameters: Mapping[str, Any], given: Iterable[str]) -> None:
    for name in given:
        if name not in parameters:
            raise UnknownNameError(f"parameter of {what}", name, parameters)
