"""Rank-constrained regression: the optimum of the BMVR circuit and the distance from it.

The circuit learns ``y ~ W2 W1 x`` through ``k`` hidden units. With ``x`` of shape ``(m, T)`` and
``y`` of shape ``(n, T)``, everything here depends on the data only through the *uncentred*
covariances ``Cxx = x x^T / T``, ``Cxy = x y^T / T`` and ``Cyy = y y^T / T``.

Weights are named as in the circuit: ``w1`` is ``W1`` with shape ``(k, m)``, ``apical`` is
``W2^T`` with shape ``(k, n)`` (the weights of the targets onto the apical compartment) and ``q``
is ``Q`` with shape ``(k, k)`` (the weights of the interneurons onto the apical compartment).

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop
abstract, NeurIPS 2020, "Beyond Backpropagation": eq. 1 and 11-19 and section 2.2.
"""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError


@dataclass(frozen=True)
class Covariances:
    """Uncentred second moments of inputs and targets.

    Attributes
    ----------
    xx : ndarray, shape (m, m)
    xy : ndarray, shape (m, n)
    yy : ndarray, shape (n, n)
    """

    xx: Array
    xy: Array
    yy: Array


def covariances(x: Array, y: Array) -> Covariances:
    """Uncentred covariances of samples (BMVR workshop abstract, eq. 11).

    Parameters
    ----------
    x : ndarray, shape (m, T)
    y : ndarray, shape (n, T)
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or x.shape[1] == 0:
        raise ValueError(f"x {x.shape} and y {y.shape} must be (units, samples), same samples")
    samples = x.shape[1]
    return Covariances(x @ x.T / samples, x @ y.T / samples, y @ y.T / samples)


def whitener(cxx: Array, tolerance: float) -> tuple[Array, Array]:
    """Standard deviations ``d`` (r,) and directions ``e`` (m, r) of the range of ``Cxx``."""
    values, vectors = np.linalg.eigh(cxx)
    keep = values > tolerance * values[-1]
    if values[-1] <= 0.0:
        raise ParameterError("the inputs x are all zero: give inputs with some variance")
    return np.sqrt(values[keep][::-1]), vectors[:, keep][:, ::-1]


def _decompose(cov: Covariances, tolerance: float) -> tuple[Array, Array, Array, Array]:
    """Singular value decomposition of ``Cxx^{-1/2} Cxy`` on the range of ``Cxx``.

    Returns
    -------
    unwhiten : ndarray, shape (m, r)
        ``e / d``: ``left.T @ unwhiten.T`` is ``U Cxx^{-1/2}``.
    left : ndarray, shape (r, min(r, n))
    values : ndarray, shape (min(r, n),)
    right : ndarray, shape (min(r, n), n)
    """
    deviation, directions = whitener(cov.xx, tolerance)
    unwhiten = directions / deviation
    left, values, right = np.linalg.svd(unwhiten.T @ cov.xy, full_matrices=False)
    return unwhiten, left, values, right


def canonical_values(cov: Covariances, tolerance: float = 1e-10) -> Array:
    """Singular values of ``Cxx^{-1/2} Cxy``, decreasing, shape (min(rank Cxx, n),).

    Parameters
    ----------
    cov : Covariances
    tolerance : float
        Directions whose variance is below ``tolerance`` times the largest are left out (constant
        zero inputs); this is the pseudo-inverse on the numerical rank.
    """
    return _decompose(cov, tolerance)[2]


def canonical_spectrum(cov: Covariances, tolerance: float = 1e-10) -> Array:
    """Eigenvalues of ``M = Cxx^{-1/2} Cxy Cyx Cxx^{-1/2}``, decreasing.

    BMVR workshop abstract, text after eq. 19. The squares of `canonical_values`.
    """
    return canonical_values(cov, tolerance) ** 2


def explained(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Largest reduction of the loss by ``k`` hidden units: the sum of the top ``k`` of ``M``."""
    check_rank(k)
    return float(canonical_spectrum(cov, tolerance)[:k].sum())


