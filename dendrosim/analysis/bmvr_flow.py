"""How the BMVR circuit approaches its optimum: modes of the averaged flow, linearised there.

Rates are in units of the learning rate ``eta``; weights are named as in `regression`.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop
abstract, NeurIPS 2020, "Beyond Backpropagation": eq. 5-7 and 21-22 (the flow). The spectrum
of the linearised flow is derived here, not in the abstract.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dendrosim.analysis.regression import (
    Covariances,
    canonical_values,
    check_rank,
    optimal_weights,
    whitener,
)
from dendrosim.arrays import Array, Complex
from dendrosim.errors import ParameterError

Method = Literal["jacobian", "polynomials"]


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

    eigenvalues: Complex
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


def critical_tau_ratio(canonical: Array, k: int, rho: float = 1.0) -> float:
    """Largest ``tau_ratio`` at which the optimum is locally stable for ``Cxx = I``.

    A pair of hidden units ``i < j <= k`` starts to rotate when the gain control is slower than
    ``S (S + 2 rho) / (rho D^2)`` with ``S = s_i^2 + s_j^2`` and ``D = s_i^2 - s_j^2``; there is
    no bound for ``k = 1``.

    This boundary is local: below it a wave in which the hidden units rotate together may coexist
    with the stable optimum and attract random initial weights (from ``tau_ratio`` of about 2.5 on
    for canonical values 0.9 and 0.5, whose boundary is 10.3). Coloured inputs shift the boundary,
    and can lower it: see `flow_modes`.

    Parameters
    ----------
    canonical : array_like, shape (>= k,)
        Singular values ``s``, as from `canonical_values` (not their squares).
    k : int
        Hidden units.
    rho : float
        Rate of the apical weights over that of ``W1``.
    """
    check_rank(k)
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

    The flow is the mean of BMVR workshop abstract, eq. 5-7 with instantaneous compartments::

        dW1/dt = B Cyx - Q Q^T W1 Cxx
        dB/dt  = rho (W1 Cxy - B)
        dQ/dt  = (W1 Cxx W1^T - I) Q / tau_ratio

    Rotations of the hidden units and of the interneurons (``k (k - 1)`` zero modes) and input
    directions that never occur (the null space of ``Cxx``) are left out. Up to `max_dimension`
    states the Jacobian is diagonalised; beyond, white inputs have closed polynomials. Stability
    is local: see `critical_tau_ratio`.

    Parameters
    ----------
    cov : Covariances
    k : int
        Hidden units, at most the rank of ``Cxy``.
    rho : float
        Rate of the apical weights over that of ``W1``.
    tau_ratio : float
        Rate of ``W1`` over that of ``Q`` (``tau`` of the abstract).
    decoupled : bool
        With separate weights ``R`` onto the interneurons (BMVR workshop abstract, eq. 21-22), which adds the decay
        of ``Q^T - R`` at ``1 / tau_ratio``.
    tolerance : float
        See `canonical_values`.
    max_dimension : int
        Largest number of states for which the Jacobian is used.
    """
    if rho <= 0.0 or tau_ratio <= 0.0:
        raise ParameterError(
            f"rho and tau_ratio must be positive, not rho = {rho:g} and tau_ratio = {tau_ratio:g}"
        )
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
        raise ParameterError(
            f"the linearised circuit has more than {max_dimension} weights and inputs that are not "
            "white: lower the number of inputs, outputs or hidden units, or whiten the inputs"
        )
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


def _reduce(cov: Covariances, tolerance: float) -> Covariances:
    """Covariances in the eigenbasis of ``Cxx``, without its null space."""
    deviation, directions = whitener(cov.xx, tolerance)
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
) -> Complex:
    """Eigenvalues of the Jacobian on the quotient by the symmetry modes."""
    jacobian = _jacobian(cov, weights, rho, tau_ratio)
    tangents = _symmetries(weights)
    basis = np.linalg.qr(tangents, mode="complete")[0][:, tangents.shape[1] :]
    return np.linalg.eigvals(basis.T @ jacobian @ basis).astype(np.complex128)


def _white_modes(
    canonical: Array, k: int, inputs: int, outputs: int, rho: float, tau_ratio: float
) -> Complex:
    """Eigenvalues for ``Cxx = I`` from the polynomials into which the flow falls apart."""
    squares = canonical[:k] ** 2
    shared = min(inputs, outputs)
    roots: list[Complex] = []
    for i, gain in enumerate(squares):
        for other in canonical[k:shared] ** 2:
            roots.append(_roots(1.0, rho + gain, rho * (gain - other)))
        roots.append(np.full(inputs - shared, -gain, dtype=np.complex128))
        roots.append(np.full(outputs - shared, -rho, dtype=np.complex128))
        roots.append(_diagonal_modes(gain, rho, tau_ratio))
        roots.extend(_pair_modes(gain, second, rho, tau_ratio) for second in squares[i + 1 :])
    return np.concatenate(roots)


def _diagonal_modes(gain: float, rho: float, tau_ratio: float) -> Complex:
    """Modes of the length of one hidden unit with its apical weights and its inhibition."""
    stiffness = 4.0 * gain / tau_ratio
    return _roots(1.0, rho + gain, stiffness, rho * stiffness)


def _pair_modes(first: float, second: float, rho: float, tau_ratio: float) -> Complex:
    """Modes that mix two hidden units; the last coefficient vanishes at the critical ratio."""
    total, product = first + second, first * second
    turning = rho * tau_ratio * (first - second) ** 2
    quadratic = rho**2 + rho * total + product + 2.0 * total / tau_ratio
    linear = (total**2 + 4.0 * rho * total - turning) / tau_ratio
    constant = rho * (total**2 + 2.0 * rho * total - turning) / tau_ratio
    return _roots(1.0, 2.0 * rho + total, quadratic, linear, constant)


def _roots(*coefficients: float) -> Complex:
    return np.asarray(np.roots(coefficients), dtype=np.complex128)
