"""Eigenvalues of a Jacobian, and the verdict on the stability of its fixed point.

Eigenvalues are computed for each strongly connected component (`components`); for a large sparse component only
the rightmost ones (`arnoldi`). A direction in which a continuous symmetry moves a fixed point has an eigenvalue of
exactly zero. These directions are split off by an orthogonal change of coordinates, so zero modes need not be
recognised by the size of their eigenvalues.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from dendrosim.arrays import Array, Complex
from dendrosim.display.short import ShortRepr
from dendrosim.errors import NonFiniteError, ShapeError
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.spectrum.arnoldi import rightmost_eigenvalues
from dendrosim.stability.spectrum.components import (
    dense_eigenvalues,
    diagonal_blocks,
    strong_components,
)
from dendrosim.stability.spectrum.eigenvectors import eigenvectors as _eigenvectors
from dendrosim.stability.vector_field.flow import JacobianMatrix

Verdict = Literal["stable", "unstable", "marginal"]

RELATIVE_TOLERANCE = float(np.sqrt(np.finfo(float).eps))
"""An eigenvalue counts as zero if its modulus is at most this fraction of the largest modulus: rounding by eps in
a matrix moves a double eigenvalue with one eigenvector by about sqrt(eps)."""

DENSE_LIMIT = 6000
"""Number of states of a sparse component above which only its rightmost eigenvalues are computed: a dense matrix
of this size has 288 MB, and its eigenvalues take minutes."""

ARNOLDI_FROM = 1000
"""Number of states of a sparse component above which Arnoldi iteration computes the `count` rightmost eigenvalues:
all eigenvalues of a smaller component take about a second."""

DEFAULT_COUNT = 20
"""Number of eigenvalues to compute of a component that is too large for all of them, if `count` is not given."""


@dataclass(frozen=True, eq=False)
class Spectrum(ShortRepr):
    """The eigenvalues of a Jacobian, sorted, and the verdict on stability.

    Attributes
    ----------
    eigenvalues : array of complex, shape (m,)
        Eigenvalues in 1/s, with multiplicity, by descending real part, then by descending imaginary part. Zero
        modes of symmetries are included as exact zeros.
    size : int
        Number n of states; m < n if only the rightmost eigenvalues were requested or could be computed.
    tolerance : float
        Size in 1/s up to which a real part counts as zero.
    symmetry_zeros : int
        Number of zero eigenvalues that are due to continuous symmetries.
    max_euler_step : float
        Largest stable time step of forward Euler in s: the minimum of -2 Re/|lambda|^2 over the decaying
        eigenvalues. Eigenvalues of zero do not count, since Euler leaves their directions as they are. It is 0 if
        a mode grows or oscillates without decay, and inf if all eigenvalues are zero. If not all eigenvalues of a
        component were computed, it is an estimate from the rightmost eigenvalues and those of largest modulus.
    jacobian : array or sparse array, shape (n, n)
        Jacobian in 1/s.
    """

    eigenvalues: Complex
    size: int
    tolerance: float
    symmetry_zeros: int
    max_euler_step: float
    jacobian: JacobianMatrix = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether all eigenvalues were computed."""
        return len(self.eigenvalues) == self.size

    @cached_property
    def without_symmetries(self) -> Complex:
        """All eigenvalues except the zero modes of symmetries, in the same order, in 1/s."""
        zeros = np.flatnonzero(self.eigenvalues == 0)[: self.symmetry_zeros]
        return np.delete(self.eigenvalues, zeros)

    @property
    def abscissa(self) -> float:
        """Largest real part in 1/s, without zero modes of symmetries; -inf if there are no other eigenvalues."""
        return float(np.max(self.without_symmetries.real, initial=-np.inf))

    @property
    def further_zeros(self) -> int:
        """Number of eigenvalues within the tolerance of zero that are not due to symmetries."""
        return int(np.sum(np.abs(self.without_symmetries) <= self.tolerance))

    @property
    def verdict(self) -> Verdict:
        """`stable`, `unstable`, or `marginal` if the largest real part is within the tolerance of zero.

        Zero modes of symmetries do not count.
        """
        if self.abscissa > self.tolerance:
            return "unstable"
        return "stable" if self.abscissa < -self.tolerance else "marginal"

    @property
    def unstable_count(self) -> int:
        """Number of eigenvalues whose real part exceeds the tolerance."""
        return int(np.sum(self.eigenvalues.real > self.tolerance))

    @property
    def time_constants(self) -> Array:
        """-1/Re of each eigenvalue in s, shape (m,): negative if the mode grows, nan if |Re| is within
        tolerance."""
        rates = self.eigenvalues.real
        slow = np.abs(rates) <= self.tolerance
        return np.where(slow, np.nan, -1.0 / np.where(slow, 1.0, rates))

    def eigenvectors(self, count: int | None = None) -> Complex:
        """Return eigenvectors of length 1 of the first `count` eigenvalues (default: all), shape (n, count)."""
        return _eigenvectors(self.jacobian, self.eigenvalues[:count])


