"""Physical quantities as plain values: text such as `20 ms` to an SI number and a dimension.

The unit names are those of Brian2 (`ms`, `msecond`, `pA`, `nS`, `Hz`, ...), so text moves freely between
a circuit and a Brian2 script; reading them needs no Brian2, which keeps listing, checking and warm
runs fast.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError, ShapeError, UnitError, suggestion

Dimension = tuple[float, float, float, float, float, float, float]
"""Exponents of metre, kilogram, second, ampere, kelvin, mole, candela (Brian2's order)."""

DIMENSIONLESS: Dimension = (0.0,) * 7  # type: ignore[assignment]

_BASE = {
    # symbol, long names: dimension, SI factor
    ("m", "metre", "meter"): ((1, 0, 0, 0, 0, 0, 0), 1.0),
    ("g", "gram", "gramme"): ((0, 1, 0, 0, 0, 0, 0), 1e-3),
    ("s", "second"): ((0, 0, 1, 0, 0, 0, 0), 1.0),
    ("A", "amp", "ampere"): ((0, 0, 0, 1, 0, 0, 0), 1.0),
    ("K", "kelvin"): ((0, 0, 0, 0, 1, 0, 0), 1.0),
    ("mol", "mole"): ((0, 0, 0, 0, 0, 1, 0), 1.0),
    ("cd", "candle"): ((0, 0, 0, 0, 0, 0, 1), 1.0),
    ("Hz", "hertz"): ((0, 0, -1, 0, 0, 0, 0), 1.0),
    ("V", "volt"): ((2, 1, -3, -1, 0, 0, 0), 1.0),
    ("S", "siemens"): ((-2, -1, 3, 2, 0, 0, 0), 1.0),
    ("F", "farad"): ((-2, -1, 4, 2, 0, 0, 0), 1.0),
    ("ohm",): ((2, 1, -3, -2, 0, 0, 0), 1.0),
    ("C", "coulomb"): ((0, 0, 1, 1, 0, 0, 0), 1.0),
    ("N", "newton"): ((1, 1, -2, 0, 0, 0, 0), 1.0),
    ("J", "joule"): ((2, 1, -2, 0, 0, 0, 0), 1.0),
    ("W", "watt"): ((2, 1, -3, 0, 0, 0, 0), 1.0),
    ("Pa", "pascal"): ((-1, 1, -2, 0, 0, 0, 0), 1.0),
    ("M", "molar"): ((-3, 0, 0, 0, 0, 1, 0), 1e3),
}
_PREFIXES = {
    "": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1,
    "k": 1e3, "M": 1e6, "G": 1e9,
}  # fmt: skip

UNITS: dict[str, tuple[Dimension, float]] = {
    prefix + name: (tuple(float(e) for e in dimension), scale * factor)  # type: ignore[misc]
    for names, (dimension, factor) in _BASE.items()
    for name in names
    for prefix, scale in _PREFIXES.items()
}
# Names that two rules would produce, settled as in Brian2.
UNITS["cd"] = ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 1.0)
UNITS["1"] = (DIMENSIONLESS, 1.0)

