"""Checks of lists, mappings and instances of classes, and checks that are made of others."""

from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from dendrosim.checks.check import Check
from dendrosim.checks.numbers import as_whole_number, is_whole
from dendrosim.checks.texts import as_any_text, as_text
from dendrosim.errors import SpecError, abbreviate
from dendrosim.units import Quantity

_MOST_ITEMS, _DEEPEST = 1_000_000, 20


def optional(check: Check) -> Check:
    """Return a check that accepts None, and otherwise what `check` accepts."""
    return lambda where, value: None if value is None else check(where, value)


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


def instance_of(kind: type) -> Check:
    """Return the check that a value is an object of a class; it raises SpecError."""

    def as_instance(where: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise SpecError(f"{where} is {abbreviate(value)}; it must be a {kind.__name__}")
        return value

    return as_instance


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
