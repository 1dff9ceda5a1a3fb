"""Rank-constrained regression: the optimum of the BMVR circuit and how it is approached.

The circuit learns ``y ~ W2 W1 x`` through ``k`` hidden units.  With ``x`` of shape ``(m, T)`` and
``y`` of shape ``(n, T)``, everything here depends on the data only through the *uncentred*
covariances ``Cxx = x x^T / T``, ``Cxy = x y^T / T`` and ``Cyy = y y^T / T``.

Weights are named as in the circuit: ``w1`` is ``W1`` with shape ``(k, m)``, ``apical`` is
``W2^T`` with shape ``(k, n)`` (the weights of the targets onto the apical compartment) and ``q``
is ``Q`` with shape ``(k, k)`` (the weights of the interneurons onto the apical compartment).

Equation numbers refer to "Bahroun/Golkar BMVR paper": *A biologically plausible neural network
for multi-variate regression without weight transport*, NeurIPS 2020 workshop "Beyond
Backpropagation".  The spectrum of the linearised flow is derived here, not in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Covariances",
    "FlowModes",
    "canonical_spectrum",
    "canonical_values",
    "covariances",
    "critical_tau_ratio",
    "explained",
    "flow_modes",
    "gain_error",
    "loss",
    "optimal_loss",
    "optimal_prediction",
    "optimal_weights",
    "relative_excess",
    "slowest_rate",
    "whitening_error",
]

Array = NDArray[np.float64]
Modes = NDArray[np.complex128]
Method = Literal["jacobian", "polynomials"]


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


@dataclass(frozen=True)
class FlowModes:
    """Eigenvalues of the linearised averaged flow at the optimum, symmetry modes left out.

    Attributes
    ----------
    eigenvalues : ndarray of complex, shape (d,)
        In units of ``eta``, sorted by decreasing real part.
    method : {"jacobian", "polynomials"}
        How they were computed.
    """

    eigenvalues: Modes
    method: Method

    @property
    def growth(self) -> float:
        """Largest real part, in units of ``eta``: negative when the optimum is stable."""
        return float(self.eigenvalues[0].real)

    @property
    def slowest_rate(self) -> float:
        """Slowest decay rate, in units of ``eta``: negative when the optimum is unstable."""
        return -self.growth

    @property
    def stable(self) -> bool:
        """Whether every mode decays."""
        return self.growth < 0.0


def covariances(x: Array, y: Array) -> Covariances:
    """Uncentred covariances of samples (Bahroun/Golkar BMVR paper eq. 11).

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


def _whitener(cxx: Array, tolerance: float) -> tuple[Array, Array]:
    """Standard deviations ``d`` (r,) and directions ``e`` (m, r) of the range of ``Cxx``."""
    values, vectors = np.linalg.eigh(cxx)
    keep = values > tolerance * values[-1]
    if values[-1] <= 0.0:
        raise ValueError("the inputs are all zero")
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
    deviation, directions = _whitener(cov.xx, tolerance)
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

    Bahroun/Golkar BMVR paper, text after eq. 19.  The squares of `canonical_values`.
    """
    return canonical_values(cov, tolerance) ** 2


def explained(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Largest reduction of the loss by ``k`` hidden units: the sum of the top ``k`` of ``M``."""
    _check_rank(k)
    return float(canonical_spectrum(cov, tolerance)[:k].sum())


def optimal_loss(cov: Covariances, k: int, tolerance: float = 1e-10) -> float:
    """Smallest mean squared error of rank ``k``: ``tr Cyy`` minus the top ``k`` of ``M``.

    The minimum of Bahroun/Golkar BMVR paper eq. 1 (the value of eq. 19 plus ``tr Cyy``).
    """
    return float(np.trace(cov.yy)) - explained(cov, k, tolerance)


