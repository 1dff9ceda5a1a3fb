"""Base class of initial weights that are computed from the initial weights of other matrices.

Most such weights come from one other matrix and derive from `Derived`, which asks for less. To add a class for
several matrices, write a file in this folder with a frozen dataclass that derives from `Computed` and defines its
four methods; see `product`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Computed(Initial):
    """Base class of initial weights that are computed from the initial weights of other matrices."""

    only_matrices: ClassVar[bool] = True

    @property
    @abstractmethod
    def matrices(self) -> tuple[str, ...]:
        """Names of the other matrices."""

    @abstractmethod
    def renamed(self, path: Callable[[str], str]) -> Self:
        """Return a copy with new names of the other matrices, which `path` gives for the old ones."""

    @abstractmethod
    def shape_from(self, shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return the shape (post, pre) of the weights.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Shape (post, pre) of each of the other matrices.

        Raises
        ------
        ShapeError
            If the shapes do not fit together.
        """

    @abstractmethod
    def compute_from(self, weights: Sequence[Array]) -> Array:
        """Return the initial weights in SI units.

        Parameters
        ----------
        weights : sequence of array, shapes (post, pre)
            Initial weights of each of the other matrices, in SI units.
        """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        named = " and ".join(map(repr, self.matrices))
        raise ShapeError(
            f"{type(self).__name__} of {named} is for a matrix, and is known only when a run begins"
        )
