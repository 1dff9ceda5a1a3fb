"""Numbers and arrays as text of a script."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import Owner
from dendrosim.equations.declarations import find_identifiers
from dendrosim.errors import MemoryLimitError
from dendrosim.units import UNITS, Dimension, Quantity, unit

MOST_NUMBERS = 100_000
"""Largest number of elements of an array in a script; longer ones make no readable script."""

_BASES = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
_BY_DIMENSION = {
    UNITS[name][0]: name
    for name in ("hertz", "volt", "siemens", "farad", "ohm", "coulomb", "newton", "joule", *_BASES)
    if name in UNITS
}


def dimension_text(dimension: Dimension, module: str = "") -> str:
    """Return the SI unit of a dimension as Brian2 reads it, each name after `module`; "1" without dimension."""
    if dimension in _BY_DIMENSION:
        return module + _BY_DIMENSION[dimension]
    powers = [f"{module}{base}**{p:g}" for base, p in zip(_BASES, dimension, strict=True) if p]
    return "*".join(powers) or "1"


def value_text(value: Any, dimension: Dimension) -> str:
    """Return a number, or an array, with its SI unit, as an expression of the script.

    Raises
    ------
    MemoryLimitError
        If the array has more than `MOST_NUMBERS` elements.
    """
    array = np.asarray(value, dtype=float)
    if array.size > MOST_NUMBERS:
        raise MemoryLimitError(
            f"the script would contain an array of {array.size:,} numbers, and the most are {MOST_NUMBERS:,}; "
            "use a smaller circuit for the comparison"
        )
    text = _number_text(array) if array.ndim == 0 else f"numpy.array({_list_text(array)})"
    of = dimension_text(dimension, "brian2.")
    return text if of == "1" else f"{text} * {of}"


def integers_text(values: Any) -> str:
    """Return an array of integers as an expression of the script."""
    return f"numpy.array({np.asarray(values).tolist()}, dtype=int)"


def numbers_of(circuit: Circuit, owner: Owner, texts: Iterable[str]) -> dict[str, Quantity]:
    """Return the values of the parameters and gates, each one number, that the texts of an object use."""
    symbols = sorted({s for text in texts for s in find_identifiers(text)})
    found = {s: circuit.symbol_value(owner, s) for s in symbols}
    return {s: value for s, value in found.items() if value is not None and value.scalar}


def unit_dimension(text: str) -> Dimension:
    """Return the dimension of the text of a unit."""
    return unit(text)[0]


def _number_text(value: Any) -> str:
    number = float(value)
    if np.isfinite(number):
        return repr(number)
    return "numpy.nan" if np.isnan(number) else ("numpy.inf" if number > 0 else "-numpy.inf")


def _list_text(array: Any) -> str:
    if array.ndim == 1:
        return "[" + ", ".join(map(_number_text, array)) + "]"
    return "[" + ", ".join(map(_list_text, array)) + "]"
