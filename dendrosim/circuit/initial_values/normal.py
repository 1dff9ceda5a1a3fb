"""Normal random numbers."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_value, not_negative, optional
from dendrosim.circuit.initial_values.base import Initial, check_same_unit
from dendrosim.units import Dimension, Quantity


@dataclass(frozen=True, eq=False)
class Normal(Initial):
    """Draw independent normal random numbers.

    The standard deviation comes first, unlike in NumPy: `Normal(0, 0.8)` makes all values 0.8.

    Parameters
    ----------
    sd : quantity
        Standard deviation, one finite number, not negative.
    mean : quantity, optional
        Mean, in the unit of `sd` (default 0).

    Raises
    ------
    ParameterError
        If `sd` or `mean` is not one finite number, `sd` is negative, or the units differ.

    Examples
    --------
    Weights scaled by the number of inputs:

    >>> import dendrosim as ds
    >>> weights = ds.Matrix("w", post="cell", pre="input", initial=ds.Normal(1 / 100**0.5))
    """

    sd: Annotated[Any, as_value]
    mean: Annotated[Any, optional(as_value)] = None

    def __post_init__(self) -> None:
        if self.mean is None:
            self._set(mean=Quantity(0.0, self.sd.dimension))
        check_same_unit(self, mean=self.mean, sd=self.sd)
        not_negative(**{"Normal.sd": self.sd})

    @property
    def dimension(self) -> Dimension:
        return self.sd.dimension

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(float(self.mean.value), float(self.sd.value), shape)
