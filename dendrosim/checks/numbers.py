"""Checks of flags, numbers, times, quantities, and values with one number per unit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks.check import Check
from dendrosim.errors import ParameterError, ShapeError, UnitError, abbreviate, prefix_errors
from dendrosim.units import (
    DIMENSIONLESS,
    TIME,
    Dimension,
    Quantity,
    as_floats,
    be_in,
    is_in,
    quantity,
    unit_name,
)

MOST_ELEMENTS = 2**31 - 1
"""Largest number of units of a population, and of units times samples: Brian2 and programs count in 32 bits."""
MOST_STEPS = 2**53
"""Largest whole number of any kind, because a double holds no larger ones exactly."""


def as_time(where: str, value: Any, example: str = "10 ms", *, or_zero: bool = False) -> Quantity:
    """Return a value as one positive, finite time.

    Parameters
    ----------
    where : str
        Name of the value in the message.
    value : quantity, text or number
        The value, such as `"20 ms"`.
    example : str, optional
        A typical value, which the message gives as an example.
    or_zero : bool, optional
        Whether 0 is allowed as well (default False).

    Raises
    ------
    UnitError
        If the value is not a single time.
    ParameterError
        If the time is not finite, or not positive (`or_zero` allows 0).
    """
    with prefix_errors(where):
        given = quantity(value)
    if given.dimension != TIME or not given.scalar:
        raise UnitError(f"{where} is {given}; it must be a time, such as {example!r}")
    number = float(given.value)
    if or_zero and not 0 <= number < np.inf:
        raise ParameterError(f"{where} is {given}; it must be finite and not negative")
    if not or_zero and not 0 < number < np.inf:
        raise ParameterError(f"{where} is {given}; it must be positive and finite")
    return given


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer of Python or NumPy; True and False do not count as integers."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def as_whole_number(where: str, value: Any, least: int | None = 0, most: int = MOST_STEPS) -> int:
    """Return a value as an integer.

    Parameters
    ----------
    where : str
        Name of the value in the message.
    value : int
        The value.
    least : int or None, optional
        Smallest number that is allowed (default 0); None means the negative of `most`.
    most : int, optional
        Largest number that is allowed (default 2^53).

    Raises
    ------
    ParameterError
        If the value is not an integer, or not between `least` and `most`.
    """
    if not is_whole(value) or (least is not None and value < least):
        at_least = "" if least is None else f" of at least {least}"
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be an integer{at_least}")
    if not (-most if least is None else least) <= value <= most:
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be at most {most}")
    return int(value)


def whole(least: int | None = 0, most: int = MOST_STEPS) -> Check:
    """Return the check of a whole number from `least` to `most`; see `as_whole_number`."""
    return lambda where, value: as_whole_number(where, value, least, most)


def as_flag(where: str, value: Any) -> bool:
    """Return a value as True or False; raises ParameterError if it is neither, such as 1 or "yes"."""
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be True or False")
    return bool(value)


def as_number(where: str, value: Any) -> float:
    """Return a value as one finite number without unit; raises ParameterError or UnitError."""
    if not isinstance(value, bool | np.bool_):
        with prefix_errors(where):
            given = quantity(value)
        if given.dimension == DIMENSIONLESS and given.scalar and np.isfinite(given.value):
            return float(given.value)
    raise ParameterError(
        f"{where} is {abbreviate(value)}; it must be one finite number without unit"
    )


def number(words: str, allowed: Callable[[float], bool]) -> Check:
    """Return the check of one number without unit that is `allowed`; `words` describe such numbers."""

    def as_allowed(where: str, value: Any) -> float:
        given = as_number(where, value)
        if not allowed(given):
            raise ParameterError(f"{where} is {given:g}; it must be {words}")
        return given

    return as_allowed


def as_values(where: str, value: Any) -> Quantity:
    """Return a value as a quantity of one or more finite numbers; raises UnitError or ParameterError."""
    with prefix_errors(where):
        given = quantity(value)
    check_finite(where, given)
    return given


def as_value(where: str, value: Any) -> Quantity:
    """Return a value as a quantity of one finite number; raises UnitError or ParameterError."""
    given = as_values(where, value)
    if not given.scalar:
        raise ShapeError(
            f"{where} must be one number; only a parameter of a population may have one value per unit"
        )
    return given


def as_array(where: str, value: Any) -> Array:
    """Return a value as a read-only array of finite numbers; raises UnitError or ShapeError."""
    with prefix_errors(where):
        array = np.array(as_floats(value), order="C")
    if not array.size or not np.all(np.isfinite(array)):
        raise ShapeError(f"{where} must be finite numbers, and at least one")
    array.flags.writeable = False
    return array


def check_unit(where: str, found: Dimension, expected: Dimension, *, zero: bool = False) -> None:
    """Raise UnitError unless two dimensions are equal; with `zero`, the value is 0, which needs no unit."""
    if found != expected and not zero:
        raise UnitError(f"{where} {is_in(unit_name(found))}; it must {be_in(unit_name(expected))}")


def check_per_unit(where: str, value: Quantity, size: int) -> None:
    """Raise ShapeError unless a value is one number, or has one number for each of `size` units."""
    if not value.scalar and np.shape(value.value) != (size,):
        raise ShapeError(
            f"{where} has shape {np.shape(value.value)}; give one number or {size} numbers"
        )


def check_finite(where: str, value: Quantity) -> None:
    """Raise ParameterError unless all numbers of a value are finite."""
    if not np.all(np.isfinite(value.value)):
        raise ParameterError(f"{where} is {value}; it must be finite")
