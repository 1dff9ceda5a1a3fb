"""Parameters of model and protocol files, and their values as texts, plain values and arguments."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dendrosim.circuit.declaration import REQUIRED
from dendrosim.errors import (
    DendrosimError,
    ParameterError,
    SpecError,
    UnknownNameError,
    UsageError,
)
from dendrosim.library.parameter_types import (
    OrNone,
    ParameterType,
    WithUnit,
    parameter_type,
    shorten,
    to_text,
)
from dendrosim.library.ranges import Range, range_of
from dendrosim.units import Quantity, quantity

_FAILS = {"be": "is not", "lie": "does not", "not": "is"}
"""For the first word of each rule, the words with which a message says that a value breaks the rule."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a file.

    Parameters
    ----------
    name : str
        Name of the parameter.
    type : ParameterType
        Type of its values.
    default : optional
        Plain default value; `REQUIRED` (default) if a value must be given.
    doc : str, optional
        Meaning of the parameter.
    range : Range, optional
        Range of the allowed numbers. Without a range, the file checks numbers itself.
    removed : str, optional
        Advice for a name that is no longer a parameter: what to use instead. The message of the error shows this
        advice.
    only : mapping of str to tuple, optional
        Values of other parameters with which this one has an effect.
    """

    name: str
    type: ParameterType
    default: Any = REQUIRED
    doc: str = ""
    range: Range | None = None
    removed: str = ""
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED

    def read(self, text: str) -> Any:
        """Read the plain value from a text; errors name the parameter."""
        return self._in_range(self._named(self.type.read, text))

    def check(self, value: Any) -> Any:
        """Return the plain form of a Python value; errors name the parameter."""
        return self._in_range(self._named(self.type.check, value))

    def check_effect(self, plain: Mapping[str, Any]) -> None:
        """Raise ParameterError if a value differs from the default and changes nothing with the other values."""
        if self._is_default(plain[self.name]):
            return
        for other, allowed in self.only.items():
            if other in plain and plain[other] not in allowed:
                raise ParameterError(
                    f"{self.name} is {shorten(to_text(plain[self.name]))}, which changes nothing with "
                    f"{other}={to_text(plain[other])}: leave it out, or choose "
                    f"{other}={' or '.join(map(to_text, allowed))}"
                )

    def _is_default(self, plain: Any) -> bool:
        """Return whether a plain value is the default, perhaps written differently (0.01 s for 10 ms)."""
        if plain == self.default:
            return True
        written = isinstance(plain, str) and isinstance(self.default, str)
        given = self.type.inner if isinstance(self.type, OrNone) else self.type
        return written and isinstance(given, WithUnit) and quantity(plain) == quantity(self.default)

    def _named(self, method: Callable[[Any], Any], value: Any) -> Any:
        try:
            return method(value)
        except DendrosimError as error:
            raise type(error)(f"parameter {self.name!r}: {error}") from None

    def _in_range(self, plain: Any) -> Any:
        outside = None if self.range is None else self.range.first_outside(plain)
        if self.range is None or outside is None:
            return plain
        rule, is_ = self.range.violated_rule(outside), f"{self.name} is {shorten(to_text(plain))}"
        if isinstance(plain, tuple):
            fails = _FAILS[rule.partition(" ")[0]]
            raise ParameterError(f"{is_}; each must {rule}, and {to_text(outside)} {fails}")
        raise ParameterError(f"{is_}; it must {rule}")


def declare_parameter(
    name: str,
    annotation: Any,
    default: Any,
    doc: str,
    *,
    unit: str = "",
    bounds: Mapping[str, Any] | None = None,
    only: Mapping[str, tuple[Any, ...]] | None = None,
) -> Parameter:
    """Return the parameter that an annotation and a default declare.

    Parameters
    ----------
    name, doc : str
        Name and meaning of the parameter.
    annotation : type
        Annotation as `parameter_type` accepts it.
    default : value
        Default value, or `REQUIRED` if there is no default.
    unit : str, optional
        Unit of a quantity whose default is None or missing.
    bounds : mapping, optional
        Bounds by name, as `range_of` takes them; None if the file itself checks the values.
    only : mapping, optional
        Values of other parameters with which this one has an effect (default: all).

    Raises
    ------
    SpecError
        If the annotation is missing or is not a type of parameters, if the default is not allowed, if there is a
        unit but the values are not quantities, or if no number is within the bounds.
    """
    if not isinstance(doc, str):
        raise SpecError(f"parameter {name!r}: its meaning is {doc!r}; it must be a text")
    if annotation is inspect.Parameter.empty:
        raise SpecError(
            f"parameter {name!r} has no type; annotate it, as in '{name}: {_usual_type(default)} = ...'"
        )
    try:
        hint = None if default is REQUIRED else default
        value_type = parameter_type(annotation, f"1 {unit}" if unit else hint)
        if unit and not value_type.unit:
            raise SpecError(
                f"unit is {unit!r}, but a value is: {value_type}; only quantities have a unit"
            )
        allowed = None if bounds is None else range_of(value_type, bounds)
        declared = Parameter(name, value_type, REQUIRED, doc, allowed, only=only or {})
        if default is not REQUIRED:
            return replace(declared, default=declared._in_range(value_type.check(default)))
    except DendrosimError as error:
        raise SpecError(f"parameter {name!r}, its type and default: {error}") from None
    return declared


def _usual_type(default: Any) -> str:
    """Return an annotation that suits a default value, for a message."""
    if isinstance(default, tuple) and default:
        return f"tuple[{_usual_type(default[0])}, ...]"
    if isinstance(default, str):
        return "ds.Quantity" if default[:1].isdigit() else "str"
    known = type(default).__name__
    return known if known in ("bool", "int") else "float"


def complete_values(
    what: str, parameters: Iterable[Parameter], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the plain value of every parameter: the given value, after a check, or else the default.

    Raises
    ------
    UnknownNameError
        If a given name is not a parameter of `what`.
    UsageError
        If a required parameter is missing, a value has the wrong type, or its parameter was removed.
    SpecError
        If a value is not allowed.
    """
    by_name = _find(what, parameters, given)
    missing = [p for p in by_name.values() if p.required and p.name not in given]
    if missing:
        names = ", ".join(f"{p.name} ({p.type})" for p in missing)
        raise UsageError(f"{what} needs a value for {names}")
    plain = {
        p.name: p.check(given[p.name]) if p.name in given else p.default for p in by_name.values()
    }
    for parameter in by_name.values():
        parameter.check_effect(plain)
    return plain


