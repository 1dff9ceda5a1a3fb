"""Checks of the values that rules of weight matrices have in common."""

from typing import Any

from dendrosim.checks import as_value, positive
from dendrosim.units import Quantity


def as_level(where: str, value: Any) -> Quantity:
    """Return an activity or a sum of weights as a quantity; raises ParameterError unless it is above 0."""
    given = as_value(where, value)
    positive(**{where: given})
    return given
