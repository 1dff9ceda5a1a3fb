"""Initial weights that are a multiple of the identity matrix plus noise."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import number
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Identity(Initial):
    """Start a square matrix from a multiple of the identity, plus normal noise.

    Parameters
    ----------
    scale : float, optional
        Factor of the identity matrix (default 1).
    noise : float, optional
        Standard deviation of the normal number that is added to each weight (default 0).

    Raises
    ------
    ShapeError
        If the matrix is not square, or the object that starts from it is not a matrix. This object or `Circuit`
        raises the error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> weights = ds.Matrix("w", post="cell", pre="cell", initial=ds.Identity(0.5, noise=0.01))
    """

    only_matrices: ClassVar[bool] = True

    scale: float = 1.0
    noise: Annotated[float, number("at least 0", lambda x: x >= 0)] = 0.0

    def check(self, where: str, shape: tuple[int, ...]) -> None:
        super().check(where, shape)
        if shape[0] != shape[1]:
            raise ShapeError(f"{where}: Identity needs a square matrix, not {shape}")

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return self.scale * np.eye(shape[0], shape[1]) + self.noise * rng.normal(size=shape)
