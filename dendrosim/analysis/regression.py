"""Regression of limited rank: the optimum of the BMVR circuit, and distances from it.

The circuit learns ``y ~ W2 W1 x`` through ``k`` hidden units. With ``x`` of shape ``(m, T)`` and ``y`` of shape
``(n, T)``, all results depend on the data only through the *uncentred* covariances ``Cxx = x x^T / T``,
``Cxy = x y^T / T`` and ``Cyy = y y^T / T``.

Weights have the names of the circuit: ``w1`` is ``W1`` with shape ``(k, m)``, ``apical`` is ``W2^T`` with shape
``(k, n)`` (weights of the targets onto the apical compartment), and ``q`` is ``Q`` with shape ``(k, k)`` (weights
of the interneurons onto the apical compartment). ``M = Cxx^{-1/2} Cxy Cyx Cxx^{-1/2}``.

Directions of the inputs that never occur, such as inputs that are always zero, are left out: ``Cxx^{-1/2}`` is a
pseudo-inverse. Functions that need this matrix raise ParameterError if all inputs are zero, and functions of `k`
raise ParameterError if `k` is below 1.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop abstract,
NeurIPS 2020, "Beyond Backpropagation": eq. 1 and 11-19 and section 2.2.
"""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError


@dataclass(frozen=True)
class Covariances(ShortRepr):
    """Uncentred second moments of inputs and targets.

    Attributes
    ----------
    xx : ndarray, shape (m, m)
        Cxx, the covariance of the inputs.
    xy : ndarray, shape (m, n)
        Cxy, the covariance of inputs and targets.
    yy : ndarray, shape (n, n)
        Cyy, the covariance of the targets.
    """

    xx: Array
    xy: Array
    yy: Array


def covariances(x: Array, y: Array) -> Covariances:
    """Return the uncentred covariances of samples (BMVR workshop abstract, eq. 11).

    Parameters
    ----------
    x : array_like, shape (m, T)
        Inputs, samples as columns.
    y : array_like, shape (n, T)
        Targets, samples as columns.

    Raises
    ------
    ValueError
        If inputs and targets differ in their number of samples, or there are no samples.
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or x.shape[1] == 0:
        raise ValueError(
            f"x {x.shape} and y {y.shape} must be (units, samples) with the same samples"
        )
    samples = x.shape[1]
    return Covariances(x @ x.T / samples, x @ y.T / samples, y @ y.T / samples)


def whitener(cxx: Array, tolerance: float) -> tuple[Array, Array]:
    """Return standard deviations ``d`` (r,) and directions ``e`` (m, r) of the range of ``Cxx``, largest first."""
    values, vectors = np.linalg.eigh(cxx)
    keep = values > tolerance * values[-1]
    if values[-1] <= 0.0:
        raise ParameterError("the inputs x are all zero: give inputs with some variance")
    return np.sqrt(values[keep][::-1]), vectors[:, keep][:, ::-1]


def _decompose(cov: Covariances, tolerance: float) -> tuple[Array, Array, Array, Array]:
    """Return the singular value decomposition of ``Cxx^{-1/2} Cxy`` on the range of ``Cxx``.

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
    """Return the singular values of ``Cxx^{-1/2} Cxy`` in decreasing order, shape (min(rank Cxx, n),).

    Parameters
    ----------
    cov : Covariances
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    return _decompose(cov, tolerance)[2]


def canonical_spectrum(cov: Covariances, tolerance: float = 1e-10) -> Array:
    """Return the eigenvalues of ``M`` in decreasing order, the squares of `canonical_values`.

    See BMVR workshop abstract, text after eq. 19.

    Parameters
    ----------
    cov : Covariances
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    return canonical_values(cov, tolerance) ** 2


