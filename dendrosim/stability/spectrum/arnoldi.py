"""The rightmost eigenvalues of a large sparse matrix, by Arnoldi iteration.

Without factors Arnoldi finds eigenvalues that stand apart. Where they crowd at the right edge, shift and invert
separates them, but next to a real shift it may miss a pair with a large imaginary part. A Cayley transform
(A - s)^-1 (A - r) maps all that lies right of (s + r)/2 outside the unit circle: it looks for what was
missed (Meerbergen, Spence and Roose, "Shift-invert and Cayley transforms for detection of rightmost
eigenvalues of nonsymmetric matrices", BIT 34, 1994).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from dendrosim.arrays import Array, Complex
from dendrosim.errors import NotConvergedError

ACCURACY = 1e-8
"""Largest residual of an eigenpair, relative to the norm of the matrix."""
ROUNDS = 6
"""Shifts tried, each closer to the right edge."""


def rightmost_eigenvalues(
    matrix: sp.csr_array, count: int, seed: int = 0
) -> tuple[Complex, Complex]:
    """Return the `count` rightmost eigenvalues, and some of those of largest modulus, to about a thousandth.

    Each search is repeated from another start vector; all vectors found span one subspace, from which the
    eigenvalues are read, so that double ones are found twice.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
    count : int
        At most n - 2 are returned.
    seed : int
        Of the start vectors.

    Raises
    ------
    NotConvergedError
        Fewer converge: the eigenvalues crowd too closely, or the eigenvectors are nearly parallel.
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
    """The rightmost eigenvalues by maps with factors, the pole each time closer to the edge."""
    number = wanted + 2
    values, vectors = _ritz_pairs(matrix, vectors, norm)
    edge = float(values[0].real) if len(values) else _gershgorin_bound(matrix)
    width = float(edge - values[:wanted][-1].real) if len(values) > 1 else 0.1 * norm
    for _ in range(ROUNDS):
        width = max(width, 1e-12 * norm)
        near = _transformed_eigenvectors(matrix, edge + 0.3 * width, None, number, random)
        old, (values, vectors) = values, _ritz_pairs(matrix, np.hstack([vectors, near]), norm)
        if not len(values):
            width *= 0.1
            continue
        edge, width = float(values[0].real), float(values[0].real - values[:wanted][-1].real)
        if _agree(old, values, wanted, norm):
            reach = max(height, 2.0 * width, 1e-3 * norm)
            middle = float(values[:wanted][-1].real)
            far = _transformed_eigenvectors(matrix, middle + reach, middle - reach, number, random)
            old, (values, vectors) = values, _ritz_pairs(matrix, np.hstack([vectors, far]), norm)
            if _agree(old, values, wanted, norm):
                break
            edge, width = float(values[0].real), float(values[0].real - values[:wanted][-1].real)
    return values


def _gershgorin_bound(matrix: sp.csr_array) -> float:
    """A number that no real part of an eigenvalue exceeds: Gershgorin's discs, by rows and by columns."""
    diagonal, sizes = matrix.diagonal(), abs(matrix)
    edges = (np.max(diagonal - np.abs(diagonal) + sizes.sum(axis=axis)) for axis in (0, 1))
    return float(min(edges))


def _arnoldi(
    operator: Any, number: int, which: str, random: np.random.Generator, tol: float = 0.0
) -> tuple[Complex, Complex]:
    """Eigenpairs of an operator, as many as converge."""
    n = operator.shape[0]
    number = min(number, n - 2)
    start = random.standard_normal(n)
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
    """Eigenvectors of the largest eigenvalues of (A - pole)^-1 (A - zero), or of (A - pole)^-1."""
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
    """Accurate eigenpairs of `matrix` in the span of `vectors`, by descending real part."""
    if not vectors.shape[1]:
        return np.zeros(0, dtype=np.complex128), vectors
    left, sizes, _ = np.linalg.svd(np.hstack([vectors.real, vectors.imag]), full_matrices=False)
    basis = left[:, sizes > 1e-7 * sizes[0]]
    values, small = np.linalg.eig(basis.T @ (matrix @ basis))
    found = basis @ small.astype(np.complex128)
    good = np.linalg.norm(matrix @ found - found * values, axis=0) <= ACCURACY * norm
    chosen = np.flatnonzero(good)[np.argsort(-values.real[good], kind="stable")]
    return values[chosen].astype(np.complex128), found[:, chosen]


def _agree(old: Complex, new: Complex, wanted: int, norm: float) -> bool:
    """Whether the rightmost real parts did not change."""
    first, second = (np.sort(v.real)[::-1][:wanted] for v in (old, new))
    if not len(first) == len(second) == wanted:
        return False
    span = max(float(second[0] - second[-1]), 1e-9 * norm)
    return bool(np.allclose(first, second, rtol=0.0, atol=1e-4 * span))
