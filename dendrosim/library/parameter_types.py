"""Types of parameters: each type reads values from text and checks Python values.

To add a type, derive from `ParameterType` and let `parameter_type` recognise its annotation.
"""

import numbers
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from dendrosim.errors import ParameterError, SpecError, UnitError, UsageError
from dendrosim.units import HOW_TO_WRITE, Dimension, Quantity, is_in, quantity, unit, unit_name

_NONE = "none"
_QUOTED = re.compile(r"""(?P<mark>["'])(?P<text>.*)(?P=mark)""", re.DOTALL)
_ELEMENT = re.compile(r"""\s*(?P<element>"[^"]*"|'[^']*'|[^,"'\[\]]*?)\s*(?P<comma>,|\Z)""")
_BEGINS_WITH_NUMBER = re.compile(r"\s*[+-]?(?:\d|\.\d|inf)")


class ParameterType(ABC):
    """The type of a parameter.

    A value has two forms: the plain form, which JSON can hold and which a protocol stores, and the form that the
    function of the file receives.
    """

    @abstractmethod
    def read(self, text: str) -> Any:
        """Read a value from a text of the command line and return its plain form.

        Raises
        ------
        UsageError
            If the text cannot be read.
        SpecError
            If the value is not allowed.
        """

    @abstractmethod
    def check(self, value: Any) -> Any:
        """Return the plain form of a Python value; raise the same errors as `read`."""

    def build(self, plain: Any) -> Any:
        """Convert a plain value to the form that the function of the file receives."""
        return plain

    @property
    def unit(self) -> str:
        """The unit in which the default is written; empty if the type has no unit."""
        return ""


@dataclass(frozen=True)
class Number(ParameterType):
    """A floating-point number."""

    def __str__(self) -> str:
        return "number"

    def read(self, text: str) -> float:
        try:
            return self.check(float(strip_quotes(text)))
        except ValueError:
            raise UsageError(f"{_short_repr(text)} is not a number, such as 0.5") from None

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise UsageError(f"{_short_repr(value)} is not a number, such as 0.5")
        try:
            number = float(value)
        except OverflowError:
            raise ParameterError("the number is too large") from None
        if np.isnan(number):
            raise ParameterError("it must be a number, not nan")
        return number


@dataclass(frozen=True)
class Integer(ParameterType):
    """A whole number."""

    def __str__(self) -> str:
        return "integer"

    def read(self, text: str) -> int:
        try:
            return int(strip_quotes(text))
        except ValueError:
            raise UsageError(f"{_short_repr(text)} is not an integer, such as 8") from None

    def check(self, value: Any) -> int:
        if not _is_integer(value):
            raise UsageError(f"{_short_repr(value)} is not an integer, such as 8")
        return int(value)


@dataclass(frozen=True)
class Boolean(ParameterType):
    """True or false."""

    words: typing.ClassVar[Mapping[str, bool]] = {
        "true": True, "yes": True, "1": True, "on": True,
        "false": False, "no": False, "0": False, "off": False,
    }  # fmt: skip

    def __str__(self) -> str:
        return "true or false"

    def read(self, text: str) -> bool:
        word = strip_quotes(text).strip().lower()
        if word not in self.words:
            raise UsageError(
                f"{_short_repr(text)} is neither true nor false; write one of {', '.join(self.words)}"
            )
        return self.words[word]

    def check(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise UsageError(f"{_short_repr(value)} is neither True nor False")
        return bool(value)


@dataclass(frozen=True)
class Text(ParameterType):
    """Any text."""

    def __str__(self) -> str:
        return "text"

    def read(self, text: str) -> str:
        return strip_quotes(text)

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise UsageError(f"{_short_repr(value)} is not a text")
        return str(value)


@dataclass(frozen=True)
class Choice(ParameterType):
    """One of a few given values. An integer stands for the text of its digits, if that is one of them."""

    options: tuple[Any, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.options))

    def read(self, text: str) -> Any:
        for option in self.options:
            if str(option) == strip_quotes(text).strip():
                return option
        raise ParameterError(f"{_short_repr(text)} is not {self}")

    def check(self, value: Any) -> Any:
        for option in self.options:
            if _is_same(value, option) or (_is_integer(value) and option == str(value)):
                return option
        raise ParameterError(f"{_short_repr(value)} is not {self}")


