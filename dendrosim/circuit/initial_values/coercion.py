"""Conversion of the values that a user may give: a distribution, a number, a quantity or an array."""

from typing import Any

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed


def as_initial(value: Any) -> Initial:
    """Return an `Initial` unchanged, and any other value (a number, text or array) as a `Fixed`."""
    return value if isinstance(value, Initial) else Fixed(value)
