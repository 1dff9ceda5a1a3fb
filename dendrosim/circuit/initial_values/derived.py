"""Base class of initial values that are computed from another matrix, and how to add one."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Derived(Initial):
    """Base class of initial weights that are computed from the initial weights of another matrix.

    To add such a class, write a file in this folder with a frozen dataclass that derives from `Derived` and
    defines `compute`, and `shape` if it is not that of the transpose.
    """

    only_matrices: ClassVar[bool] = True

    matrix: str

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        """Return the shape of the weights, by default that of the transpose of the other matrix.

        Parameters
        ----------
        of : tuple of int
            Shape (post, pre) of the other matrix.

        Returns
        -------
        tuple of int
            Shape (post, pre) of this matrix.
        """
        return of[::-1]

    @abstractmethod
    def compute(self, weights: Array) -> Array:
        """Return the initial weights.

        Parameters
        ----------
        weights : array, shape (post, pre) of the other matrix
            Initial weights of the other matrix, in SI units.

        Returns
        -------
        array, shape (post, pre) of this matrix
            Initial weights in SI units.
        """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        raise ShapeError(
            f"{type(self).__name__} of {self.matrix!r} is for a matrix, and is known only when a run begins"
        )
