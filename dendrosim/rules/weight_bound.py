"""The upper bound of plastic weights whose lower bound is 0."""

from typing import Any

import numpy as np

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.errors import ParameterError
from dendrosim.units import Quantity, quantity


def as_weight_bound(where: str, weight: Initial, weight_max: Any) -> Quantity:
    """Return the upper bound of weights as a quantity.

    Parameters
    ----------
    where : str
        Name of the rule in messages.
    weight : Initial
        Weights at the start. Those that are drawn at random are not checked.
    weight_max : quantity
        The bound.

    Raises
    ------
    ParameterError
        If the bound is not one number above 0, or if weights start outside of 0 and the bound.
    """
    top = quantity(weight_max)
    if not (top.scalar and top.value > 0 and np.isfinite(top.value)):
        raise ParameterError(f"{where}: weight_max is {weight_max}; it must be one number above 0")
    if isinstance(weight, Fixed) and weight.value.dimension == top.dimension:
        values = np.asarray(weight.value.value)
        if np.any((values < 0) | (values > top.value)):
            raise ParameterError(
                f"{where}: weight has values outside of its bounds, 0 and {weight_max}; start between them, or "
                "give another weight_max"
            )
    return top
