"""Values of a parameter other than its default, to test whether a file uses and checks the parameter."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from dendrosim.equations.transfer.lookup import transfer_functions
from dendrosim.errors import DendrosimError
from dendrosim.library.parameter_types import (
    Boolean,
    Choice,
    Integer,
    Number,
    OrNone,
    ParameterType,
    Several,
    Text,
    WithUnit,
)
from dendrosim.library.parameters import Parameter
from dendrosim.stability.vector_field.typical_scales import typical_size
from dendrosim.units import Quantity, quantity, unit, unit_name

SECONDS = unit("s")[0]

# Small changes first, then large ones: a value close to the default may be refused, for instance if only whole
# numbers are allowed.
_FACTORS = (1.05, 0.95, 2.0, 0.5)
# A duration of a whole number of time steps remains one if it doubles, or if the step halves.
_FACTORS_OF_TIMES = (2.0, 0.5, 1.05)
_STEPS_FROM_ZERO = (0.1, 1.0, -0.1)


def second_values(
    parameter: Parameter, default: Any, elsewhere: Mapping[str, Parameter]
) -> list[Any]:
    """Return plain values of a parameter, within its declared range, that differ from its default.

    Parameters
    ----------
    parameter : Parameter
        The parameter.
    default : value
        Plain value of the parameter in the circuit or protocol that is the reference.
    elsewhere : mapping of Parameter
        Parameters of models by name. If the default is None, the default of the parameter of the same name is
        tried.

    Returns
    -------
    list
        All other options of a choice; for other types, a few values, one of which should have an effect.
    """
    found: list[Any] = []
    values = list(_other_values(parameter.type, default))
    if default is None and parameter.name in elsewhere:
        values.insert(0, elsewhere[parameter.name].default)
    for value in values:
        try:
            plain = parameter.check(value)
        except DendrosimError:
            continue  # outside of the declared range
        if plain != default and plain not in found:
            found.append(plain)
    return found


def is_choice(parameter: Parameter) -> bool:
    """Return whether a parameter has a few values, each of which may change the equations."""
    inner = parameter.type.inner if isinstance(parameter.type, OrNone) else parameter.type
    return isinstance(inner, Choice | Boolean) or (
        isinstance(inner, Text) and parameter.default in transfer_functions()
    )


def _other_values(value_type: ParameterType, default: Any) -> Iterator[Any]:
    if isinstance(value_type, OrNone):
        yield from _other_values(value_type.inner, default)
        yield None
    elif isinstance(value_type, Choice):
        yield from value_type.options
    elif isinstance(value_type, Boolean):
        yield from (False, True)
    elif isinstance(value_type, Integer):
        yield from (1, 2) if default is None else (default + 1, default - 1, 2 * default)
    elif isinstance(value_type, Number):
        yield from _other_numbers(default)
    elif isinstance(value_type, WithUnit):
        yield from _other_quantities(value_type, default)
    elif isinstance(value_type, Text):
        yield from transfer_functions() if default in transfer_functions() else ()
        yield f"{default or 'another'}_text"
    elif isinstance(value_type, Several):
        yield from _other_lists(value_type.element, tuple(default or ()))


def _other_numbers(default: float | None) -> Iterator[float]:
    if default is None or not isfinite(default):
        yield from (1.0, 0.5, -1.0)
    elif default == 0.0:
        yield from _STEPS_FROM_ZERO
    else:
        yield from (default * factor for factor in _FACTORS)


def _other_quantities(value_type: WithUnit, default: str | None) -> Iterator[Quantity | str]:
    if default is None or not isfinite(float(quantity(default).value)):
        yield from _usual_quantities(value_type)
        return
    read = quantity(default)
    size = float(read.value)
    if size == 0.0:
        yield from (f"{step} {value_type.written}" for step in _STEPS_FROM_ZERO)
        return
    factors = _FACTORS_OF_TIMES if read.dimension == SECONDS else _FACTORS
    yield from (Quantity(size * factor, read.dimension) for factor in factors)


def _usual_quantities(value_type: WithUnit) -> Iterator[Quantity | str]:
    if value_type.dimension in (None, SECONDS):
        yield from ("10 ms", "1 s")
    else:
        yield Quantity(typical_size(unit_name(value_type.dimension)), value_type.dimension)


def _other_lists(element: ParameterType, default: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield lists with one element more, with another last element, and with one element less."""
    others = list(_other_values(element, default[-1] if default else None))
    yield from ((*default, other) for other in others)
    if default:
        yield (*default, default[-1])
        yield from ((*default[:-1], other) for other in others)
        yield default[:-1]