_LARGEST_POWER = 12

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf)"
_QUANTITY = re.compile(rf"^\s*(?P<number>{_NUMBER})\s*(?P<unit>.*?)\s*$")
_FACTOR = re.compile(
    r"\s*(?P<name>[A-Za-z]+|1|\((?P<inner>[^()]*)\))(?P<exponent>(?:\*\*|\^)?\s*-?\d+(?:\.\d+)?)?\s*(?P<op>[*/]|$|(?=[A-Za-z1(]))"
)


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number or array in SI units together with its dimension.

    `value` is a float or a read-only float array; `dimension` the seven SI exponents.
    """

    value: float | Array
    dimension: Dimension = DIMENSIONLESS

    def __post_init__(self) -> None:
        array = np.array(self.value, dtype=float)
        array.flags.writeable = False
        object.__setattr__(self, "value", array if array.ndim else float(array))

    @property
    def unit(self) -> str:
        """The SI unit as text, `1` if dimensionless."""
        return unit_name(self.dimension)

    @property
    def scalar(self) -> bool:
        """Whether this is a single number."""
        return np.ndim(self.value) == 0

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Quantity)
            and self.dimension == other.dimension
            and np.array_equal(self.value, other.value)
        )

    def __hash__(self) -> int:
        return hash((self.dimension, np.asarray(self.value).tobytes()))

    def __str__(self) -> str:
        number = f"{self.value:g}" if self.scalar else f"<{np.shape(self.value)} array>"
        return number if self.dimension == DIMENSIONLESS else f"{number} {self.unit}"


def unit(text: str) -> tuple[Dimension, float]:
    """Read a unit such as `mV/ms` and return its dimension and its factor to SI.

    Raises
    ------
    UnitError
        If a name is not a unit, or the text is not a product of units.
    """
    if not text.strip():
        return DIMENSIONLESS, 1.0
    exponents, factor, sign, position = np.zeros(7), 1.0, 1.0, 0
    while position < len(text):
        match = _FACTOR.match(text, position)
        if match is None:
            raise UnitError(
                f"cannot read the unit {text!r}: write a product such as 'nS*mV' or 'mV/ms'"
            )
        name = match["name"]
        if match["inner"] is None and name not in UNITS:
            raise UnitError(f"unknown unit {name!r} in {text!r}{_near_unit(name)}")
        power = sign * float((match["exponent"] or "1").lstrip("*^").strip() or 1)
        dimension, scale = UNITS[name] if match["inner"] is None else unit(match["inner"])
        if abs(power) > _LARGEST_POWER:
            raise UnitError(f"cannot read the unit {text!r}: no power exceeds {_LARGEST_POWER}")
        exponents += power * np.array(dimension)
        factor *= scale**power
        sign = -1.0 if match["op"] == "/" else 1.0
        position = match.end()
        if position == len(text) and match["op"] in ("*", "/"):
            raise UnitError(f"cannot read the unit {text!r}: it ends with {match['op']!r}")
    if not 1e-300 < factor < 1e300:
        raise UnitError(f"cannot read the unit {text!r}: it is {factor:g} SI units")
    return tuple(float(e) for e in exponents), factor  # type: ignore[return-value]


def _near_unit(name: str) -> str:
    folded = [u for u in UNITS if u.lower() == name.lower()]
    if folded:
        return f"; did you mean {folded[0]!r}?"
    hint = suggestion(name, UNITS)
    return (
        hint
        if "did you mean" in hint
        else "; units are those of Brian2, such as ms, mV, pA, nS, Hz"
    )


def quantity(value: "Quantity | str | ArrayLike | Any") -> Quantity:
    """Make a `Quantity` from a number, an array, text such as `20 ms`, a list of these, or a Brian2 value.

    Raises
    ------
    UnitError
        If text cannot be read, or list elements have different dimensions.
    """
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        match = _QUANTITY.match(value)
        if match is None:
            raise UnitError(
                f"cannot read {value!r} as a quantity: write a number and a unit, as in '20 ms'"
            )
        per = match["unit"].startswith("/")  # `1/ms` is the number 1 and what it is divided by
        dimension, factor = unit("1" * per + match["unit"])
        return Quantity(_exact_scale(match["number"], factor), dimension)
    if hasattr(value, "dim") and hasattr(value.dim, "_dims"):  # a Brian2 quantity
        dims: Any = tuple(float(e) for e in value.dim._dims)
        return Quantity(np.asarray(value, dtype=float), dims)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (str, Quantity)) for v in value):
        parts = [quantity(v) for v in value]
        if len({p.dimension for p in parts}) != 1:
            raise UnitError(f"the elements of {value!r} have different units; give all the same")
        return Quantity(np.array([p.value for p in parts], dtype=float), parts[0].dimension)
    if value is None:
        raise UnitError("there is no quantity, but None; write a number and a unit, as in '20 ms'")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise UnitError(f"cannot read {value!r} as a quantity: {error}") from None
    return Quantity(array, DIMENSIONLESS)


def _exact_scale(number: str, factor: float) -> float:
    """`20 ms` gives the double nearest to 0.02, as Brian2's `20*ms` does."""
    inverse = 1.0 / factor
    if factor < 1 and round(inverse) > 0 and abs(inverse - round(inverse)) < 1e-9 * inverse:
        return float(number) / round(inverse)
    return float(number) * factor


