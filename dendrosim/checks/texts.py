"""Checks of texts: names, code, units, and one of several words."""

from typing import Any

from dendrosim.checks.check import Check
from dendrosim.errors import (
    ParameterError,
    SpecError,
    UnknownMemberError,
    abbreviate,
    prefix_errors,
)
from dendrosim.units import unit

_LONGEST_NAME = 200


def _as_str(where: str, value: Any, example: str = "") -> str:
    """Return a text as a plain `str`; raises ParameterError if a value is not text."""
    if not isinstance(value, str):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be text{example}")
    return str.__str__(value)


def as_text(where: str, value: Any, most: int = _LONGEST_NAME) -> str:
    """Return a value as text of printable characters on one line; raises SpecError if it is not."""
    value = _as_str(where, value)
    if len(value) > most or not value.isprintable():
        raise SpecError(
            f"{where} is {abbreviate(value)}; it must be at most {most} printable characters on one line"
        )
    return value


def as_label(where: str, value: Any) -> str:
    """Return a value as text for a name, which must not be empty; raises SpecError."""
    if not _as_str(where, value, " such as 'learning'"):
        raise ParameterError(f"{where} is empty; it must be text such as 'learning'")
    return as_text(where, value)


def as_code(where: str, value: Any) -> str:
    """Return a value as the text of equations, whose characters and length the parser checks; raises SpecError."""
    return _as_str(where, value)


def as_any_text(where: str, value: Any) -> str:
    """Return a value as text that may have any characters and any length; raises SpecError."""
    text = _as_str(where, value)
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ParameterError(f"{where} is {abbreviate(text)}; it must be text of whole characters")
    return text


def as_unit(where: str, value: Any) -> str:
    """Return a value as the text of a unit; raises SpecError or UnitError."""
    text = as_text(where, value)
    with prefix_errors(where):
        unit(text)
    return text


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
