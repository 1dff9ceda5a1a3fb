"""Random matrices that can be inverted safely."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import number
from dendrosim.circuit.initial_values.base import Initial


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

    gain: Annotated[float, number("above 0", lambda x: x > 0)] = 1.0
    condition: Annotated[float, number("at least 1", lambda x: x >= 1)] = 2.0

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        values = self.gain * np.geomspace(1, 1 / self.condition, len(u.T))
        return (u * values) @ v