def optimal_loss(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Smallest mean squared error of rank ``k``: ``tr Cyy`` minus the top ``k`` of ``M``.

    The minimum of BMVR workshop abstract, eq. 1 (the value of eq. 19 plus ``tr Cyy``).
    """
    return float(np.trace(cov.yy)) - explained(cov, k, tolerance)


def optimal_prediction(cov: Covariances, k: int, tolerance: float = 1e-10) -> Array:
    """Matrix ``P``, shape (n, m), of the best prediction ``P x`` of rank ``k`` or less.

    Minimiser of BMVR workshop abstract, eq. 1 over ``P = W2 W1``, without a ridge.
    """
    check_rank(k)
    unwhiten, left, values, right = _decompose(cov, tolerance)
    prediction: Array = (right[:k].T * values[:k]) @ (unwhiten @ left[:, :k]).T
    return prediction


def optimal_weights(
    cov: Covariances, k: int, tolerance: float = 1e-10
) -> tuple[Array, Array, Array]:
    """One equilibrium of the circuit; the others follow by rotating hidden units.

    BMVR workshop abstract, eq. 12-18: ``W1 = U Cxx^{-1/2}`` with the top ``k`` eigenvectors of
    ``M`` as rows of ``U``, ``W2^T = W1 Cxy`` and ``Q Q^T = U M U^T``.

    Returns
    -------
    w1 : ndarray, shape (k, m)
    apical : ndarray, shape (k, n)
    q : ndarray, shape (k, k)
        Diagonal, non-negative.
    """
    check_rank(k)
    unwhiten, left, values, _ = _decompose(cov, tolerance)
    if values.size < k or values[k - 1] <= 1e-12 * values[0]:
        raise ParameterError(
            f"the targets depend on fewer than k = {k} directions of the inputs: "
            "lower the number of hidden units"
        )
    w1: Array = (unwhiten @ left[:, :k]).T
    return w1, w1 @ cov.xy, np.diag(values[:k])


def loss(cov: Covariances, w1: Array, apical: Array) -> float:
    """Mean squared error of ``y ~ apical^T W1 x`` (BMVR workshop abstract, eq. 1).

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
    apical : ndarray, shape (k, n)
    """
    prediction = apical.T @ w1
    cross = np.sum(prediction.T * cov.xy)
    return float(np.trace(cov.yy) - 2.0 * cross + np.sum((prediction @ cov.xx) * prediction))


def relative_excess(cov: Covariances, w1: Array, apical: Array, tolerance: float = 1e-10) -> float:
    """Loss above the optimum of rank ``k = len(w1)``, in units of what that optimum explains."""
    gain = explained(cov, len(w1), tolerance)
    return (loss(cov, w1, apical) - float(np.trace(cov.yy)) + gain) / gain


def whitening_error(cov: Covariances, w1: Array) -> float:
    """Frobenius norm of ``W1 Cxx W1^T - I``: zero when the gain constraint is saturated.

    The constraint of BMVR workshop abstract, section 2.2; eq. 14 at the optimum.
    """
    return float(np.linalg.norm(w1 @ cov.xx @ w1.T - np.eye(len(w1))))


def gain_error(cov: Covariances, q: Array, tolerance: float = 1e-10) -> float:
    """Largest difference between the sorted eigenvalues of ``Q Q^T`` and the top ``k`` of ``M``.

    BMVR workshop abstract, eq. 18. Infinite when ``q`` is not finite.

    Parameters
    ----------
    cov : Covariances
    q : ndarray, shape (k, k)
    """
    if not np.isfinite(q).all():
        return float("inf")
    top = np.zeros(len(q))
    spectrum = canonical_spectrum(cov, tolerance)[: len(q)]
    top[: spectrum.size] = spectrum
    gains = np.linalg.svd(q, compute_uv=False) ** 2
    return float(np.max(np.abs(gains - top)))


def check_rank(k: int) -> None:
    """Refuse numbers of hidden units below 1."""
    if k < 1:
        raise ParameterError(f"the number of hidden units k must be at least 1, not {k}")
