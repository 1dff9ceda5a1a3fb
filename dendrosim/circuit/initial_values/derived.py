"""Base class of initial values that are computed from another matrix, and how to add one."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.computed import Computed


@dataclass(frozen=True, eq=False)
class Derived(Computed):
    """Base class of initial weights that are computed from the initial weights of another matrix.

    To add such a class, write a file in this folder with a frozen dataclass that derives from `Derived` and
    defines `compute`, and `shape` if it is not that of the transpose.
    """

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

    @property
    def matrices(self) -> tuple[str, ...]:
        return (self.matrix,)

    def renamed(self, path: Callable[[str], str]) -> Self:
        return replace(self, matrix=path(self.matrix))

    def shape_from(self, shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        return self.shape(shapes[0])

    def compute_from(self, weights: Sequence[Array]) -> Array:
        return self.compute(weights[0])
