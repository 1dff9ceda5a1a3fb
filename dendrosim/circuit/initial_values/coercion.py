"""Reading of what a user gives for an initial value: a distribution, a number, a quantity or an array."""

from typing import Any

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed


def as_initial(value: Any) -> Initial:
    """Return an `Initial` as it is, and a number, quantity text or array as `Fixed`."""
    return value if isinstance(value, Initial) else Fixed(value)