_NAMED = ["s", "Hz", "V", "A", "S", "F", "ohm", "m", "K", "C"]


def unit_name(dimension: Dimension) -> str:
    """Return the SI unit of a dimension as text that `unit` reads back: `V`, `m^-2 S`, `1`."""
    if dimension == DIMENSIONLESS:
        return "1"
    second = np.array(UNITS["s"][0])
    for sign, less, form in ((1, 0 * second, "{}"), (-1, 0 * second, "1/{}"), (1, second, "{}/s")):
        for name in _NAMED:
            if np.array_equal(sign * np.array(UNITS[name][0]) - less, dimension):
                return form.format(name)
    bases = ["m", "kg", "s", "A", "K", "mol", "cd"]
    parts = [
        base if power == 1 else f"{base}^{power:g}"
        for base, power in zip(bases, dimension, strict=True)
        if power
    ]
    return " ".join(parts)


# -- rules for values -----------------------------------------------------------------------------

TIME: Dimension = UNITS["s"][0]

_LISTED = 12  # numbers that a message lists one by one; longer lists are shown by their shape


def as_time(where: str, value: Any, example: str = "10 ms", *, or_zero: bool = False) -> Quantity:
    """Return a value as one positive, finite time.

    Parameters
    ----------
    where : str
        What the value is, for the message.
    value : quantity, text or number
        Such as `"20 ms"`.
    example : str, optional
        A value of usual size, for the message.
    or_zero : bool, optional
        Whether 0 is allowed as well.

    Raises
    ------
    UnitError
        If it is not one time.
    ParameterError
        If it is not positive and finite.
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
    """Return whether a value is an integer, of Python or NumPy; True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def as_whole_number(where: str, value: Any, least: int | None = 0) -> int:
    """Return a value as an integer of at least `least` (None: of any sign).

    Raises
    ------
    ParameterError
        If it is no such integer; `where` says what it is.
    """
    if not is_whole(value) or (least is not None and value < least):
        at_least = "" if least is None else f" of at least {least}"
        raise ParameterError(f"{where} is {value!r}; it must be an integer{at_least}")
    return int(value)


def check_unit(where: str, found: Dimension, expected: Dimension, *, zero: bool = False) -> None:
    """Raise UnitError unless a value has the dimension that it must have; `zero`: it is 0, which needs no unit."""
    if found != expected and not zero:
        raise UnitError(f"{where} is in {unit_name(found)}; it must be in {unit_name(expected)}")


def check_per_unit(where: str, value: Quantity, size: int) -> None:
    """Raise ShapeError unless a value is one number, or one for each of `size` units."""
    if not value.scalar and np.shape(value.value) != (size,):
        raise ShapeError(
            f"{where} has shape {np.shape(value.value)}; give one number or {size} of them"
        )


def check_finite(where: str, value: Quantity) -> None:
    """Raise ParameterError unless all numbers of a value are finite."""
    if not np.all(np.isfinite(value.value)):
        raise ParameterError(f"{where} is {value}; it must be finite")


def positive(**values: Any) -> None:
    """Check that parameters of a model or protocol are positive.

    Raises
    ------
    ParameterError
        Naming the first that is not a positive, finite number.
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) > 0)):
            raise ParameterError(f"{name} is {_describe(given, value)} must be positive and finite")


def not_negative(**values: Any) -> None:
    """Check that parameters of a model or protocol are 0 or positive.

    Raises
    ------
    ParameterError
        Naming the first that is not a finite number from 0 up.
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) >= 0)):
            raise ParameterError(
                f"{name} is {_describe(given, value)} must not be negative, nor infinite"
            )


def _describe(given: Any, value: Quantity) -> str:
    """Return a value and what a sentence about it begins with; a short list in full."""
    if isinstance(given, (list, tuple)) and len(given) <= _LISTED:
        return f"[{', '.join(map(str, given))}]; each"
    return f"{value}; it"
