"""Approach of the BMVR circuit to its optimum: modes of the averaged flow, linearised at the optimum.

Rates are in units of the learning rate ``eta``; weights have the same names as in `regression`.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop abstract,
NeurIPS 2020, "Beyond Backpropagation": eq. 5-7 and 21-22 (the flow). The spectrum of the linearised flow is
derived here.
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
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError

Method = Literal["jacobian", "polynomials"]


@dataclass(frozen=True)
class FlowModes(ShortRepr):
    """Eigenvalues of the averaged flow, linearised at the optimum, without the zero modes of symmetries.

    Attributes
    ----------
    eigenvalues : ndarray of complex, shape (d,)
        Eigenvalues in units of ``eta``, sorted by decreasing real part.
    method : {"jacobian", "polynomials"}
        Whether the eigenvalues were computed from the Jacobian or from the polynomials for white inputs.
    """

    eigenvalues: Complex
    method: Method

    @property
    def growth(self) -> float:
        """Largest real part in units of ``eta``: negative if the optimum is stable."""
        return float(self.eigenvalues[0].real)

    @property
    def slowest_rate(self) -> float:
        """Slowest decay rate in units of ``eta``: negative if the optimum is unstable."""
        return -self.growth

    @property
    def stable(self) -> bool:
        """Whether all modes decay."""
        return self.growth < 0.0


def critical_tau_ratio(canonical: Array, k: int, rho: float = 1.0) -> float:
    """Return the largest ``tau_ratio`` at which the optimum is locally stable for ``Cxx = I``.

    A pair of hidden units ``i < j <= k`` starts to rotate if ``tau_ratio`` exceeds ``S (S + 2 rho) / (rho D^2)``,
    with ``S = s_i^2 + s_j^2`` and ``D = s_i^2 - s_j^2``. There is no limit for ``k = 1``. This is derived here.

    The limit is local: below this limit, a wave in which the hidden units rotate together may coexist with the
    stable optimum and attract random initial weights. For canonical values 0.9 and 0.5, whose limit is 10.3, this
    happens from a ``tau_ratio`` of about 2.5 on. Coloured inputs shift the limit and can lower it; see
    `flow_modes`.

    Parameters
    ----------
    canonical : array_like, shape (at least k,)
        Singular values ``s`` as returned by `canonical_values` (not their squares).
    k : int
        Number of hidden units.
    rho : float, default 1
        Learning rate of the apical weights divided by that of ``W1``.

    Returns
    -------
    float
        The limit, which is infinite for one hidden unit.

    Raises
    ------
    ParameterError
        If `k` is below 1.
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
    """Return the modes of the averaged flow, linearised at the optimum, in units of ``eta``.

    The flow is the mean over samples of the rules in the BMVR workshop abstract, eq. 5-7, with instantaneous
    compartments::

        dW1/dt = B Cyx - Q Q^T W1 Cxx
        dB/dt  = rho (W1 Cxy - B)
        dQ/dt  = (W1 Cxx W1^T - I) Q / tau_ratio

    Rotations of the hidden units and of the interneurons (``k (k - 1)`` zero modes) and input directions that
    never occur (the null space of ``Cxx``) are left out. Up to `max_dimension` states the Jacobian is
    diagonalised; for more states, the modes are the roots of polynomials, which exist for white inputs only.
    Stability is local; see `critical_tau_ratio`.

    Parameters
    ----------
    cov : Covariances
    k : int
        Number of hidden units, at most the rank of ``Cxy``.
    rho : float, default 1
        Learning rate of the apical weights divided by that of ``W1``, positive.
    tau_ratio : float, default 1
        Learning rate of ``W1`` divided by that of ``Q`` (``tau`` of the abstract), positive.
    decoupled : bool, default False
        Whether there are separate weights ``R`` onto the interneurons (BMVR workshop abstract, eq. 21-22), which
        add a mode: the decay of ``Q^T - R`` at the rate ``1 / tau_ratio``.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    max_dimension : int, default 1500
        Largest number of states for which the Jacobian is diagonalised.

    Raises
    ------
    ParameterError
        If a number is out of its range, `k` exceeds the rank of ``Cxy``, or a circuit with more than
        `max_dimension` states has inputs that are not white.
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
            f"the linearised circuit has more than {max_dimension} weights, and its inputs are not "
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
    """Return the slowest decay rate to the optimum in units of ``eta``; it is negative if the optimum is unstable.

    Parameters and errors are those of `flow_modes`, whose result also says how the rate was computed.
    """
    modes = flow_modes(cov, k, rho=rho, tau_ratio=tau_ratio, decoupled=decoupled)
    return modes.slowest_rate


def _reduce(cov: Covariances, tolerance: float) -> Covariances:
    """Return the covariances in the eigenbasis of ``Cxx``, without its null space."""
    deviation, directions = whitener(cov.xx, tolerance)
    return Covariances(np.diag(deviation**2), directions.T @ cov.xy, cov.yy)


def _jacobian(
    cov: Covariances, weights: tuple[Array, Array, Array], rho: float, tau_ratio: float
) -> Array:
    """Return the Jacobian at an equilibrium, for the row-major entries of ``W1``, ``B`` and ``Q`` in this order.

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
    """Return the tangents of rotations of the hidden units and of the interneurons, one per column."""
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
    """Return the eigenvalues of the Jacobian on the space orthogonal to the zero modes of symmetries."""
    jacobian = _jacobian(cov, weights, rho, tau_ratio)
    tangents = _symmetries(weights)
    basis = np.linalg.qr(tangents, mode="complete")[0][:, tangents.shape[1] :]
    return np.linalg.eigvals(basis.T @ jacobian @ basis).astype(np.complex128)


def _white_modes(
    canonical: Array, k: int, inputs: int, outputs: int, rho: float, tau_ratio: float
) -> Complex:
    """Return the eigenvalues for ``Cxx = I``: the flow separates into small parts, each with a polynomial."""
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
    """Return the modes of the lengths of a hidden unit's weights, its apical weights and its inhibition."""
    stiffness = 4.0 * gain / tau_ratio
    return _roots(1.0, rho + gain, stiffness, rho * stiffness)


def _pair_modes(first: float, second: float, rho: float, tau_ratio: float) -> Complex:
    """Return the modes that mix two hidden units; at the critical ratio, their polynomial has the root 0."""
    total, product = first + second, first * second
    turning = rho * tau_ratio * (first - second) ** 2
    quadratic = rho**2 + rho * total + product + 2.0 * total / tau_ratio
    linear = (total**2 + 4.0 * rho * total - turning) / tau_ratio
    constant = rho * (total**2 + 2.0 * rho * total - turning) / tau_ratio
    return _roots(1.0, 2.0 * rho + total, quadratic, linear, constant)


def _roots(*coefficients: float) -> Complex:
    return np.asarray(np.roots(coefficients), dtype=np.complex128)
