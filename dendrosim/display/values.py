"""Values of metrics and parameters as short text: numbers, lists and arrays."""

from typing import Any

Rows = list[tuple[str, ...]]
"""The rows of a table."""

SHOWN_ELEMENTS = 12
"""Longest list that is printed in full; twelve numbers of four digits fit in a line of a terminal."""


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
            return "[" + ", ".join(format_value(item, digits) for item in value) + "]"
        return " × ".join(map(str, sides)) + " values"
    return str(value)


def shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or of nested lists; only the first element of each list is looked at."""
    value = unboxed(value)
    if not isinstance(value, (list, tuple)):
        return ()
    return (len(value), *(shape(value[0]) if value else ()))
