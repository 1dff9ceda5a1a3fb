"""Physical quantities as plain values: text such as `20 ms` becomes a number in SI units and a dimension.

The names of units are those of Brian2 (`ms`, `msecond`, `pA`, `nS`, `Hz`, ...), so the same text is valid in a
circuit and in a Brian2 script. This module does not import Brian2, so that the listing of models, checks and runs
of compiled programs start fast.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import UnitError, abbreviate, suggestion

Dimension = tuple[float, float, float, float, float, float, float]
"""Exponents of metre, kilogram, second, ampere, kelvin, mole, candela (Brian2's order)."""

DIMENSIONLESS: Dimension = (0.0,) * 7  # type: ignore[assignment]

_BASE = {
    # (symbol, long names): (dimension, factor to SI)
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
# The text `cd` means candela, and `1` means no unit.
UNITS["cd"] = ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 1.0)
UNITS["1"] = (DIMENSIONLESS, 1.0)

TIME: Dimension = UNITS["s"][0]

HOW_TO_WRITE = "write a number and a unit, as in '20 ms'"
# This bound is far above the powers in any equation; without it, text such as `m^999` would overflow.
_LARGEST_POWER = 12
_MOST_CHARACTERS = 1000  # the time to read a text can grow with the square of its length

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf)"
_QUANTITY = re.compile(rf"^\s*(?P<number>{_NUMBER})\s*(?P<unit>.*?)\s*$")
_FACTOR = re.compile(
    r"\s*(?P<name>[A-Za-z]+|1|\((?P<inner>[^()]*)\))(?P<exponent>(?:\*\*|\^)?\s*-?\d+(?:\.\d+)?)?\s*(?P<op>[*/]|$|(?=[A-Za-z1(]))"
)


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number or array in SI units together with its physical dimension.

    `quantity` makes a `Quantity` from text. Two quantities are equal if their numbers and dimensions are equal.

    Parameters
    ----------
    value : float or array
        The number or numbers in SI units. It is kept as a float, or as a read-only array of floats.
    dimension : tuple of 7 float, optional
        Exponents of metre, kilogram, second, ampere, kelvin, mole and candela (default: no dimension).

    Examples
    --------
    >>> import dendrosim as ds
    >>> tau = ds.quantity("20 ms")
    >>> tau.value, tau.unit, str(tau)
    (0.02, 's', '0.02 s')
    """

    value: Any
    dimension: Dimension = DIMENSIONLESS

    def __post_init__(self) -> None:
        if len(self.dimension) != 7 or not np.all(np.isfinite(self.dimension)):
            raise UnitError(
                f"the dimension {abbreviate(self.dimension)} must be 7 finite exponents"
            )
        array = as_floats(self.value)
        array.flags.writeable = False
        object.__setattr__(self, "value", array if array.ndim else float(array))

    @property
    def unit(self) -> str:
        """The SI unit as text, `1` if there is no dimension."""
        return unit_name(self.dimension)

    @property
    def scalar(self) -> bool:
        """Whether the value is one number, not an array."""
        return np.ndim(self.value) == 0

    def __copy__(self) -> "Quantity":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Quantity":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Quantity, (self.value, self.dimension)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Quantity)
            and self.dimension == other.dimension
            and np.array_equal(self.value, other.value)
        )

    def __hash__(self) -> int:
        return hash((self.dimension, np.asarray(self.value).tobytes()))

    def __repr__(self) -> str:
        if not self.scalar:
            return f"<quantity: {self}>"
        unit = "" if self.dimension == DIMENSIONLESS else f" {self.unit}"
        return f"quantity('{self.value!r}{unit}')"

    def __str__(self) -> str:
        number = f"{self.value:g}" if self.scalar else f"<{np.shape(self.value)} array>"
        return number if self.dimension == DIMENSIONLESS else f"{number} {self.unit}"


@lru_cache(maxsize=1024)
def unit(text: str) -> tuple[Dimension, float]:
    """Read the text of a unit.

    Parameters
    ----------
    text : str
        A product of units with Brian2's names, such as `mV/ms`, `nS*mV` or `m^-2 S`; an empty text and `1` mean no
        unit.

    Returns
    -------
    tuple of 7 float
        The dimension.
    float
        The factor to SI units, such as 1e-3 for `ms`.

    Raises
    ------
    UnitError
        If a name is not a unit, or the text is not a product of units.
    """
    if len(text) > _MOST_CHARACTERS:
        raise UnitError(f"cannot read the unit {abbreviate(text)}: it is too long")
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
            raise UnitError(
                f"cannot read the unit {text!r}: a power must not exceed {_LARGEST_POWER}"
            )
        exponents += power * np.array(dimension)
        factor *= scale**power
        sign = -1.0 if match["op"] == "/" else 1.0
        position = match.end()
        if position == len(text) and match["op"] in ("*", "/"):
            raise UnitError(f"cannot read the unit {text!r}: it ends with {match['op']!r}")
    # Numbers in such a unit would overflow, or lose digits near the smallest double.
    if not 1e-300 < factor < 1e300:
        raise UnitError(f"cannot read the unit {text!r}: it is {factor:g} SI units")
    return tuple(float(e) for e in exponents), factor  # type: ignore[return-value]


def same_letters(name: str) -> str:
    """Return the end of a message, which suggests a unit that differs only in capital letters; empty if none does.

    A wrong letter in `MOhm` is more likely than a wrong prefix.
    """
    folded = [u for u in UNITS if u.lower() == name.lower()]
    if not folded:
        return ""
    nearest = max(folded, key=lambda u: sum(a == b for a, b in zip(u, name, strict=True)))
    return f"; did you mean {nearest!r}?"


def _near_unit(name: str) -> str:
    """Return the end of a message, which suggests a unit with a similar name."""
    if name in ("integer", "boolean"):
        return "; all variables are real numbers: write 1, and int(...) around a condition"
    hint = same_letters(name) or suggestion(name, UNITS)
    return (
        hint
        if "did you mean" in hint
        else "; units are those of Brian2, such as ms, mV, pA, nS, Hz"
    )


def quantity(value: "Quantity | str | ArrayLike | Any") -> Quantity:
    """Read a value with its unit.

    Parameters
    ----------
    value : Quantity, str, number, array, list of these, or Brian2 quantity
        Text is a number and a unit, such as `20 ms` or `1/ms`; a plain number or array has no unit.

    Returns
    -------
    Quantity
        The value in SI units with its dimension.

    Raises
    ------
    UnitError
        If text cannot be read, if the elements of a list have different dimensions, or if the value is not a
        number.

    Examples
    --------
    >>> import dendrosim as ds
    >>> print(ds.quantity("250 pA"))
    2.5e-10 A
    >>> ds.quantity(["1 ms", "2 ms"]).value
    array([0.001, 0.002])
    """
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        return _read_text(value)
    if hasattr(value, "dim") and hasattr(value.dim, "_dims"):  # a Brian2 quantity
        dims: Any = tuple(float(e) for e in value.dim._dims)
        return Quantity(np.asarray(value, dtype=float), dims)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (str, Quantity)) for v in value):
        if any(isinstance(v, (list, tuple)) for v in value):
            raise UnitError(
                f"cannot read {abbreviate(value)} as a quantity: give one list of numbers"
            )
        parts = [quantity(v) for v in value]
        if len({p.dimension for p in parts}) != 1:
            raise UnitError(
                f"the elements of {abbreviate(value)} have different units; give all of them the same unit"
            )
        return Quantity([p.value for p in parts], parts[0].dimension)
    if value is None:
        raise UnitError(f"None is not a quantity; {HOW_TO_WRITE}")
    return Quantity(value)


@lru_cache(maxsize=1024)
def _read_text(text: str) -> Quantity:
    """Return the quantity that a text means; protocols read the same texts again and again."""
    match = _QUANTITY.match(text) if len(text) <= _MOST_CHARACTERS else None
    # In `1/ms`, the number is 1 and the rest `/ms` means `1/ms`.
    if match is None or match["unit"].startswith(("*", "+", "-")):
        raise UnitError(f"cannot read {abbreviate(text)} as a quantity: {HOW_TO_WRITE}")
    per = match["unit"].startswith("/")
    dimension, factor = unit("1" * per + match["unit"])
    return Quantity(_exact_scale(match["number"], factor), dimension)


def as_floats(value: Any) -> Array:
    """Return real numbers as a new array of floats; raises UnitError if a value is something else."""
    if isinstance(value, Quantity):
        raise UnitError(
            f"{value} is a quantity; give its numbers in SI units, as its attribute `value`"
        )
    if np.ma.is_masked(value):
        raise UnitError(f"{abbreviate(value)} has masked elements; give an array of numbers")
    try:
        array = np.array(value)
        if array.dtype.kind == "O":
            array = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnitError(f"cannot read {abbreviate(value)} as a quantity: {error}") from None
    if array.dtype.kind not in "biuf":
        raise UnitError(f"cannot read {abbreviate(value)} as a quantity: {HOW_TO_WRITE}")
    return np.array(array, dtype=float)


def _exact_scale(number: str, factor: float) -> float:
    """Return number times factor so that `9 ms` is the double nearest to 0.009."""
    # 9*1e-3 is not the double nearest to 0.009, but 9/1000 is, so a factor 1/n becomes a division by n.
    inverse = 1.0 / factor
    if factor < 1 and round(inverse) > 0 and abs(inverse - round(inverse)) < 1e-9 * inverse:
        return float(number) / round(inverse)
    return float(number) * factor


_NAMED = ["s", "Hz", "V", "A", "S", "F", "ohm", "m", "K", "C"]


def is_in(unit: str) -> str:
    """Return what a message says of a value with this unit: `is in V`, or `has no unit`."""
    return "has no unit" if unit == "1" else f"is in {unit}"


def be_in(unit: str) -> str:
    """Return what a message says that a value must: `be in V`, or `have no unit`."""
    return "have no unit" if unit == "1" else f"be in {unit}"


def unit_name(dimension: Dimension) -> str:
    """Return the SI unit of a dimension as text that `unit` can read, such as `V`, `m^-2 S` or `1`."""
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
