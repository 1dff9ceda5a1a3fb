"""Initial weights that are the product of two other matrices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Product(Computed):
    """Start from the product of the weights that two other matrices have at the beginning of the run.

    Parameters
    ----------
    left, right : str
        Names of the other matrices, of shapes (post, n) and (n, pre) if the shape of this matrix is (post, pre).
    scale : float, optional
        Factor of the product (default 1).

    Raises
    ------
    SpecError
        If there is no such matrix, or its initial value depends on this matrix; `Circuit` raises this error.
    ShapeError
        If the shapes do not fit; `Circuit` raises this error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> lateral = ds.Matrix("n", post="cell", pre="cell", initial=ds.Product("back", "up", scale=-1.0))
    """

    left: str
    right: str
    scale: float = 1.0

    @property
    def matrices(self) -> tuple[str, ...]:
        return (self.left, self.right)

    def renamed(self, path: Callable[[str], str]) -> Self:
        return replace(self, left=path(self.left), right=path(self.right))

    def shape_from(self, shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        (post, inner), (outer, pre) = shapes
        if inner != outer:
            raise ShapeError(
                f"Product: {self.left!r} is {post} x {inner} and {self.right!r} is {outer} x {pre}; the columns "
                "of the first must be as many as the rows of the second"
            )
        return post, pre

    def compute_from(self, weights: Sequence[Array]) -> Array:
        left, right = weights
        return np.asarray(self.scale * (left @ right), dtype=np.float64)
