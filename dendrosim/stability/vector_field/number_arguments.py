"""Numbers that a user gives in SI units, checked."""

from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError


def read_numbers(where: str, value: Any) -> Array:
    """Return numbers in SI units as an array; raises ParameterError, in which `where` names the argument."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{where} is {value!r}; give numbers, in SI units") from None


def read_number(where: str, value: Any) -> float:
    """Return one finite number in SI units; raises ParameterError, in which `where` names the argument."""
    number = read_numbers(where, value)
    if number.shape or not np.isfinite(number):
        raise ParameterError(f"{where} is {value!r}; give one finite number, in SI units")
    return float(number)
