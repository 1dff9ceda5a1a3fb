"""Initial weights that are the pseudo-inverse of another matrix."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.derived import Derived


@dataclass(frozen=True, eq=False)
class PseudoInverse(Derived):
    """Start from the pseudo-inverse (Moore-Penrose) of the weights that another matrix has at the beginning.

    Parameters
    ----------
    matrix : str
        Name of the other matrix. Its shape is (pre, post) if the shape of this matrix is (post, pre).
    scale : float, optional
        Factor of the pseudo-inverse (default 1).

    Raises
    ------
    SpecError
        If there is no such matrix, its shape does not fit, or its initial value depends on this matrix; `Circuit`
        raises this error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> back = ds.Matrix("q", post="down", pre="up", initial=ds.PseudoInverse("w"))
    """

    scale: float = 1.0

    def compute(self, weights: Array) -> Array:
        return np.asarray(self.scale * np.linalg.pinv(weights), dtype=np.float64)
