"""Linear systems with a Jacobian: one factorisation for many right-hand sides."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from dendrosim.arrays import Array
from dendrosim.machine.brian_import import own_filters
from dendrosim.stability.vector_field.flow import JacobianMatrix

Solve = Callable[[Array], Array]

SINGULAR = 1e-13
"""Reciprocal condition number below which a matrix counts as singular: three digits above rounding, 1e-16."""

SPARSE_FROM = 300
"""Number of states above which least-norm steps of a sparse matrix are computed with sparse factors: a dense
singular value decomposition would take more than a tenth of a second for each step, and many for 1600 states."""

LEAST_DAMPING = 1e-10
"""Smallest damping of a sparse least-norm step, relative to the largest singular value: the condition number of
the augmented matrix is at most its inverse, and singular values down to 1e-5 are inverted to ten digits."""

FILL_LIMIT = 2**27
"""Largest number of non-zeros in the factors of a sparse matrix, 1 GiB. Factors have about ten times as many
non-zeros as the matrix."""


@dataclass(frozen=True)
class Factors:
    """A factorised matrix.

    Attributes
    ----------
    solve : callable
        Returns the solution for one right-hand side, shape (n,).
    condition : float
        Estimated condition number in the 1-norm; nan if only an incomplete factorisation fits into memory.
    """

    solve: Solve
    condition: float

    @property
    def singular(self) -> bool:
        """Whether solutions have hardly any correct digits."""
        return self.condition * SINGULAR > 1.0


def factorise(matrix: JacobianMatrix) -> Factors:
    """Factorise a matrix by dense or sparse LU or, if LU does not fit into memory, by incomplete LU for GMRES."""
    return _sparse(sp.csc_array(matrix)) if sp.issparse(matrix) else _dense(np.asarray(matrix))


def least_norm_step(
    matrix: JacobianMatrix,
    rates: Array,
    damping: float,
    scale: Array,
    excluded: Array | None = None,
) -> Array:
    """Return the damped least-squares solution d of J d = -f, the one of least norm if there are several.

    In units of `scale` it minimises |J d + f|^2 + (damping * sigma)^2 |d|^2, where sigma is the largest singular
    value of J. Directions with singular values below 1e-13 sigma are left out.

    Parameters
    ----------
    matrix : array or sparse array, shape (n, n)
        The Jacobian J.
    rates : array, shape (n,)
        The rates f.
    damping : float
        Damping relative to sigma, without unit.
    scale : array, shape (n,)
        Typical size of each state.
    excluded : array, shape (n, k), optional
        Orthonormal directions to which the step is orthogonal; `scale` must then be the same for all states.
        Default: none.
    """
    excluded = np.zeros((len(rates), 0)) if excluded is None else excluded
    rates = rates / scale
    if sp.issparse(matrix) and len(rates) > SPARSE_FROM:
        return np.asarray(scale * _sparse_least_norm(matrix, rates, damping, scale, excluded))
    dense = (matrix.toarray() if sp.issparse(matrix) else matrix) * scale / scale[:, None]
    dense = dense - (dense @ excluded) @ excluded.T
    if not np.any(dense):
        return np.zeros_like(rates)
    left, sizes, right = scipy.linalg.svd(dense, full_matrices=False, check_finite=False)
    kept = sizes > SINGULAR * sizes[0]
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    top = float(np.max(sizes, initial=0.0))
    filtered = sizes / (sizes**2 + (damping * top) ** 2)
    return np.asarray(-scale * (right.T @ (filtered * (left.T @ rates))))


def _sparse_least_norm(
    matrix: JacobianMatrix, rates: Array, damping: float, scale: Array, excluded: Array
) -> Array:
    """Return the damped least-squares solution d in units of `scale`, from an augmented sparse system.

    Its unknowns are y, d and z: lambda y + J d = -f, J^T y - lambda d + B z = 0 and B^T d = 0, where B are the
    excluded directions.
    """
    scaled = sp.csr_array(sp.diags_array(1.0 / scale) @ matrix @ sp.diags_array(scale))
    # The geometric mean of these norms bounds the largest singular value, and is cheap.
    size = float(np.sqrt(sla.norm(scaled, 1) * sla.norm(scaled, np.inf)))
    if not size > 0.0:
        return np.zeros_like(rates)
    strength = max(damping, LEAST_DAMPING) * size
    if 20 * scaled.nnz <= FILL_LIMIT:  # both halves of the augmented matrix have the entries of J
        n = len(rates)
        own = strength * sp.eye_array(n)
        rows: list[list[Any]] = [[own, scaled], [scaled.T, -own]]
        if excluded.shape[1]:
            border = sp.csr_array(size * excluded)
            rows = [[own, scaled, None], [scaled.T, -own, border], [None, border.T, None]]
        augmented = sp.block_array(rows, format="csc")
        right = np.zeros(augmented.shape[0])
        right[:n] = -rates
        try:
            return np.asarray(sla.splu(augmented).solve(right)[n : 2 * n])
        except (RuntimeError, MemoryError):
            pass
    found = sla.lsmr(scaled, -rates, damp=strength, atol=1e-13, btol=1e-13)[0]
    return np.asarray(found - excluded @ (excluded.T @ found))


def _dense(matrix: Array) -> Factors:
    with own_filters():
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
        factors = scipy.linalg.lu_factor(matrix, check_finite=False)
    norm = float(np.max(np.sum(np.abs(matrix), axis=0), initial=0.0))
    inverse = float(scipy.linalg.lapack.dgecon(factors[0], norm)[0]) if norm > 0.0 else 0.0

    def solve(right: Array) -> Array:
        return np.asarray(scipy.linalg.lu_solve(factors, right, check_finite=False))

    return Factors(solve, 1.0 / inverse if inverse > 0.0 else np.inf)


def _sparse(matrix: sp.csc_array) -> Factors:
    if 10 * matrix.nnz > FILL_LIMIT:  # ten is the usual growth of the number of non-zeros
        return _incomplete(matrix)
    try:
        factors = sla.splu(matrix)
    except MemoryError:
        return _incomplete(matrix)
    except RuntimeError:  # exactly singular
        return Factors(np.zeros_like, np.inf)
    n = matrix.shape[0]
    inverse = sla.LinearOperator(
        (n, n), matvec=factors.solve, rmatvec=lambda x: factors.solve(x, "T"), dtype=float
    )
    return Factors(factors.solve, float(sla.norm(matrix, 1)) * float(sla.onenormest(inverse)))


def _incomplete(matrix: sp.csc_array) -> Factors:
    """Return a solver by GMRES, preconditioned by an incomplete LU with at most ten times as many entries."""
    factors = sla.spilu(matrix, drop_tol=1e-4, fill_factor=10)
    preconditioner = sla.LinearOperator(matrix.shape, matvec=factors.solve, dtype=float)

    def solve(right: Array) -> Array:
        # Twenty restarts of 60 vectors; if they do not suffice, the next correction of Newton's method shows it.
        found, _ = sla.gmres(matrix, right, rtol=1e-12, restart=60, maxiter=20, M=preconditioner)
        return np.asarray(found)

    return Factors(solve, np.nan)
