"""Values of metrics and parameters as short text: numbers, lists and arrays."""

import math
import sys
from collections.abc import Iterator
from typing import Any

Rows = list[tuple[str, ...]]
"""The rows of a table."""

SHOWN_ELEMENTS = 12
"""Longest list that is printed in full; twelve numbers of four digits fit in a line of a terminal."""

NEGLIGIBLE = sys.float_info.epsilon**2
"""Size relative to the largest number of an array below which a number is printed as 0.

Squares of rounding errors, such as losses of exact solutions, are larger; what is left after a rate has decayed to
zero for many time constants (1e-80, say) is smaller.
"""


def unboxed(value: Any) -> Any:
    """Return NumPy and xarray values as Python numbers and lists, and other values unchanged."""
    array = value.to_numpy() if hasattr(value, "to_numpy") else value
    return array.tolist() if hasattr(array, "tolist") else array


def format_value(value: Any, digits: int = 6) -> str:
    """Return a value as short text: a number with `digits` digits, a list in full, or the shape of a long list."""
    value = unboxed(value)
    if value is None or isinstance(value, str):
        return value or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, (list, tuple)):
        sides = shape(value)
        if len(sides) == 1 and len(value) <= SHOWN_ELEMENTS:
            items = without_negligible(value)
            return "[" + ", ".join(format_value(item, digits) for item in items) + "]"
        return " × ".join(map(str, sides)) + " values"
    return str(value)


def without_negligible(value: Any) -> Any:
    """Return a list, or nested lists, with numbers that are negligible beside the largest one replaced by 0."""
    least = NEGLIGIBLE * max(map(abs, filter(math.isfinite, _floats(value))), default=0.0)

    def replaced(item: Any) -> Any:
        if isinstance(item, (list, tuple)):
            return [replaced(inner) for inner in item]
        return 0.0 if isinstance(item, float) and abs(item) < least else item

    return replaced(unboxed(value))


def _floats(value: Any) -> Iterator[float]:
    value = unboxed(value)
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _floats(item)
    elif isinstance(value, float):
        yield value


def shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or of nested lists; only the first element of each list is looked at."""
    value = unboxed(value)
    if not isinstance(value, (list, tuple)):
        return ()
    return (len(value), *(shape(value[0]) if value else ()))