def optimal_prediction(cov: Covariances, k: int, tolerance: float = 1e-10) -> Array:
    """Matrix ``P``, shape (n, m), of the best prediction ``P x`` of rank ``k`` or less.

    Minimiser of Bahroun/Golkar BMVR paper eq. 1 over ``P = W2 W1``, without a ridge.
    """
    _check_rank(k)
    unwhiten, left, values, right = _decompose(cov, tolerance)
    prediction: Array = (right[:k].T * values[:k]) @ (unwhiten @ left[:, :k]).T
    return prediction


def optimal_weights(
    cov: Covariances, k: int, tolerance: float = 1e-10
) -> tuple[Array, Array, Array]:
    """One equilibrium of the circuit; the others follow by rotating hidden units.

    Bahroun/Golkar BMVR paper eq. 12-18: ``W1 = U Cxx^{-1/2}`` with the top ``k`` eigenvectors of
    ``M`` as rows of ``U``, ``W2^T = W1 Cxy`` and ``Q Q^T = U M U^T``.

    Returns
    -------
    w1 : ndarray, shape (k, m)
    apical : ndarray, shape (k, n)
    q : ndarray, shape (k, k)
        Diagonal, non-negative.
    """
    _check_rank(k)
    unwhiten, left, values, _ = _decompose(cov, tolerance)
    if values.size < k or values[k - 1] <= 1e-12 * values[0]:
        raise ValueError(f"the targets depend on fewer than k = {k} directions of the inputs")
    w1: Array = (unwhiten @ left[:, :k]).T
    return w1, w1 @ cov.xy, np.diag(values[:k])


def loss(cov: Covariances, w1: Array, apical: Array) -> float:
    """Mean squared error of ``y ~ apical^T W1 x`` (Bahroun/Golkar BMVR paper eq. 1).

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

    The constraint of Bahroun/Golkar BMVR paper section 2.2; eq. 14 at the optimum.
    """
    return float(np.linalg.norm(w1 @ cov.xx @ w1.T - np.eye(len(w1))))


