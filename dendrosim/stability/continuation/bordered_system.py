"""The linearised equations of a curve of equilibria, and their bordered solution.

Directions of symmetry add a row each, so that there are more rows than unknowns; they are consistent, and are
solved by least squares. Without symmetries there are as many, and LU is tried first.
"""

import warnings
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from dendrosim.arrays import Array

VANISHING = 1e-2
"""Fraction of its usual length below which a row vanishes."""

RANK = 1e-11
"""Singular values below this fraction of the largest count as zero."""


class BorderedSystem:
    """The linearised equations [df/dx, df/dp] at a point, each row divided by its length.

    Rows of fast and slow states then weigh alike, and a residual reads as a distance from the curve. Rows that
    vanish, as they may at a branch point, are divided by a fraction of their usual length.

    Attributes
    ----------
    jacobian, drive : array, shapes (n, n), dense or sparse, and (n,)
        df/dx and df/dp, divided.
    divisors : array, shape (n,)
        By what.
    lengths : array, shape (n,)
        The length of each row here.
    """

    def __init__(self, jacobian: Any, drive: Array, usual: Array) -> None:
        self.sparse = sparse.issparse(jacobian)
        squares = (jacobian.multiply(jacobian) if self.sparse else jacobian**2).sum(axis=1)
        self.lengths = np.sqrt(np.asarray(squares).ravel() + drive**2)
        lengths = np.maximum(self.lengths, VANISHING * usual)
        self.divisors = np.where(lengths > 0, lengths, 1.0)
        if self.sparse:
            jacobian = sparse.diags_array(1 / self.divisors) @ jacobian
        else:
            jacobian = jacobian / self.divisors[:, None]
        self.jacobian, self.drive = jacobian, drive / self.divisors

    def solve(self, normal: Array, symmetries: Array, right: Array) -> Array:
        """Return the least-norm solution of these rows, of `normal` and of `symmetries`, in this order."""
        if self.sparse and symmetries.shape[1] == 0:
            blocks = [[self.jacobian, self.drive[:, None]], [normal[None, :-1], normal[None, -1:]]]
            try:
                return np.asarray(splu(sparse.block_array(blocks, format="csc")).solve(right))
            except RuntimeError:
                pass  # exactly singular: a branch point, which least squares can pass
        left = self.dense(normal[None], symmetries)
        if symmetries.shape[1] == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("error", linalg.LinAlgWarning)
                try:
                    return np.asarray(linalg.solve(left, right, check_finite=False))
                except (linalg.LinAlgError, linalg.LinAlgWarning):
                    pass
        return np.asarray(linalg.lstsq(left, right, cond=RANK, check_finite=False)[0])

    def dense(self, extra: Array, symmetries: Array) -> Array:
        """Return all rows as one array: these, then `extra` (any, n + 1), then `symmetries` transposed."""
        jacobian = self.jacobian.toarray() if self.sparse else self.jacobian
        held = np.hstack([symmetries.T, np.zeros((symmetries.shape[1], 1))])
        return np.vstack([np.column_stack([jacobian, self.drive]), extra, held])
