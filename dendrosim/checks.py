"""Checks of values: texts, flags, numbers, times, lists, mappings, and values with one number per unit.

Many parts of the package share these checks, so that the same mistake gets the same message everywhere. A function
`as_...(where, value)` returns a value in the form that is kept, or raises an error that begins with `where`. Such
a function is a `Check`; each field of a specification has one (see `dendrosim.spec`).
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
    abbreviate,
    prefix_errors,
)
from dendrosim.units import (
    DIMENSIONLESS,
    TIME,
    Dimension,
    Quantity,
    as_floats,
    quantity,
    unit,
    unit_name,
)

Check = Callable[[str, Any], Any]
"""A function of the name of a value in messages and the value; it returns the value in the form that is kept."""

MOST_ELEMENTS = 2**31 - 1
"""Largest number of units of a population, and of units times samples: Brian2 and programs count in 32 bits."""
MOST_STEPS = 2**53
"""Largest whole number of any kind, because a double holds no larger ones exactly."""
_LONGEST_NAME, _MOST_ITEMS, _DEEPEST = 200, 1_000_000, 20

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


def as_text(where: str, value: Any, most: int = _LONGEST_NAME) -> str:
    """Return a value as text of printable characters on one line; raises SpecError if it is not."""
    if not isinstance(value, str):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be text")
    if len(value) > most or not value.isprintable():
        raise SpecError(
            f"{where} is {abbreviate(value)}; it must be at most {most} printable characters on one line"
        )
    return str.__str__(value)


def as_label(where: str, value: Any) -> str:
    """Return a value as text for a name, which must not be empty; raises SpecError."""
    if not isinstance(value, str) or not value:
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be text such as 'learning'")
    return as_text(where, value)


def as_code(where: str, value: Any) -> str:
    """Return a value as the text of equations, whose characters and length the parser checks; raises SpecError."""
    if not isinstance(value, str):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be text")
    return str.__str__(value)


def as_unit(where: str, value: Any) -> str:
    """Return a value as the text of a unit; raises SpecError or UnitError."""
    text = as_text(where, value)
    with prefix_errors(where):
        unit(text)
    return text


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


def as_plain(where: str, value: Any, level: int = 0) -> Any:
    """Return a value that JSON can hold: None, flag, number, text, quantity, array, or lists and mappings of them.

    Raises
    ------
    SpecError
        If the value, or a value in it, is something else, or if it is nested too deeply.
    """
    if value is None or isinstance(value, Quantity):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if is_whole(value):
        return as_whole_number(where, value, None, 2**1000)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, str):
        return as_any_text(where, value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        copy = np.array(value, order="C")
        copy.flags.writeable = False
        return copy
    if isinstance(value, list | tuple | Mapping) and level < _DEEPEST:

        def inner(where: str, value: Any) -> Any:
            return as_plain(where, value, level + 1)

        return (mapping_of if isinstance(value, Mapping) else sequence_of)(inner)(where, value)
    raise SpecError(
        f"{where} is {abbreviate(value)}; it must be a number, text, quantity or array, or lists and mappings of "
        f"these, at most {_DEEPEST} inside each other"
    )


def as_any_text(where: str, value: Any) -> str:
    """Return a value as text that may have any characters and any length; raises SpecError."""
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be text of whole characters")
    return str.__str__(value)


def optional(check: Check) -> Check:
    """Return a check that accepts None, and otherwise what `check` accepts."""
    return lambda where, value: None if value is None else check(where, value)


def one_of(*words: str) -> Check:
    """Return the check that a value is one of some words; it raises UnknownMemberError."""

    def as_word(where: str, value: Any) -> str:
        if isinstance(value, str) and str(value) in words:
            return str.__str__(value)
        if isinstance(value, str) and len(value) <= _LONGEST_NAME:
            raise UnknownMemberError(where, str(value), words)
        raise ParameterError(
            f"{where} is {abbreviate(value)}; it must be one of {', '.join(words)}"
        )

    return as_word


def word_or(check: Check, *words: str) -> Check:
    """Return a check that accepts some words, and otherwise what `check` accepts; its errors list the words."""

    def as_either(where: str, value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return str.__str__(value)
        try:
            return check(where, value)
        except SpecError as error:
            error.args = (f"{error}, or {' or '.join(map(repr, words))}",)
            raise

    return as_either


def sequence_of(check: Check) -> Check:
    """Return the check of a list whose elements each pass `check`; it returns a tuple."""

    def as_sequence(where: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise SpecError(f"{where} is {abbreviate(value)}; it must be a tuple or list")
        items = tuple(islice(value, _MOST_ITEMS + 1))
        if len(items) > _MOST_ITEMS:
            raise SpecError(f"{where} has more than {_MOST_ITEMS} elements")
        return tuple(check(f"{where}[{k}]", item) for k, item in enumerate(items))

    return as_sequence


def mapping_of(check: Check, key: Check = as_text) -> Check:
    """Return the check of a mapping whose keys and values each pass a check; it returns a read-only mapping."""

    def as_mapping(where: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise SpecError(
                f"{where} is {abbreviate(value)}; it must be a mapping such as {{'name': value}}"
            )
        return MappingProxyType(
            {key(f"{where}: a key", k): check(f"{where}[{k!r}]", v) for k, v in value.items()}
        )

    return as_mapping


def instance_of(kind: type) -> Check:
    """Return the check that a value is an object of a class; it raises SpecError."""

    def as_instance(where: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise SpecError(f"{where} is {abbreviate(value)}; it must be a {kind.__name__}")
        return value

    return as_instance


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