def explained(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Return the largest reduction of the loss by ``k`` units, the sum of the top ``k`` eigenvalues of ``M``.

    Parameters
    ----------
    cov : Covariances
    k : int
        Number of hidden units, at least 1.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    check_rank(k)
    return float(canonical_spectrum(cov, tolerance)[:k].sum())


def optimal_loss(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Return the smallest mean squared error of rank ``k``: ``tr Cyy`` minus what `explained` returns.

    This is the minimum of the loss in eq. 1 of the BMVR workshop abstract: the value of its eq. 19 plus
    ``tr Cyy``.

    Parameters
    ----------
    cov : Covariances
    k : int
        Number of hidden units, at least 1.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    return float(np.trace(cov.yy)) - explained(cov, k, tolerance)


def optimal_prediction(cov: Covariances, k: int, tolerance: float = 1e-10) -> Array:
    """Return the matrix ``P``, shape (n, m), of the best prediction ``P x`` of rank ``k`` or less.

    This matrix minimises BMVR workshop abstract, eq. 1, over ``P = W2 W1``, without a ridge penalty.

    Parameters
    ----------
    cov : Covariances
    k : int
        Number of hidden units, at least 1.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    check_rank(k)
    unwhiten, left, values, right = _decompose(cov, tolerance)
    prediction: Array = (right[:k].T * values[:k]) @ (unwhiten @ left[:, :k]).T
    return prediction


def optimal_weights(
    cov: Covariances, k: int, tolerance: float = 1e-10
) -> tuple[Array, Array, Array]:
    """Return one optimal equilibrium of the circuit; rotations of hidden units and interneurons give all others.

    See BMVR workshop abstract, eq. 12-18: ``W1 = U Cxx^{-1/2}`` with the top ``k`` eigenvectors of ``M`` as rows
    of ``U``, ``W2^T = W1 Cxy`` and ``Q Q^T = U M U^T``.

    Parameters
    ----------
    cov : Covariances
    k : int
        Number of hidden units, at least 1.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.

    Returns
    -------
    w1 : ndarray, shape (k, m)
    apical : ndarray, shape (k, n)
    q : ndarray, shape (k, k)
        A diagonal matrix whose entries are not negative.

    Raises
    ------
    ParameterError
        If the rank of ``Cxy`` is below `k`.
    """
    check_rank(k)
    unwhiten, left, values, _ = _decompose(cov, tolerance)
    # Smaller singular values are only rounding errors of the decomposition, so the rank is below k.
    if values.size < k or values[k - 1] <= 1e-12 * values[0]:
        raise ParameterError(
            f"the targets depend on fewer than k = {k} directions of the inputs: "
            "lower the number of hidden units"
        )
    w1: Array = (unwhiten @ left[:, :k]).T
    return w1, w1 @ cov.xy, np.diag(values[:k])


def loss(cov: Covariances, w1: Array, apical: Array) -> float:
    """Return the mean squared error of ``y ~ apical^T W1 x`` (BMVR workshop abstract, eq. 1).

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
        Weights of the inputs onto the hidden units.
    apical : ndarray, shape (k, n)
        Weights of the targets onto the hidden units.
    """
    prediction = apical.T @ w1
    cross = np.sum(prediction.T * cov.xy)
    return float(np.trace(cov.yy) - 2.0 * cross + np.sum((prediction @ cov.xx) * prediction))


def relative_excess(cov: Covariances, w1: Array, apical: Array, tolerance: float = 1e-10) -> float:
    """Return the loss minus the optimal loss of rank ``k = len(w1)``, divided by what `explained` returns.

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
        Weights of the inputs onto the hidden units.
    apical : ndarray, shape (k, n)
        Weights of the targets onto the hidden units.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    gain = explained(cov, len(w1), tolerance)
    return (loss(cov, w1, apical) - float(np.trace(cov.yy)) + gain) / gain


def whitening_error(cov: Covariances, w1: Array) -> float:
    """Return the Frobenius norm of ``W1 Cxx W1^T - I``, which is zero if the gain constraint is saturated.

    See BMVR workshop abstract, section 2.2, for the constraint, and eq. 14 for its form at the optimum.

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
        Weights of the inputs onto the hidden units.
    """
    return float(np.linalg.norm(w1 @ cov.xx @ w1.T - np.eye(len(w1))))


def gain_error(cov: Covariances, q: Array, tolerance: float = 1e-10) -> float:
    """Return the largest difference between the eigenvalues of ``Q Q^T`` and the ``k`` largest ones of ``M``.

    See BMVR workshop abstract, eq. 18. The error is infinite if ``q`` is not finite.

    Parameters
    ----------
    cov : Covariances
    q : ndarray, shape (k, k)
        Weights of the interneurons onto the hidden units.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    if not np.isfinite(q).all():
        return float("inf")
    top = np.zeros(len(q))
    spectrum = canonical_spectrum(cov, tolerance)[: len(q)]
    top[: spectrum.size] = spectrum
    gains = np.linalg.svd(q, compute_uv=False) ** 2
    return float(np.max(np.abs(gains - top)))


def check_rank(k: int) -> None:
    """Raise ParameterError if the number of hidden units is below 1."""
    if k < 1:
        raise ParameterError(f"the number of hidden units k must be at least 1, not {k}")
