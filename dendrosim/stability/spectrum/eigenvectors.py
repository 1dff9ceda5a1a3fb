"""Eigenvectors of given eigenvalues: all at once for small matrices, by inverse iteration for large ones."""

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from dendrosim.arrays import Complex
from dendrosim.stability.vector_field.flow import JacobianMatrix

DENSE_LIMIT = 400
"""Number of states up to which all eigenvectors are computed, which takes less than a second."""

CLOSE = 1e-7
"""Eigenvalues are treated as one multiple eigenvalue if they differ by at most this fraction of the largest
modulus: rounding moves a double eigenvalue by about 1e-8."""

SHIFT = 1e-10
"""Distance of the shift of inverse iteration from an eigenvalue, relative to the largest modulus: close enough for
two or three iterations, and far enough for a factorisation that is not singular."""

ITERATIONS = 4
"""Number of inverse iterations: each reduces the error by the ratio of the shift to the distance of the next
eigenvalue, at least 1e3."""


def eigenvectors(matrix: JacobianMatrix, values: Complex) -> Complex:
    """Return eigenvectors of given eigenvalues.

    Parameters
    ----------
    matrix : array or sparse array, shape (n, n)
    values : array of complex, shape (m,)
        Accurate eigenvalues of the matrix, with multiplicity.

    Returns
    -------
    array of complex, shape (n, m)
        One column of length 1 for each eigenvalue. The columns of a multiple eigenvalue are linearly independent
        if it has as many independent eigenvectors.
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
    """Return the eigenvectors of eigenvalues that are close together, by iteration of their common subspace.

    `size` is the largest modulus of an eigenvalue.
    """
    n, shift = matrix.shape[0], complex(np.mean(values)) + SHIFT * size
    if sp.issparse(matrix):
        solve = sla.splu(sp.csc_array(matrix - shift * sp.eye_array(n, format="csr"))).solve
    else:
        factors = scipy.linalg.lu_factor(matrix - shift * np.eye(n), check_finite=False)

        def solve(x: Complex) -> Complex:
            return np.asarray(scipy.linalg.lu_solve(factors, x, check_finite=False))

    random = np.random.default_rng(0)
    basis = random.standard_normal((n, len(values))).astype(np.complex128)
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(solve(basis))[0]
    every, small = np.linalg.eig(basis.conj().T @ (matrix @ basis))
    chosen = scipy.optimize.linear_sum_assignment(np.abs(values[:, None] - every))[1]
    return np.asarray(basis @ small[:, chosen])
