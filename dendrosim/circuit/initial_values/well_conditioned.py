"""Random matrices that can be inverted safely."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.base import Initial, scalar_of
from dendrosim.errors import ParameterError
from dendrosim.units import DIMENSIONLESS


@dataclass(frozen=True, eq=False)
class WellConditioned(Initial):
    """Draw a random matrix with given singular values, so that a square matrix can be inverted safely.

    The singular values run from `gain` down to `gain/condition` in equal ratios. The singular vectors are those of
    a matrix of independent normal random numbers.

    Parameters
    ----------
    gain : float, optional
        Largest singular value, above 0 (default 1).
    condition : float, optional
        Condition number, the ratio of the largest to the smallest singular value, at least 1 (default 2).

    Raises
    ------
    ParameterError
        If `gain` is not positive, or `condition` is below 1.
    ShapeError
        If the object that starts from it is not a matrix; that object raises the error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> weights = ds.Matrix("w", post="up", pre="down", initial=ds.WellConditioned(1.4, 2.0))
    """

    only_matrices: ClassVar[bool] = True

    gain: float = 1.0
    condition: float = 2.0

    def __post_init__(self) -> None:
        for name in ("gain", "condition"):
            value = scalar_of(self, name, getattr(self, name))
            if value.dimension != DIMENSIONLESS or float(value.value) <= 0:
                raise ParameterError(
                    f"WellConditioned.{name} is {value}; it must be a positive number without unit"
                )
            self._set(**{name: float(value.value)})
        if self.condition < 1:
            raise ParameterError(
                f"WellConditioned.condition is {self.condition}; it must be at least 1"
            )

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        values = self.gain * np.geomspace(1, 1 / self.condition, len(u.T))
        return (u * values) @ v