@dataclass(frozen=True)
class WithUnit(ParameterType):
    """A number with a unit; its plain form is text such as `20 ms`.

    Parameters
    ----------
    dimension : Dimension or None
        The dimension of all values; None if every dimension is allowed.
    written : str
        A unit of that dimension, for the example in messages.
    """

    dimension: Dimension | None
    written: str

    def __str__(self) -> str:
        return f"quantity in {self.written}" if self.written else "quantity"

    @property
    def unit(self) -> str:
        return self.written

    @property
    def _example(self) -> str:
        return f"write a number and a unit, as in '20 {self.written or 'ms'}'"

    def read(self, text: str) -> str:
        text = strip_quotes(text).strip()
        if not _BEGINS_WITH_NUMBER.match(text):
            raise UsageError(f"{_short_repr(text)} does not begin with a number; {self._example}")
        return self.check(text)

    def check(self, value: Any) -> str:
        try:
            read = quantity(value)
        except UnitError as error:
            if HOW_TO_WRITE in str(error):  # the example gets the unit of this parameter
                raise UnitError(str(error).replace(HOW_TO_WRITE, self._example)) from None
            raise UnitError(f"{error}; {self._example}") from None
        except (ArithmeticError, ValueError, TypeError) as error:
            raise UnitError(
                f"{_short_repr(value)} cannot be read ({error}); {self._example}"
            ) from None
        if not read.scalar:
            raise ParameterError(f"it must be one quantity, not several; {self._example}")
        if self.dimension not in (None, read.dimension):
            raise UnitError(
                f"{_short_repr(value)} {is_in(read.unit)}, it must be in {self.written}; {self._example}"
            )
        if np.isnan(read.value):
            raise ParameterError("it must be a quantity, not nan")
        return value.strip() if isinstance(value, str) else _exact_text(read)

    def build(self, plain: str) -> Quantity:
        return quantity(plain)


@dataclass(frozen=True)
class Several(ParameterType):
    """A tuple of values of one type; its text is a list in brackets."""

    element: ParameterType

    def __str__(self) -> str:
        return f"list of: {self.element}"

    @property
    def unit(self) -> str:
        return self.element.unit

    def read(self, text: str) -> tuple[Any, ...]:
        return tuple(self.element.read(part) for part in _split_elements(text))

    def check(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)) and np.ndim(value) != 1:
            raise UsageError(f"{_short_repr(value)} is not a list")
        return tuple(self.element.check(part) for part in value)

    def build(self, plain: Any) -> tuple[Any, ...]:
        return tuple(self.element.build(part) for part in plain)


@dataclass(frozen=True)
class OrNone(ParameterType):
    """A value of another type, or None, whose text is `none`."""

    inner: ParameterType

    def __str__(self) -> str:
        return f"{self.inner}, or none"

    @property
    def unit(self) -> str:
        return self.inner.unit

    def read(self, text: str) -> Any:
        return None if text.strip().lower() == _NONE else self.inner.read(text)

    def check(self, value: Any) -> Any:
        return None if value is None else self.inner.check(value)

    def build(self, plain: Any) -> Any:
        return None if plain is None else self.inner.build(plain)


_SIMPLE: dict[Any, ParameterType] = {float: Number(), int: Integer(), bool: Boolean(), str: Text()}


