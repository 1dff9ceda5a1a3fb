"""Reads the values over which a parameter varies: `0.05:0.45:40`, `5 ms:20 ms:4`, `linear,smooth_leaky`."""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from dendrosim.errors import ParameterError, UsageError, abbreviate
from dendrosim.library.parameter_types import Integer, Number, OrNone, ParameterType, WithUnit
from dendrosim.library.parameters import Parameter
from dendrosim.units import quantity

MOST_POINTS = 1_000_000
"""Largest number of points of a sweep; a larger number is a typing error."""

_NUMBER = re.compile(
    r"\s*[\"']?\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>.*?)[\"']?\s*",
    re.DOTALL,
)


def split_outside(text: str, separator: str) -> list[str]:
    """Split a text at each separator that is outside of brackets and quotation marks.

    Raises
    ------
    UsageError
        If a bracket or quotation mark is not closed.
    """
    parts, begin, depth, quote = [], 0, 0, ""
    for position, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[]":
            depth += 1 if sign == "[" else -1
        elif sign == separator and depth == 0:
            parts.append(text[begin:position])
            begin = position + 1
        if depth < 0:
            break
    if depth or quote:
        missing = f"quotation mark {quote}" if quote else "bracket"
        raise UsageError(f"{abbreviate(text)} has a {missing} without its other half")
    return [*parts, text[begin:]]


def is_ranged(parameter: Parameter) -> bool:
    """Return whether the values of a parameter are numbers or quantities, which a range can contain."""
    return isinstance(_inner(parameter.type), Number | Integer | WithUnit)


def _inner(given: ParameterType) -> ParameterType:
    return given.inner if isinstance(given, OrNone) else given


def read_values(parameter: Parameter, text: str) -> list[Any]:
    """Return the plain values that a text lists; a part START:STOP:COUNT is a range that includes both ends.

    Raises
    ------
    UsageError
        If a part cannot be read, or there is none.
    SpecError
        If a value is not allowed.
    """
    return [value for part in _parts(parameter, text) for value in _read_part(parameter, part)]


def read_span(parameter: Parameter, text: str) -> tuple[Any, Any] | None:
    """Return the ends of a text START:STOP, between which values are drawn; None if it is no such text."""
    ends = split_outside(text, ":") if is_ranged(parameter) else []
    if len(ends) != 2:
        return None
    return parameter.read(ends[0]), parameter.read(ends[1])


def _parts(parameter: Parameter, text: str) -> list[str]:
    parts = split_outside(text, ",")
    for number, part in enumerate(parts, 1):
        if not part.strip():
            raise UsageError(
                f"parameter {parameter.name!r}: value {number} of {len(parts)} is empty in {abbreviate(text)}; "
                "write values with commas between them, or START:STOP:COUNT"
            )
    return parts


def _read_part(parameter: Parameter, part: str) -> Iterator[Any]:
    ends = split_outside(part, ":") if is_ranged(parameter) else [part]
    if len(ends) == 1:
        yield parameter.read(part)
        return
    if len(ends) != 3:
        raise UsageError(
            f"parameter {parameter.name!r}: {abbreviate(part)} is no range; write START:STOP:COUNT, as in "
            f"'{_example(parameter)}', or START:STOP with --sampling random or latin"
        )
    count = _read_count(parameter, part, ends[2])
    first, last = parameter.read(ends[0]), parameter.read(ends[1])
    for position in range(count):
        yield between(parameter, (first, last), Fraction(position, count - 1))


def _example(parameter: Parameter) -> str:
    unit = f" {parameter.type.unit}" if parameter.type.unit else ""
    return f"5{unit}:20{unit}:4"


def _read_count(parameter: Parameter, part: str, text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 2 <= count <= MOST_POINTS:
        raise ParameterError(
            f"parameter {parameter.name!r}: the range {abbreviate(part)} has {text.strip() or 'no'} values; the "
            f"COUNT of START:STOP:COUNT must be a whole number from 2 to {MOST_POINTS:,}"
        )
    return count


def between(parameter: Parameter, ends: tuple[Any, Any], part: Fraction | float) -> Any:
    """Return the plain value at a part, from 0 to 1, of the way between two plain values of a parameter.

    If both ends are written with the same unit, the value is too, and it is the double nearest to the exact
    decimal number, so that 0:1:11 contains 0.3 and not 0.30000000000000004.

    Raises
    ------
    ParameterError
        If the value is not allowed; for whole numbers, if it is not whole.
    """
    (first, unit), (last, other) = (_decimal(parameter, end) for end in ends)
    if unit != other:
        (first, unit), (last, _) = (_in_si(parameter, end) for end in ends)
    value = first + Fraction(part) * (last - first)
    inner = _inner(parameter.type)
    if isinstance(inner, Integer):
        if value.denominator != 1:
            raise ParameterError(
                f"parameter {parameter.name!r}: the range from {ends[0]} to {ends[1]} has the value "
                f"{float(value):g}, which is not whole; choose a COUNT with which all steps are whole"
            )
        return parameter.check(int(value))
    if isinstance(inner, WithUnit):
        return parameter.check(f"{_short(float(value))} {unit}")
    return parameter.check(float(value))


def _short(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _decimal(parameter: Parameter, plain: Any) -> tuple[Fraction, str]:
    """Return a plain value as an exact number and the text of its unit; raise ParameterError if it is infinite."""
    found = _NUMBER.fullmatch(str(plain))
    if found is None:
        raise ParameterError(
            f"parameter {parameter.name!r}: {plain} cannot be the end of a range; it must be finite"
        )
    return Fraction(found["number"]), found["unit"].strip()


def _in_si(parameter: Parameter, plain: Any) -> tuple[Fraction, str]:
    read = quantity(plain)
    if not math.isfinite(float(read.value)):
        return _decimal(parameter, plain)
    return Fraction(float(read.value)), read.unit
