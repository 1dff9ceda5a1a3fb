"""Short texts of values: what `repr` of every public value shows, and values in messages and tables.

A class that derives from `ShortRepr` is shown as a call of its constructor that is cut short: long texts end in
`...`, arrays and lists are shown by their size, and fields with their default are left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import numpy as np

from dendrosim.errors import printable
from dendrosim.units import Quantity

LONGEST = 240
"""Number of characters of the longest short text of an object: about two lines of a console."""

PART, FEW = 48, 4
"""Number of characters of the longest text of a field, and of elements of the longest list that is shown."""

ELLIPSIS = "..."


class ShortRepr:
    """Base class of dataclasses whose `repr` is short, however much they hold."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in vars(cls):  # else the dataclass decorator would make one
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return short_record(self)


def short_record(value: Any) -> str:
    """Return a dataclass or a named tuple as short text, a call of its constructor."""
    return short_call(type(value).__name__, _shown(value))


def short_call(name: str, arguments: Iterable[tuple[str, Any]]) -> str:
    """Return a call as short text.

    Parameters
    ----------
    name : str
        What is called.
    arguments : iterable of (str, value)
        Name and value of each argument; the name of a positional one is empty.
    """
    texts = [f"{n}={short(v)}" if n else short(v) for n, v in arguments]
    return printable(_cut(f"{name}({', '.join(texts)})", LONGEST))


def short(value: Any) -> str:
    """Return a value as text of at most about `PART` characters on one line."""
    if isinstance(value, str):
        return repr(_cut(" ".join(value.split()), PART))
    if isinstance(value, Quantity):
        return short(value.value) if value.unit == "1" else repr(str(value))
    if isinstance(value, np.generic):
        return short(value.item())
    if isinstance(value, np.ndarray):
        return f"<{value.shape} array>"
    if isinstance(value, Mapping):
        return "{" + _listed([_cut(str(key), PART) for key in value]) + "}"
    if isinstance(value, (tuple, list)) and not _is_record(value):
        return _short_list(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    return _cut(" ".join(repr(value).split()), PART)


def _short_list(values: tuple[Any, ...] | list[Any]) -> str:
    names = [getattr(v, "name", None) for v in values]
    if values and all(isinstance(name, str) for name in names):
        return f"({_listed([str(name) for name in names])})"
    if len(values) > FEW:
        return f"<{len(values)} values>"
    inside = ", ".join(map(short, values))
    if isinstance(values, list):
        return f"[{inside}]"
    return f"({inside},)" if len(values) == 1 else f"({inside})"


def _listed(names: list[str]) -> str:
    more = f", {ELLIPSIS} {len(names) - FEW} more" if len(names) > FEW + 1 else ""
    return ", ".join(names[:FEW] if more else names) + more


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _shown(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the fields of a dataclass or named tuple that its `repr` shows."""
    if not is_dataclass(value):
        yield from value._asdict().items()
        return
    for field in fields(value):
        held = vars(value).get(field.name, MISSING)  # an object that is being made may lack some
        if held is MISSING or not field.repr:
            continue
        if field.default is MISSING and field.default_factory is MISSING:
            yield "", held
        elif not is_default(field, held):
            yield field.name, held


def is_default(field: Field[Any], value: Any) -> bool:
    """Return whether a field of a dataclass has its default; an array never counts as a default."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    if value is default:
        return True
    return not isinstance(value, np.ndarray) and type(value == default) is bool and value == default


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(ELLIPSIS)] + ELLIPSIS


def count(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
