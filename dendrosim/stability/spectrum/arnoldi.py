"""The rightmost eigenvalues of a large sparse matrix, by implicitly restarted Arnoldi iteration (ARPACK).

Arnoldi iteration on the matrix itself needs no factorisation and finds eigenvalues that are well separated. If
they crowd at the right edge of the spectrum, shift and invert separates them, but with a real shift it may miss a
pair with a large imaginary part. The Cayley transform (A - s)^-1 (A - r) maps every eigenvalue to the right of
(s + r)/2 outside the unit circle, and so finds the pairs that shift and invert missed.

References
----------
Saad, "Numerical Methods for Large Eigenvalue Problems", revised edition, SIAM 2011, chapters 6 to 8.
Meerbergen, Spence and Roose, "Shift-invert and Cayley transforms for detection of rightmost eigenvalues of
nonsymmetric matrices", BIT 34, 1994.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from dendrosim.arrays import Array, Complex
from dendrosim.errors import NotConvergedError

ACCURACY = 1e-8
"""Largest residual of an eigenpair that counts as accurate, relative to the norm of the matrix. A smaller limit
would gain little: rounding alone moves an eigenvalue of multiplicity two by about as much, sqrt(epsilon)."""

ROUNDS = 6
"""Largest number of shifts, each closer to the right edge: searches with the first two usually agree."""

UNCHANGED = 1e-4
"""Difference of real parts, relative to the range of the wanted real parts, up to which two searches agree."""


def rightmost_eigenvalues(
    matrix: sp.csr_array, count: int, seed: int = 0
) -> tuple[Complex, Complex]:
    """Return the rightmost eigenvalues of a matrix, and some eigenvalues of largest modulus.

    Each search is repeated from another start vector. The eigenvalues are computed from the subspace that the
    vectors of all searches span, so that double eigenvalues are found twice.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Matrix of the linear system in 1/s.
    count : int
        Number of rightmost eigenvalues, at most n - 2.
    seed : int, optional
        Seed of the start vectors. Default: 0.

    Returns
    -------
    rightmost : array of complex, shape (count,)
        Rightmost eigenvalues by descending real part, in 1/s.
    largest : array of complex
        Up to four eigenvalues of largest modulus, accurate to about a thousandth.

    Raises
    ------
    NotConvergedError
        If fewer than `count` converge, because the eigenvalues are too close together or the eigenvectors nearly
        parallel.
    """
    n = matrix.shape[0]
    wanted = min(count, n - 2)
    random = np.random.default_rng(seed)
    norm = float(np.sqrt(sla.norm(matrix, 1) * sla.norm(matrix, np.inf)))
    largest = _arnoldi(matrix, 4, "LM", random, tol=1e-3)[0]
    first, vectors = _arnoldi(matrix, wanted + 2, "LR", random)
    values = first
    if whole := len(first) >= wanted:
        second, more = _arnoldi(matrix, wanted + 2, "LR", random)
        whole = len(second) >= wanted
        values, vectors = _ritz_pairs(matrix, np.hstack([vectors, more]), norm)
    if not (whole and _agree(first, values, wanted, norm)):
        height = float(np.max(np.abs(np.concatenate([values, largest]).imag), initial=0.0))
        values = _search_inverted(matrix, wanted, height, vectors, norm, random)
    if len(values) < wanted:
        raise NotConvergedError(
            f"only {len(values)} of the {wanted} rightmost eigenvalues of {n} coupled states converged: ask for"
            " fewer, or analyse a smaller circuit"
        )
    return values[:wanted], largest


def _search_inverted(
    matrix: sp.csr_array,
    wanted: int,
    height: float,
    vectors: Complex,
    norm: float,
    random: np.random.Generator,
) -> Complex:
    """Return the rightmost eigenvalues from shifted inverses, with a shift that comes closer to the edge.

    `height` is the largest imaginary part that is known, `vectors` the eigenvectors of earlier searches.
    """
    number = wanted + 2
    values, vectors = _ritz_pairs(matrix, vectors, norm)
    edge = float(values[0].real) if len(values) else _gershgorin_bound(matrix)
    # With less than two values the range is a guess; it is divided by 10 each time that the search finds none.
    width = float(edge - values[:wanted][-1].real) if len(values) > 1 else 0.1 * norm
    for _ in range(ROUNDS):
        width = max(width, 1e-12 * norm)  # wider than rounding errors of the edge
        # The shift is close to the edge, but not on an eigenvalue, where the factorisation would be singular.
        near = _transformed_eigenvectors(matrix, edge + 0.3 * width, None, number, random)
        old, (values, vectors) = values, _ritz_pairs(matrix, np.hstack([vectors, near]), norm)
        if not len(values):
            width *= 0.1
            continue
        edge, width = float(values[0].real), float(values[0].real - values[:wanted][-1].real)
        if _agree(old, values, wanted, norm):
            # Two rounds agree. A Cayley transform now searches for pairs up to the largest known imaginary part,
            # and at least twice as far as the wanted values reach. If these are equal, 1e-3 keeps its poles apart.
            reach = max(height, 2.0 * width, 1e-3 * norm)
            middle = float(values[:wanted][-1].real)
            far = _transformed_eigenvectors(matrix, middle + reach, middle - reach, number, random)
            old, (values, vectors) = values, _ritz_pairs(matrix, np.hstack([vectors, far]), norm)
            if _agree(old, values, wanted, norm):
                break
            edge, width = float(values[0].real), float(values[0].real - values[:wanted][-1].real)
    return values


def _gershgorin_bound(matrix: sp.csr_array) -> float:
    """Return an upper bound on the real parts of all eigenvalues, from Gershgorin's discs of rows and columns."""
    diagonal, sizes = matrix.diagonal(), abs(matrix)
    edges = (np.max(diagonal - np.abs(diagonal) + sizes.sum(axis=axis)) for axis in (0, 1))
    return float(min(edges))