def parameter_type(annotation: Any, default: Any = None) -> ParameterType:
    """Return the type that an annotation and a default declare.

    The unit of a `Quantity` is the unit of its default. If the default is None, or an empty tuple, the unit can be
    given in the annotation, as in `Annotated[Quantity | None, "s"]`.

    Raises
    ------
    SpecError
        If values of that type cannot be parameters.
    """
    if get_origin(annotation) is Annotated:
        annotation, unit_text = get_args(annotation)[:2]
        default = f"1 {unit_text}" if default is None else default
    if get_origin(annotation) in (Union, types.UnionType):
        alternatives = [a for a in get_args(annotation) if a is not type(None)]
        if len(alternatives) == 1:
            return OrNone(parameter_type(alternatives[0], default))
    if get_origin(annotation) is Literal:
        options = tuple(o for o in get_args(annotation) if o is not None)
        return OrNone(Choice(options)) if None in get_args(annotation) else Choice(options)
    if get_origin(annotation) is tuple and get_args(annotation)[1:] == (Ellipsis,):
        first = default if isinstance(default, str) else next(iter(default or ()), None)
        return Several(parameter_type(get_args(annotation)[0], first))
    if annotation is Quantity:
        return _with_unit(default)
    try:
        return _SIMPLE[annotation]
    except (KeyError, TypeError):
        raise SpecError(
            f"{annotation!r} cannot be the type of a parameter; use int, float, bool, str, "
            "Quantity, Literal[...], tuple[..., ...] of one of these, or one of these '| None'"
        ) from None


def _with_unit(default: Any) -> WithUnit:
    if default is None:
        return WithUnit(None, "")
    read = quantity(default)
    written = default.lstrip("+-.0123456789eE \t") if isinstance(default, str) else ""
    try:
        same = unit(written)[0] == read.dimension
    except UnitError:
        same = False
    return WithUnit(
        read.dimension, written.strip() if same and written else unit_name(read.dimension)
    )


def strip_quotes(text: str) -> str:
    """Return a text without the quotation marks around it, if there are any."""
    match = _QUOTED.fullmatch(text.strip())
    return match["text"] if match else text


def _split_elements(text: str) -> list[str]:
    """Return the texts of the elements of a list in brackets, with their quotation marks."""
    inner = text.strip()
    if len(inner) < 2 or inner[0] != "[" or inner[-1] != "]":
        raise UsageError(f"{_short_repr(text)} is not a list in brackets, as in [0.9, 0.5]")
    inner = inner[1:-1].strip()
    found: list[str] = []
    position, more = 0, bool(inner)
    while more:
        match = _ELEMENT.match(inner, position)
        if match is None or not match["element"]:
            raise UsageError(
                f"cannot read element {len(found) + 1} of the list {_short_repr(text)}"
            )
        found.append(match["element"])
        position, more = match.end(), bool(match["comma"])
    return found


def to_text(value: Any) -> str:
    """Return a plain value as text that `ParameterType.read` can read."""
    if value is None:
        return _NONE
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_element, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        ambiguous = (
            strip_quotes(value) != value or value.strip().lower() == _NONE or value != value.strip()
        )
        return _quoted(value) if ambiguous else value
    return str(value)


def _element(value: Any) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[\w.+-]+", value) and value.lower() != _NONE
    return _quoted(value) if isinstance(value, str) and not plain else to_text(value)


def _quoted(text: str) -> str:
    mark = "'" if '"' in text else '"'
    return f"{mark}{text}{mark}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_same(value: Any, option: Any) -> bool:
    """Return whether two values are equal and of the same type; True and 1 are not the same."""
    same = isinstance(value, type(option)) and isinstance(value, bool) == isinstance(option, bool)
    return same and bool(value == option)


def _exact_text(value: Quantity) -> str:
    return f"{float(value.value)!r} {value.unit}"


def _short_repr(value: Any) -> str:
    try:
        return shorten(repr(value))
    except Exception:
        return f"a {type(value).__name__}"


def shorten(text: str) -> str:
    """Return a text, shortened to 60 characters if it is longer."""
    return text if len(text) <= 60 else f"{text[:57]}..."
