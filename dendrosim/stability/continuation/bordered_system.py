"""The linearised equations of a curve of fixed points, bordered by the normal of a plane, and their solution.

The bordered matrix is regular at folds, where df/dx alone is singular (Govaerts, "Numerical Methods for
Bifurcations of Dynamical Equilibria", SIAM 2000, chapter 3). Each direction of symmetry adds a further row. There
are then more rows than unknowns; they are consistent, and are solved by least squares. Without symmetries the
system is square, and LU is tried first.
"""

import warnings
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from dendrosim.arrays import Array
from dendrosim.machine.brian_import import own_filters

VANISHING = 1e-2
"""A row that is shorter than this fraction of its usual length is divided by this fraction of its usual length. At
a branch point a row may vanish, and a division by its own length would amplify rounding errors."""

RANK = 1e-11
"""A singular value counts as zero if it is below this fraction of the largest. Rounding errors are about 1e-15;
where bisection stops, about 1e-8 from a branch point, the smallest singular value is about 1e-8."""


class BorderedSystem:
    """The linearised equations [df/dx, df/dp] at a point, each row divided by its length.

    Rows of fast and slow states then have equal weight, and a residual is a distance from the curve. Rows that
    vanish, as at some branch points, are divided by a fraction of their usual length.

    Parameters
    ----------
    jacobian : array or sparse array, shape (n, n)
        df/dx.
    parameter_column : array, shape (n,)
        df/dp.
    usual : array, shape (n,)
        Usual length of each row; zeros if it is not known.

    Attributes
    ----------
    jacobian, parameter_column : array
        df/dx and df/dp with divided rows.
    divisors : array, shape (n,)
        The numbers by which rows are divided.
    lengths : array, shape (n,)
        The length of each row at this point.
    """

    def __init__(self, jacobian: Any, parameter_column: Array, usual: Array) -> None:
        self.sparse = sparse.issparse(jacobian)
        squares = (jacobian.multiply(jacobian) if self.sparse else jacobian**2).sum(axis=1)
        self.lengths = np.sqrt(np.asarray(squares).ravel() + parameter_column**2)
        lengths = np.maximum(self.lengths, VANISHING * usual)
        self.divisors = np.where(lengths > 0, lengths, 1.0)
        if self.sparse:
            jacobian = sparse.diags_array(1 / self.divisors) @ jacobian
        else:
            jacobian = jacobian / self.divisors[:, None]
        self.jacobian, self.parameter_column = jacobian, parameter_column / self.divisors

    def solve(self, normal: Array, symmetries: Array, right: Array) -> Array:
        """Return the least-norm solution u, shape (n + 1,), of the bordered system.

        Parameters
        ----------
        normal : array, shape (n + 1,)
            Normal of the plane.
        symmetries : array, shape (n, k)
            Directions of symmetry.
        right : array, shape (n + 1 + k,)
            Right-hand sides of the equations, of the plane and of the symmetries, in this order.
        """
        if self.sparse and symmetries.shape[1] == 0:
            blocks = [
                [self.jacobian, self.parameter_column[:, None]],
                [normal[None, :-1], normal[None, -1:]],
            ]
            try:
                return np.asarray(splu(sparse.block_array(blocks, format="csc")).solve(right))
            except RuntimeError:
                pass  # the matrix is singular, as at a branch point; least squares can solve it
        left = self.dense(normal[None], symmetries)
        if symmetries.shape[1] == 0:
            with own_filters():
                warnings.simplefilter("error", linalg.LinAlgWarning)
                try:
                    return np.asarray(linalg.solve(left, right, check_finite=False))
                except (linalg.LinAlgError, linalg.LinAlgWarning):
                    pass
        return np.asarray(linalg.lstsq(left, right, cond=RANK, check_finite=False)[0])

    def dense(self, extra: Array, symmetries: Array) -> Array:
        """Return all rows as one dense array: the equations, `extra` (any, n + 1) and transposed `symmetries`."""
        jacobian = self.jacobian.toarray() if self.sparse else self.jacobian
        symmetry_rows = np.hstack([symmetries.T, np.zeros((symmetries.shape[1], 1))])
        return np.vstack([np.column_stack([jacobian, self.parameter_column]), extra, symmetry_rows])
