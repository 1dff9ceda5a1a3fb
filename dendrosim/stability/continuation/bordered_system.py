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


class Rows:
    """The linearised equations [df/dx, df/dp] at a point, each row divided by its length.

    Rows of fast and slow states then weigh alike, and a residual reads as a distance from the curve. Rows that
    vanish, as they may at a branch point, are divided by a fraction of their usual length.

    Attributes
    ----------
    jacobian, drive : array, shapes (n, n), dense or sparse, and (n,)
        df/dx and df/dp, divided.
    lengths : array, shape (n,)
        By what.
    own : array, shape (n,)
        The length of each row here.
    """

    def __init__(self, jacobian: Any, drive: Array, usual: Array) -> None:
        self.sparse = sparse.issparse(jacobian)
        squares = (jacobian.multiply(jacobian) if self.sparse else jacobian**2).sum(axis=1)
        self.own = np.sqrt(np.asarray(squares).ravel() + drive**2)
        lengths = np.maximum(self.own, VANISHING * usual)
        self.lengths = np.where(lengths > 0, lengths, 1.0)
        if self.sparse:
            jacobian = sparse.diags_array(1 / self.lengths) @ jacobian
        else:
            jacobian = jacobian / self.lengths[:, None]
        self.jacobian, self.drive = jacobian, drive / self.lengths

    def solve(self, normal: Array, fixed: Array, right: Array) -> Array:
        """Return the least-norm solution of these rows, of `normal` and of `fixed`, in this order."""
        if self.sparse and fixed.shape[1] == 0:
            blocks = [[self.jacobian, self.drive[:, None]], [normal[None, :-1], normal[None, -1:]]]
            try:
                return np.asarray(splu(sparse.block_array(blocks, format="csc")).solve(right))
            except RuntimeError:
                pass  # exactly singular: a branch point, which least squares can pass
        left = self.dense(normal[None], fixed)
        if fixed.shape[1] == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("error", linalg.LinAlgWarning)
                try:
                    return np.asarray(linalg.solve(left, right, check_finite=False))
                except (linalg.LinAlgError, linalg.LinAlgWarning):
                    pass
        return np.asarray(linalg.lstsq(left, right, cond=RANK, check_finite=False)[0])

    def dense(self, extra: Array, fixed: Array) -> Array:
        """Return all rows as one array: these, then `extra` (any, n + 1), then `fixed` transposed."""
        jacobian = self.jacobian.toarray() if self.sparse else self.jacobian
        held = np.hstack([fixed.T, np.zeros((fixed.shape[1], 1))])
        return np.vstack([np.column_stack([jacobian, self.drive]), extra, held])
