"""The rightmost eigenvalues of a large sparse matrix, by Arnoldi iteration.

Shift and invert finds those next to a real shift, but may miss a pair with a large imaginary part. A Cayley
transform (A - s)^-1 (A - r) maps all that lies right of (s + r)/2 outside the unit circle; it is
used to look for what was missed (Meerbergen, Spence and Roose, "Shift-invert and Cayley transforms for
detection of rightmost eigenvalues of nonsymmetric matrices", BIT 34, 1994).
"""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray

from dendrosim.stability._blocks import Eigenvalues

Vectors = NDArray[np.complex128]

ACCURACY = 1e-9
"""Largest residual of an eigenpair, relative to the norm of the matrix."""


def rightmost(matrix: sp.csr_array, count: int, seed: int = 0) -> tuple[Eigenvalues, Eigenvalues]:
    """Return the `count` rightmost eigenvalues, and those of largest modulus.

    Two start vectors and three maps (none, shift and invert, Cayley) are tried; all vectors found are joined to
    one subspace, from which eigenvalues are read with their multiplicity.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
    count : int
        At most n - 2 are returned.
    seed : int
        Of the start vectors.
    """
    n = matrix.shape[0]
    wanted = min(count, n - 2)
    number = min(wanted + 2, n - 2)
    random = np.random.default_rng(seed)
    norm = float(np.sqrt(sla.norm(matrix, 1) * sla.norm(matrix, np.inf)))
    if norm == 0.0:
        return np.zeros(wanted, dtype=np.complex128), np.zeros(1, dtype=np.complex128)
    _, outer = _arnoldi(matrix, number, "LR", random)
    largest, _ = _arnoldi(matrix, min(6, n - 2), "LM", random)
    values, vectors = _ritz(matrix, outer, norm)
    edge = float(np.max(values.real)) if len(values) else gershgorin_edge(matrix)
    height = float(np.max(np.abs(np.concatenate([values, largest]).imag), initial=0.0))
    for attempt in range(4):
        middle = (
            float(np.sort(values.real)[::-1][:wanted][-1]) if len(values) else edge - 0.1 * norm
        )
        width = max(edge - middle, 1e-3 * norm)
        inverted = [_cayley(matrix, edge + 0.1 * width, None, number, random)]
        for reach in {2.0 * width, max(height, 2.0 * width)}:
            inverted.append(_cayley(matrix, middle + reach, middle - reach, number, random))
        new, vectors = _ritz(matrix, np.hstack([vectors, *inverted]), norm)
        settled = _same(values, new, wanted, norm)
        values, edge = new, float(np.max(new.real, initial=edge))
        if settled and attempt:
            break
    order = np.argsort(-values.real, kind="stable")[:wanted]
    return values[order], largest


def gershgorin_edge(matrix: sp.csr_array) -> float:
    """Return a bound that no real part of an eigenvalue exceeds."""
    diagonal = matrix.diagonal()
    return float(np.max(diagonal + np.asarray(abs(matrix).sum(axis=1)).ravel() - np.abs(diagonal)))


def _arnoldi(
    operator: object, number: int, which: str, random: np.random.Generator
) -> tuple[Eigenvalues, Vectors]:
    """Eigenpairs of an operator, as many as converge."""
    n = operator.shape[0]  # type: ignore[attr-defined]
    try:
        values, vectors = sla.eigs(
            operator,
            k=number,
            which=which,
            v0=random.standard_normal(n),
            ncv=min(n, max(4 * number, 40)),
            maxiter=60,
        )
    except sla.ArpackNoConvergence as stopped:
        values, vectors = stopped.eigenvalues, stopped.eigenvectors
    return np.asarray(values, dtype=np.complex128), np.asarray(vectors, dtype=np.complex128)


def _cayley(
    matrix: sp.csr_array,
    pole: float,
    zero: float | None,
    number: int,
    random: np.random.Generator,
) -> Vectors:
    """Eigenvectors of largest (A - pole)^-1 (A - zero), or of (A - pole)^-1."""
    n = matrix.shape[0]
    identity = sp.identity(n, format="csc")
    try:
        factors = sla.splu(sp.csc_array(matrix - pole * identity))
    except RuntimeError:  # the pole is an eigenvalue
        pole += 1e-3 * (abs(pole) + 1e-3)
        factors = sla.splu(sp.csc_array(matrix - pole * identity))
    top = None if zero is None else sp.csr_array(matrix - zero * identity)

    def apply(x: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.ravel(x)
        return np.asarray(factors.solve(x if top is None else top @ x))

    operator = sla.LinearOperator((n, n), matvec=apply, dtype=float)
    return _arnoldi(operator, number, "LM", random)[1]


def _ritz(matrix: sp.csr_array, vectors: Vectors, norm: float) -> tuple[Eigenvalues, Vectors]:
    """Accurate eigenpairs of `matrix` in the span of `vectors`, with their multiplicity."""
    if not vectors.shape[1]:
        return np.zeros(0, dtype=np.complex128), vectors
    real = np.hstack([vectors.real, vectors.imag])
    left, sizes, _ = np.linalg.svd(real / np.max(np.abs(real)), full_matrices=False)
    basis = left[:, sizes > 1e-7 * sizes[0]]
    values, small = np.linalg.eig(basis.T @ (matrix @ basis))
    found = basis @ small.astype(np.complex128)
    error = np.linalg.norm(matrix @ found - found * values, axis=0)
    good = error <= ACCURACY * norm
    return values[good].astype(np.complex128), found[:, good]


def _same(old: Eigenvalues, new: Eigenvalues, wanted: int, norm: float) -> bool:
    """Whether the rightmost real parts did not change."""
    first, second = (np.sort(v.real)[::-1][:wanted] for v in (old, new))
    return len(first) == len(second) == wanted and bool(np.allclose(first, second, 0, 1e-8 * norm))