def gain_error(cov: Covariances, q: Array, tolerance: float = 1e-10) -> float:
    """Largest difference between the sorted eigenvalues of ``Q Q^T`` and the top ``k`` of ``M``.

    Bahroun/Golkar BMVR paper eq. 18.  Infinite when ``q`` is not finite.

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


def critical_tau_ratio(canonical: Array, k: int, rho: float = 1.0) -> float:
    """Largest ``tau_ratio`` at which the optimum is stable for white inputs (``Cxx = I``).

    A pair of hidden units ``i < j <= k`` starts to rotate when the gain control is slower than
    ``S (S + 2 rho) / (rho D^2)`` with ``S = s_i^2 + s_j^2`` and ``D = s_i^2 - s_j^2``; there is
    no bound for ``k = 1``.  Correlated inputs can lose stability much earlier: see `flow_modes`.

    Stability is local.  A wave in which the hidden units rotate together coexists with the stable
    optimum far below this ratio and attracts most random initial weights there.

    Parameters
    ----------
    canonical : array_like, shape (>= k,)
        Singular values ``s``, as from `canonical_values` (not their squares).
    k : int
        Hidden units.
    rho : float
        Rate of the apical weights over that of ``W1``.
    """
    _check_rank(k)
    squares = np.sort(np.asarray(canonical, dtype=np.float64) ** 2)[::-1][:k]
    first, second = np.triu_indices(squares.size, 1)
    total = squares[first] + squares[second]
    gap = squares[first] - squares[second]
    with np.errstate(divide="ignore"):
        bounds = total * (total + 2.0 * rho) / (rho * gap**2)
    return float(np.min(bounds, initial=np.inf))


def flow_modes(
    cov: Covariances,
    k: int,
    *,
    rho: float = 1.0,
    tau_ratio: float = 1.0,
    decoupled: bool = False,
    tolerance: float = 1e-10,
    max_dimension: int = 1500,
) -> FlowModes:
    """Modes of the averaged flow, linearised at the optimum, in units of ``eta``.

    The flow is the mean of Bahroun/Golkar BMVR paper eq. 5-7 with instantaneous compartments::

        dW1/dt = B Cyx - Q Q^T W1 Cxx
        dB/dt  = rho (W1 Cxy - B)
        dQ/dt  = (W1 Cxx W1^T - I) Q / tau_ratio

    Rotations of the hidden units and of the interneurons (``k (k - 1)`` zero modes) and input
    directions that never occur (the null space of ``Cxx``) are left out.  Up to `max_dimension`
    states the Jacobian is diagonalised; beyond, white inputs have closed polynomials.  Stability
    is local: see `critical_tau_ratio`.

    Parameters
    ----------
    cov : Covariances
    k : int
        Hidden units, at most the rank of ``Cxy``.
    rho : float
        Rate of the apical weights over that of ``W1``.
    tau_ratio : float
        Rate of ``W1`` over that of ``Q`` (``tau`` of the paper).
    decoupled : bool
        With separate weights ``R`` onto the interneurons (paper eq. 21-22), which adds the decay
        of ``Q^T - R`` at ``1 / tau_ratio``.
    tolerance : float
        See `canonical_values`.
    max_dimension : int
        Largest number of states for which the Jacobian is used.
    """
    if rho <= 0.0 or tau_ratio <= 0.0:
        raise ValueError("rho and tau_ratio must be positive")
    reduced = _reduce(cov, tolerance)
    inputs, outputs = reduced.xy.shape
    weights = optimal_weights(reduced, k, tolerance)
    method: Method = "jacobian"
    if k * (inputs + outputs + k) <= max_dimension:
        values = _jacobian_modes(reduced, weights, rho, tau_ratio)
    elif np.allclose(reduced.xx, np.eye(inputs), rtol=0.0, atol=1e-8):
        method = "polynomials"
        values = _white_modes(canonical_values(reduced), k, inputs, outputs, rho, tau_ratio)
    else:
        raise ValueError(f"more than {max_dimension} states and inputs that are not white")
    if decoupled:
        values = np.append(values, -1.0 / tau_ratio)
    return FlowModes(values[np.argsort(-values.real, kind="stable")], method)


def slowest_rate(
    cov: Covariances,
    k: int,
    *,
    rho: float = 1.0,
    tau_ratio: float = 1.0,
    decoupled: bool = False,
) -> float:
    """Slowest decay rate to the optimum in units of ``eta``; negative when it is unstable.

    See `flow_modes`, which also tells how the rate was computed.
    """
    modes = flow_modes(cov, k, rho=rho, tau_ratio=tau_ratio, decoupled=decoupled)
    return modes.slowest_rate


def _check_rank(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")


def _reduce(cov: Covariances, tolerance: float) -> Covariances:
    """Covariances in the eigenbasis of ``Cxx``, without its null space."""
    deviation, directions = _whitener(cov.xx, tolerance)
    return Covariances(np.diag(deviation**2), directions.T @ cov.xy, cov.yy)


def _jacobian(
    cov: Covariances, weights: tuple[Array, Array, Array], rho: float, tau_ratio: float
) -> Array:
    """Jacobian in the stacked row-major entries of ``(W1, B, Q)`` at an equilibrium.

    In row-major order, ``vec(A X C) = (A kron C^T) vec(X)``.
    """
    w1, _, q = weights
    k, (m, n) = len(q), cov.xy.shape
    eye = np.eye(k)
    seen = w1 @ cov.xx
    swap = np.eye(k * k).reshape(k, k, k, k).transpose(0, 1, 3, 2).reshape(k * k, k * k)
    jacobian = np.zeros((k * (m + n + k), k * (m + n + k)))
    a, b, c = slice(0, k * m), slice(k * m, k * (m + n)), slice(k * (m + n), None)
    jacobian[a, a] = -np.kron(q @ q.T, cov.xx)
    jacobian[a, b] = np.kron(eye, cov.xy)
    jacobian[a, c] = -np.kron(eye, (q.T @ seen).T) - np.kron(q, seen.T) @ swap
    jacobian[b, a] = rho * np.kron(eye, cov.xy.T)
    jacobian[b, b] = -rho * np.eye(k * n)
    left = np.kron(eye, (seen.T @ q).T)
    right = np.kron(eye, q.T) @ swap @ np.kron(eye, seen)
    jacobian[c, a] = (left + right) / tau_ratio
    jacobian[c, c] = np.kron(w1 @ seen.T - eye, eye) / tau_ratio
    return jacobian


def _symmetries(weights: tuple[Array, Array, Array]) -> Array:
    """Tangents, one per column, of rotating the hidden units and the interneurons."""
    w1, apical, q = weights
    k = len(q)
    columns = []
    for i in range(k):
        for j in range(i):
            turn = np.zeros((k, k))
            turn[i, j], turn[j, i] = 1.0, -1.0
            units = [turn @ w1, turn @ apical, turn @ q]
            interneurons = [np.zeros_like(w1), np.zeros_like(apical), q @ turn]
            for parts in (units, interneurons):
                columns.append(np.concatenate([part.ravel() for part in parts]))
    size = w1.size + apical.size + q.size
    return np.array(columns).T if columns else np.zeros((size, 0))


def _jacobian_modes(
    cov: Covariances, weights: tuple[Array, Array, Array], rho: float, tau_ratio: float
) -> Modes:
    """Eigenvalues of the Jacobian on the quotient by the symmetry modes."""
    jacobian = _jacobian(cov, weights, rho, tau_ratio)
    tangents = _symmetries(weights)
    basis = np.linalg.qr(tangents, mode="complete")[0][:, tangents.shape[1] :]
    return np.linalg.eigvals(basis.T @ jacobian @ basis).astype(np.complex128)


def _white_modes(
    canonical: Array, k: int, inputs: int, outputs: int, rho: float, tau_ratio: float
) -> Modes:
    """Eigenvalues for ``Cxx = I`` from the polynomials into which the flow falls apart."""
    squares = canonical[:k] ** 2
    shared = min(inputs, outputs)
    roots: list[Modes] = []
    for i, gain in enumerate(squares):
        for other in canonical[k:shared] ** 2:
            roots.append(_roots(1.0, rho + gain, rho * (gain - other)))
        roots.append(np.full(inputs - shared, -gain, dtype=np.complex128))
        roots.append(np.full(outputs - shared, -rho, dtype=np.complex128))
        roots.append(_diagonal_modes(gain, rho, tau_ratio))
        roots.extend(_pair_modes(gain, second, rho, tau_ratio) for second in squares[i + 1 :])
    return np.concatenate(roots)


def _diagonal_modes(gain: float, rho: float, tau_ratio: float) -> Modes:
    """Modes of the length of one hidden unit with its apical weights and its inhibition."""
    stiffness = 4.0 * gain / tau_ratio
    return _roots(1.0, rho + gain, stiffness, rho * stiffness)


def _pair_modes(first: float, second: float, rho: float, tau_ratio: float) -> Modes:
    """Modes that mix two hidden units; the last coefficient vanishes at the critical ratio."""
    total, product = first + second, first * second
    turning = rho * tau_ratio * (first - second) ** 2
    quadratic = rho**2 + rho * total + product + 2.0 * total / tau_ratio
    linear = (total**2 + 4.0 * rho * total - turning) / tau_ratio
    constant = rho * (total**2 + 2.0 * rho * total - turning) / tau_ratio
    return _roots(1.0, 2.0 * rho + total, quadratic, linear, constant)


def _roots(*coefficients: float) -> Modes:
    return np.asarray(np.roots(coefficients), dtype=np.complex128)
