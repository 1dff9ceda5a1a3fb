"""Ranges of declared parameters: their bounds, the check of a number, and their names in messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from dendrosim.errors import DendrosimError, SpecError
from dendrosim.library.parameter_types import (
    Integer,
    Number,
    OrNone,
    ParameterType,
    Several,
    WithUnit,
    to_text,
)
from dendrosim.units import Quantity

_PHRASES = {"above": "above {}", "least": "at least {}", "below": "below {}", "most": "at most {}"}


@dataclass(frozen=True)
class Range:
    """The numbers that are allowed as the value of a parameter, or as elements of a list.

    Parameters
    ----------
    type : ParameterType
        Type of one number.
    bounds : mapping
        Plain values of that type by name: a number must exceed `above`, be less than `below`, and lie from `least`
        to `most`. It must be finite, unless it equals an infinite `least` or `most`.
    """

    type: ParameterType
    bounds: Mapping[str, Any]

    def first_outside(self, plain: Any) -> Any:
        """Return the first plain number that is not in the range, or None if all numbers are in the range."""
        values = plain if isinstance(plain, tuple) else (plain,)
        outside = (v for v in values if v is not None and self.violated_rule(v))
        return next(outside, None)

    def violated_rule(self, plain: Any) -> str:
        """Return the rule that a number breaks, in the words that follow `must` in a message, or an empty text."""
        number = self._number(plain)
        if not self._within_bounds(number):
            text = str(self)
            if text == "not negative":
                return "not be negative"
            return f"{'lie' if text.startswith('between') else 'be'} {text}"
        if isinstance(number, int) or isfinite(number):
            return ""
        return "" if number in (self._bound("least"), self._bound("most")) else "be finite"

    @property
    def is_empty(self) -> bool:
        """Whether no number is within the bounds."""
        lower = [b for b in (self._bound("above"), self._bound("least")) if b is not None]
        upper = [b for b in (self._bound("below"), self._bound("most")) if b is not None]
        if not lower or not upper:
            return False
        least, most = max(lower), min(upper)
        reached = least not in (self._bound("above"), self._bound("below"))
        return bool(least > most or (least == most and not reached))

    def list_bounds(self) -> str:
        """Return all bounds in words, such as `above 0 and at most 1`."""
        return " and ".join(
            phrase.format(to_text(self.bounds[name]))
            for name, phrase in _PHRASES.items()
            if name in self.bounds
        )

    def _within_bounds(self, number: Any) -> bool:
        above, below = self._bound("above"), self._bound("below")
        least, most = self._bound("least"), self._bound("most")
        return (
            (above is None or number > above)
            and (below is None or number < below)
            and (least is None or number >= least)
            and (most is None or number <= most)
        )

    def __str__(self) -> str:
        """Return the range in the words that follow the name of a type: `positive`, `between 0 and 1`."""
        given = {name: to_text(bound) for name, bound in self.bounds.items()}
        if set(given) == {"above", "below"}:
            return f"between {given['above']} and {given['below']}"
        zero = self._number(next(iter(self.bounds.values()), 1)) == 0 and len(given) == 1
        if zero and "above" in given:
            return "positive"
        if zero and "least" in given:
            return "not negative"
        return self.list_bounds()

    def _bound(self, name: str) -> Any:
        return None if name not in self.bounds else self._number(self.bounds[name])

    def _number(self, plain: Any) -> Any:
        built = self.type.build(plain)
        return built.value if isinstance(built, Quantity) else built


def range_of(value_type: ParameterType, given: Mapping[str, Any]) -> Range | None:
    """Return the range of a declared parameter, or None if its values are not numbers.

    Parameters
    ----------
    value_type : ParameterType
        Type of the parameter.
    given : mapping
        Bounds as declared: numbers in the unit of the parameter, or quantities.

    Raises
    ------
    SpecError
        If a bound is not a value of that type, if the values are not numbers but have a bound, or if no number is
        within the bounds.
    """
    element = value_type
    while isinstance(element, OrNone | Several):
        element = element.inner if isinstance(element, OrNone) else element.element
    given = {name: bound for name, bound in given.items() if bound is not None}
    if not isinstance(element, Number | Integer | WithUnit):
        if given:
            raise SpecError(f"{', '.join(given)}: only numbers and quantities have a range")
        return None
    found = Range(element, {n: _plain_bound(element, n, b) for n, b in given.items()})
    if found.is_empty:
        raise SpecError(f"no number is {found.list_bounds()}")
    return found


def _plain_bound(element: ParameterType, name: str, bound: Any) -> Any:
    if isinstance(element, WithUnit) and isinstance(bound, int | float):
        if not element.unit:
            raise SpecError(f"{name} is {bound}, in an unknown unit; declare it, as in unit='s'")
        bound = f"{bound!r} {element.unit}"
    try:
        # A bound of an integer may be infinite. A number is returned as it was declared, because messages show it.
        plain = (Number() if isinstance(element, Integer) else element).check(bound)
    except DendrosimError as error:
        raise SpecError(f"{name}: {error}") from None
    return plain if isinstance(plain, str) else bound
