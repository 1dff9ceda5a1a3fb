"""Uniform random numbers."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_value
from dendrosim.circuit.initial_values.base import Initial, check_same_unit
from dendrosim.errors import ParameterError
from dendrosim.units import Dimension


@dataclass(frozen=True, eq=False)
class Uniform(Initial):
    """Draw independent random numbers from a uniform distribution.

    Parameters
    ----------
    low, high : quantity
        Bounds, each one finite number, in the same unit; `low` is at most `high`.

    Raises
    ------
    ParameterError
        If `low` or `high` is not one finite number, the units differ, or `low` is above `high`.

    Examples
    --------
    >>> import dendrosim as ds
    >>> pathway = ds.Pathway(
    ...     "feed", "sender", "receiver", "g_post += 1", delay=ds.Uniform("1 ms", "3 ms")
    ... )
    """

    low: Annotated[Any, as_value]
    high: Annotated[Any, as_value]

    def __post_init__(self) -> None:
        check_same_unit(self, low=self.low, high=self.high)
        low, high = float(self.low.value), float(self.high.value)
        if not low <= high:
            raise ParameterError(f"Uniform: low = {self.low} exceeds high = {self.high}")
        if not np.isfinite(high - low):
            raise ParameterError(f"Uniform: low = {self.low} is too far from high = {self.high}")

    @property
    def dimension(self) -> Dimension:
        return self.low.dimension

    @property
    def least(self) -> float:
        return float(self.low.value)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.uniform(float(self.low.value), float(self.high.value), shape)
