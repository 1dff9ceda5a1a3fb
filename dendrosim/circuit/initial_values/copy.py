"""Initial weights that are a copy of another matrix."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.derived import Derived


@dataclass(frozen=True, eq=False)
class Copy(Derived):
    """Start from the weights that another matrix has at the beginning of the run.

    Parameters
    ----------
    matrix : str
        Name of the other matrix, of the same shape.
    scale : float, optional
        Factor of the copy (default 1).

    Raises
    ------
    SpecError
        If there is no such matrix, its shape differs, or the two matrices copy each other; `Circuit` raises this
        error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> student = ds.Matrix("v", post="up", pre="down", initial=ds.Copy("w"))
    """

    scale: float = 1.0

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        return of

    def compute(self, weights: Array) -> Array:
        return np.array(self.scale * weights, dtype=np.float64)
