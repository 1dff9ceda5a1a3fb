"""Checks of values: times, whole numbers, positive or finite numbers, and values with one number per unit.

Many parts of the package share these checks, so that the same mistake gets the same message everywhere.
"""

from typing import Any

import numpy as np

from dendrosim.errors import ParameterError, ShapeError, UnitError
from dendrosim.units import TIME, Dimension, Quantity, quantity, unit_name

_LISTED = 12  # most elements of a list that a message quotes; for a longer list, it gives the shape


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


def as_whole_number(where: str, value: Any, least: int | None = 0) -> int:
    """Return a value as an integer.

    Parameters
    ----------
    where : str
        Name of the value in the message.
    value : int
        The value.
    least : int or None, optional
        Smallest number that is allowed (default 0); None allows all.

    Raises
    ------
    ParameterError
        If the value is not an integer, or is smaller than `least`.
    """
    if not is_whole(value) or (least is not None and value < least):
        at_least = "" if least is None else f" of at least {least}"
        raise ParameterError(f"{where} is {value!r}; it must be an integer{at_least}")
    return int(value)


def check_unit(where: str, found: Dimension, expected: Dimension, *, zero: bool = False) -> None:
    """Raise UnitError unless two dimensions are equal; with `zero`, the value is 0, which needs no unit."""
    if found != expected and not zero:
        raise UnitError(f"{where} is in {unit_name(found)}; it must be in {unit_name(expected)}")


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


def positive(**values: Any) -> None:
    """Check that parameters of a model or protocol are positive and finite.

    Parameters
    ----------
    **values : quantity, text, number or list of these
        The values by name.

    Raises
    ------
    ParameterError
        If a value, or an element of a list, is not positive and finite; the message names the first such value.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.positive(tau="20 ms", eta=0.1)
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) > 0)):
            raise ParameterError(f"{name} is {_describe(given, value)} must be positive and finite")


def not_negative(**values: Any) -> None:
    """Check that parameters of a model or protocol are finite and not negative.

    Parameters
    ----------
    **values : quantity, text, number or list of these
        The values by name.

    Raises
    ------
    ParameterError
        If a value, or an element of a list, is negative or not finite; the message names the first such value.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.not_negative(onset="0 s", weights=[0.0, 0.5])
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) >= 0)):
            raise ParameterError(
                f"{name} is {_describe(given, value)} must be finite and not negative"
            )


def _describe(given: Any, value: Quantity) -> str:
    """Return a value (a short list in full), then `; it` or `; each`, with which the next clause begins."""
    if isinstance(given, (list, tuple)) and len(given) <= _LISTED:
        return f"[{', '.join(map(str, given))}]; each"
    return f"{value}; it"