def spectrum(
    jacobian: JacobianMatrix,
    symmetries: Array | None = None,
    tolerance: float | None = None,
    count: int | None = None,
) -> Spectrum:
    """Return the eigenvalues of a Jacobian and the verdict on stability.

    Parameters
    ----------
    jacobian : array or sparse array, shape (n, n)
        Jacobian in 1/s.
    symmetries : array, shape (n, k), optional
        Orthonormal basis of the directions in which continuous symmetries move the fixed point. Directions that
        the Jacobian does not map to zero, because the point is not a fixed point, do not count as zero modes.
        Default: none.
    tolerance : float, optional
        Largest real part in 1/s that counts as zero. Default: sqrt(eps) = 1.5e-8 times the largest modulus;
        rounding moves a double zero with one eigenvector by about as much. Single zeros are exact to about eps
        times the condition of their eigenvectors. Give less if time scales differ by more than 1e8.
    count : int, optional
        Number of rightmost eigenvalues to compute. Default: all, or 20 of a sparse component of more than 6000
        states.

    Returns
    -------
    Spectrum

    Raises
    ------
    ShapeError
        If the matrix is not square, or the basis does not have one row per state.
    NonFiniteError
        If an entry is infinite or not a number.
    NotConvergedError
        If Arnoldi iteration finds fewer than `count` eigenvalues.
    """
    matrix = _check_matrix(jacobian)
    size = matrix.shape[0]
    basis = np.zeros((size, 0)) if symmetries is None else np.asarray(symmetries, dtype=float)
    if basis.ndim != 2 or len(basis) != size:
        raise ShapeError(f"symmetries must have {size} rows, one for each state, not {basis.shape}")
    zero_modes = _zero_modes(matrix, basis)
    zeros = zero_modes.shape[1]
    if zeros and size <= DENSE_LIMIT:
        found, extra = _eigenvalues(quotient(matrix, zero_modes), count)
    else:
        found, extra = _eigenvalues(matrix, None if count is None else count + zeros)
        found = np.delete(found, np.argsort(np.abs(found))[:zeros])
    every = np.concatenate([found, extra])
    if tolerance is None:
        tolerance = RELATIVE_TOLERANCE * float(np.max(np.abs(every), initial=0.0))
    step = max_euler_step(every, tolerance)
    values = sort_eigenvalues(np.concatenate([found, np.zeros(zeros, dtype=np.complex128)]))
    return Spectrum(values[:count], size, float(tolerance), zeros, step, matrix)


def sort_eigenvalues(values: Complex) -> Complex:
    """Sort by descending real part, then descending imaginary part."""
    return values[np.lexsort((-values.imag, -values.real))]


def max_euler_step(values: Complex, tolerance: float) -> float:
    """Return the largest stable time step of forward Euler in s; see `Spectrum`."""
    values = values[np.abs(values) > tolerance]
    if np.any(values.real >= -tolerance):
        return 0.0
    return float(np.min(-2.0 * values.real / np.abs(values) ** 2, initial=np.inf))


def quotient(matrix: JacobianMatrix, basis: Array) -> Array:
    """Restrict a matrix to the orthogonal complement of a subspace that the matrix maps to zero.

    The eigenvalues of the result are the other eigenvalues of the matrix: with Q = [S, C] orthogonal and J S = 0,
    the matrix Q^T J Q is block-triangular. States in which the basis is zero keep their rows and columns.

    Parameters
    ----------
    matrix : array or sparse array, shape (n, n)
        The Jacobian J.
    basis : array, shape (n, k)
        Orthonormal basis S of the subspace.

    Returns
    -------
    array, shape (n - k, n - k)
    """
    dense = np.array(matrix.toarray() if sp.issparse(matrix) else matrix, dtype=float, order="F")
    touched = np.flatnonzero(np.any(basis != 0, axis=1))
    (reflectors, scales), _ = scipy.linalg.qr(basis[touched], mode="raw")
    multiply = scipy.linalg.lapack.dormqr
    work = max(1, 64 * len(dense))  # dormqr uses blocks of at most 64 columns
    dense[touched] = multiply("L", "T", reflectors, scales, dense[touched], work)[0]
    dense[:, touched] = multiply("R", "N", reflectors, scales, dense[:, touched], work)[0]
    kept = np.delete(np.arange(len(dense)), touched[: basis.shape[1]])
    return dense[np.ix_(kept, kept)]


def _check_matrix(jacobian: JacobianMatrix) -> JacobianMatrix:
    matrix = sp.csr_array(jacobian) if sp.issparse(jacobian) else np.asarray(jacobian, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"a Jacobian must be square, not of shape {matrix.shape}")
    if not np.all(np.isfinite(matrix.data if sp.issparse(matrix) else matrix)):
        raise NonFiniteError("the Jacobian has entries that are infinite or not a number")
    return matrix


def _zero_modes(matrix: JacobianMatrix, basis: Array) -> Array:
    """Return an orthonormal basis of the vectors in the span of `basis` that `matrix` maps to zero."""
    if not basis.shape[1]:
        return basis
    _, sizes, directions = np.linalg.svd(matrix @ basis, full_matrices=False)
    norm = float(np.sqrt(np.sum((matrix.data if sp.issparse(matrix) else matrix) ** 2)))
    return basis @ directions[sizes <= RELATIVE_TOLERANCE * norm].T


def _eigenvalues(matrix: JacobianMatrix, count: int | None) -> tuple[Complex, Complex]:
    """Return eigenvalues, and further eigenvalues that only serve to bound the Euler step, both in any order."""
    found, extra = [np.zeros(0, dtype=np.complex128)], [np.zeros(0, dtype=np.complex128)]
    for block in diagonal_blocks(matrix, strong_components(matrix)):
        states = block.shape[-1]
        large = states > (DENSE_LIMIT if count is None else ARNOLDI_FROM)
        if large and sp.issparse(block):
            right, largest = rightmost_eigenvalues(block, count or DEFAULT_COUNT)
            found.append(right)
            extra.append(largest)
        else:
            found.append(dense_eigenvalues(block))
    return np.concatenate(found), np.concatenate(extra)