def _arnoldi(
    operator: Any, number: int, which: str, random: np.random.Generator, tol: float = 0.0
) -> tuple[Complex, Complex]:
    """Return the eigenpairs of an operator that converge, up to `number`; `which` has the meaning of ARPACK."""
    n = operator.shape[0]
    number = min(number, n - 2)
    start = random.standard_normal(n)
    # ARPACK advises at least twice as many vectors as eigenvalues; further vectors help if eigenvalues are close.
    space = min(n, max(2 * number + 20, 40))
    try:
        values, vectors = sla.eigs(
            operator, k=number, which=which, v0=start, ncv=space, maxiter=20, tol=tol
        )
    except sla.ArpackNoConvergence as stopped:
        values, vectors = stopped.eigenvalues, stopped.eigenvectors
    return np.asarray(values, dtype=np.complex128), np.asarray(vectors, dtype=np.complex128)


def _transformed_eigenvectors(
    matrix: sp.csr_array,
    pole: float,
    zero: float | None,
    number: int,
    random: np.random.Generator,
) -> Complex:
    """Return eigenvectors of the largest eigenvalues of (A - pole)^-1 (A - zero), or of (A - pole)^-1."""
    n = matrix.shape[0]
    identity = sp.eye_array(n, format="csr")
    factors = sla.splu(sp.csc_array(matrix - pole * identity))
    apply: Callable[[Array], Array] = factors.solve
    if zero is not None:
        top = sp.csr_array(matrix - zero * identity)

        def apply(x: Array) -> Array:
            return np.asarray(factors.solve(top @ np.ravel(x)))

    return _arnoldi(
        sla.LinearOperator((n, n), matvec=apply, dtype=float), number, "LM", random, 1e-12
    )[1]


def _ritz_pairs(matrix: sp.csr_array, vectors: Complex, norm: float) -> tuple[Complex, Complex]:
    """Return the accurate eigenpairs of a matrix in the span of `vectors`, by descending real part.

    This is a Rayleigh-Ritz projection; pairs with a residual above `ACCURACY` are left out.
    """
    if not vectors.shape[1]:
        return np.zeros(0, dtype=np.complex128), vectors
    left, sizes, _ = np.linalg.svd(np.hstack([vectors.real, vectors.imag]), full_matrices=False)
    # A vector that two searches have found counts once: the two results differ by about the accuracy of a pair.
    basis = left[:, sizes > 1e-7 * sizes[0]]
    values, small = np.linalg.eig(basis.T @ (matrix @ basis))
    found = basis @ small.astype(np.complex128)
    good = np.linalg.norm(matrix @ found - found * values, axis=0) <= ACCURACY * norm
    chosen = np.flatnonzero(good)[np.argsort(-values.real[good], kind="stable")]
    return values[chosen].astype(np.complex128), found[:, chosen]


def _agree(old: Complex, new: Complex, wanted: int, norm: float) -> bool:
    """Return whether the `wanted` rightmost real parts are the same in two searches."""
    first, second = (np.sort(v.real)[::-1][:wanted] for v in (old, new))
    if not len(first) == len(second) == wanted:
        return False
    # If all real parts are equal, they still differ by rounding errors: 1e-4 (UNCHANGED) times 1e-9 is 1e-13.
    span = max(float(second[0] - second[-1]), 1e-9 * norm)
    return bool(np.allclose(first, second, rtol=0.0, atol=UNCHANGED * span))
