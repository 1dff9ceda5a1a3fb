"""Checks of the values that rules of synapses have in common: bounds, learning rates, factors and rates."""

from typing import Any

from dendrosim.checks import as_value, number, positive
from dendrosim.errors import ParameterError, UnitError
from dendrosim.units import Quantity, quantity

HERTZ = quantity("1 Hz").dimension

as_factor = number("at least 0", lambda x: x >= 0)
"""The check of a number without unit that is at least 0."""


def as_weight_bound(where: str, value: Any) -> Quantity:
    """Return the upper bound of weights as a quantity; raises ParameterError unless it is one number above 0."""
    given = as_value(where, value)
    positive(**{where: given})
    return given


def as_learning_rate(where: str, value: Any) -> Quantity:
    """Return a learning rate, in the unit of the weight; raises ParameterError if it is negative."""
    given = as_value(where, value)
    if given.value < 0:
        raise ParameterError(f"{where} is {value}; it must be at least 0")
    return given


def as_rate(where: str, value: Any) -> Quantity:
    """Return a rate above 0 as a quantity; raises ParameterError or UnitError."""
    given = as_value(where, value)
    if given.dimension != HERTZ:
        raise UnitError(f"{where} is {given}; it must be a rate, such as '5 Hz'")
    positive(**{where: given})
    return given
