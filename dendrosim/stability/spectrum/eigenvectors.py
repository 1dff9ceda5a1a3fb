"""Eigenvectors of chosen eigenvalues: all at once for small matrices, by inverse iteration for large ones."""

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from dendrosim.arrays import Complex
from dendrosim.stability.vector_field.flow import JacobianMatrix

DENSE_LIMIT = 400
"""States up to which all eigenvectors are computed."""
CLOSE = 1e-7
"""Distance, relative to the largest modulus, up to which eigenvalues share one subspace."""


def eigenvectors(matrix: JacobianMatrix, values: Complex) -> Complex:
    """Return a unit eigenvector for each of some eigenvalues, shape (n, m).

    Those of a multiple eigenvalue span its space as far as it has so many.

    Parameters
    ----------
    matrix : array or sparse array, shape (n, n)
    values : array of complex, shape (m,)
        Accurate eigenvalues of the matrix, with multiplicity.
    """
    n = matrix.shape[0]
    if n <= DENSE_LIMIT:
        dense = matrix.toarray() if sp.issparse(matrix) else matrix
        every, vectors = scipy.linalg.eig(dense)
        chosen = scipy.optimize.linear_sum_assignment(np.abs(values[:, None] - every))[1]
        return np.asarray(vectors[:, chosen], dtype=np.complex128)
    found = np.zeros((n, len(values)), dtype=np.complex128)
    size = float(np.max(np.abs(values), initial=0.0)) or 1.0
    waiting = np.ones(len(values), dtype=np.bool_)
    while waiting.any():
        first = values[np.argmax(waiting)]
        near = waiting & (np.abs(values - first) <= CLOSE * size)
        found[:, near] = _inverse_iteration(matrix, values[near], size)
        waiting &= ~near
    return found


def _inverse_iteration(matrix: JacobianMatrix, values: Complex, size: float) -> Complex:
    """Eigenvectors of a cluster of eigenvalues, all at once."""
    n, shift = matrix.shape[0], complex(np.mean(values)) + 1e-10 * size
    if sp.issparse(matrix):
        solve = sla.splu(sp.csc_array(matrix - shift * sp.eye_array(n, format="csr"))).solve
    else:
        factors = scipy.linalg.lu_factor(matrix - shift * np.eye(n), check_finite=False)

        def solve(x: Complex) -> Complex:
            return np.asarray(scipy.linalg.lu_solve(factors, x, check_finite=False))

    random = np.random.default_rng(0)
    basis = random.standard_normal((n, len(values))).astype(np.complex128)
    for _ in range(4):
        basis = np.linalg.qr(solve(basis))[0]
    every, small = np.linalg.eig(basis.conj().T @ (matrix @ basis))
    chosen = scipy.optimize.linear_sum_assignment(np.abs(values[:, None] - every))[1]
    return np.asarray(basis @ small[:, chosen])