def read_texts(
    what: str, parameters: Iterable[Parameter], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Read plain values from texts of the command line; raise the errors of `complete_values`."""
    by_name = _find(what, parameters, texts)
    return {name: by_name[name].read(text) for name, text in texts.items()}


def build_values(parameters: Iterable[Parameter], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a file's function receives: quantities as `Quantity`, lists as tuples."""
    return {p.name: p.type.build(plain[p.name]) for p in parameters if not p.removed}


def convert_to_si(
    parameters: Iterable[Parameter], plain: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return plain values, with quantities as SI numbers, and the SI unit of each quantity."""
    values: dict[str, Any] = dict(plain)
    units: dict[str, str] = {}
    for name, built in build_values(parameters, plain).items():
        several = built if isinstance(built, tuple) else (built,)
        if several and all(isinstance(q, Quantity) for q in several):
            numbers = [q.value for q in several]
            values[name] = numbers if isinstance(built, tuple) else numbers[0]
            units[name] = several[0].unit
    return values, units


def find_by_name(
    what: str, parameters: Iterable[Parameter], given: Iterable[str]
) -> dict[str, Parameter]:
    """Return the parameters of some names; raises UnknownNameError, or UsageError if one was removed."""
    found = _find(what, parameters, given)
    return {name: found[name] for name in given}


def _find(what: str, parameters: Iterable[Parameter], given: Iterable[str]) -> dict[str, Parameter]:
    """Return the parameters by name, without removed ones; raise an error if a given name is not among them."""
    known = {p.name: p for p in parameters}
    found = {name: p for name, p in known.items() if not p.removed}
    for name in given:
        if name in found:
            continue
        if name in known:
            raise UsageError(f"{what} has no parameter {name!r} any more: {known[name].removed}")
        raise UnknownNameError(f"parameter of {what}", name, found)
    return found
