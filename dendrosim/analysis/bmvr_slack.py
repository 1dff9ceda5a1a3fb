"""Hidden units of the BMVR circuit without a target of their own: the gain constraint as an inequality.

The circuit keeps ``W1 Cxx W1^T <= I`` (all eigenvalues at most 1) by inhibition; ``Q Q^T`` is the multiplier. At
an equilibrium ``(W1 Cxx W1^T - I) Q = 0``: each direction of the hidden units is saturated, or has slack and no
inhibition. If the rank r of ``Cxy`` is below the number k of hidden units, k - r directions have slack. Weights
and rates are those of `regression` and `bmvr_flow`; rates are in units of ``eta``.

Sources
-------
BMVR workshop abstract (NeurIPS 2020), eq. 4-7 and section 2.2 (the inequality). Its appendix A shows saturation
for a rank of at least k. What happens with less is derived here.
"""

import numpy as np

from dendrosim.analysis.regression import Covariances, canonical_values, check_rank, optimal_weights
from dendrosim.arrays import Array, Complex
from dendrosim.errors import ParameterError

_RANK_TOLERANCE = 1e-12
"""Canonical values below this fraction of the largest one are rounding errors, as in `optimal_weights`."""


def target_rank(cov: Covariances, tolerance: float = 1e-10) -> int:
    """Return the rank of ``Cxy``: the number of directions of the inputs on which the targets depend.

    Parameters
    ----------
    cov : Covariances
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.
    """
    values = canonical_values(cov, tolerance)
    return int(np.sum(values > _RANK_TOLERANCE * values[0])) if values.size and values[0] else 0


def constraint_eigenvalues(cov: Covariances, w1: Array) -> Array:
    """Return the eigenvalues of ``W1 Cxx W1^T``, largest first: at most 1 where the constraint is kept.

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
        Weights of the inputs onto the hidden units.
    """
    return np.linalg.eigvalsh(w1 @ cov.xx @ w1.T)[::-1].astype(np.float64)


def slackness_error(cov: Covariances, w1: Array, q: Array) -> float:
    """Return the Frobenius norm of ``(W1 Cxx W1^T - I) Q``, which is 0 at every equilibrium.

    Parameters
    ----------
    cov : Covariances
    w1 : ndarray, shape (k, m)
        Weights of the inputs onto the hidden units.
    q : ndarray, shape (k, k)
        Weights of the interneurons onto the hidden units.
    """
    return float(np.linalg.norm((w1 @ cov.xx @ w1.T - np.eye(len(q))) @ q))


def feasible_weights(
    cov: Covariances, k: int, tolerance: float = 1e-10
) -> tuple[Array, Array, Array]:
    """Return an optimal equilibrium for any number of hidden units; those beyond the rank of ``Cxy`` are silent.

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

    Raises
    ------
    ParameterError
        If `k` is below 1, or the targets do not depend on the inputs.
    """
    check_rank(k)
    rank = min(k, target_rank(cov, tolerance))
    if rank == 0:
        raise ParameterError("the targets do not depend on the inputs: there is nothing to learn")
    w1, apical, q = optimal_weights(cov, rank, tolerance)
    silent = k - rank
    return (
        np.pad(w1, ((0, silent), (0, 0))),
        np.pad(apical, ((0, silent), (0, 0))),
        np.pad(q, ((0, silent), (0, silent))),
    )


def final_variance(variance: float, inhibition: float, tau_ratio: float = 1.0) -> float:
    """Return the variance with which a hidden unit without targets ends, which is below 1.

    The unit has the variance ``c = w^T Cxx w`` and inhibits itself by ``q``. With white inputs
    ``c' = -2 q^2 c`` and ``tau_ratio q' = (c - 1) q``, so ``tau_ratio q^2 + c - log(c)`` does not change, and
    inhibition vanishes where ``c - log(c)`` equals the initial value of this sum.

    Parameters
    ----------
    variance : float
        Initial variance c of the unit, positive.
    inhibition : float
        Initial ``q^2``, not negative.
    tau_ratio : float, default 1
        Learning rate of ``W1`` divided by that of ``Q``, positive.

    Raises
    ------
    ParameterError
        If a number is out of its range.
    """
    if variance <= 0.0 or inhibition < 0.0 or tau_ratio <= 0.0:
        raise ParameterError(
            f"variance and tau_ratio must be positive and inhibition at least 0, not variance = {variance:g}, "
            f"tau_ratio = {tau_ratio:g}, inhibition = {inhibition:g}"
        )
    level = tau_ratio * inhibition + variance - np.log(variance)
    if level <= 1.0:
        return 1.0  # saturated from the beginning, without inhibition
    # Of the two solutions of c - log(c) = level, that below 1, by Newton's method for log(c): the function
    # exp(u) - u - level is convex and falls there, so that steps from the left do not overshoot.
    u = -level
    for _ in range(100):
        step = (np.exp(u) - u - level) / (1.0 - np.exp(u))
        u += step
        if abs(step) <= 1e-15 * max(1.0, abs(u)):
            break
    return float(np.exp(u))


def slack_modes(
    canonical: Array, variances: Array, *, rho: float = 1.0, tau_ratio: float = 1.0
) -> Complex:
    """Return the modes that hidden units with slack add to the linearised flow, for ``Cxx = I``.

    They are the decay of inhibition, at the rate ``(1 - c)/tau_ratio`` for each unit with slack and each
    interneuron that no saturated unit uses, and three modes for each pair of a saturated unit with gain ``s^2``
    and a unit with slack, one of which replaces the mode ``-s^2`` of the saturated unit alone along the direction
    of the slack; a fourth, the rotation of the two, is 0. Zero modes (rotations, and the directions of slack,
    which no force moves) and the decay of apical weights at the rate ``rho`` are left out.

    Parameters
    ----------
    canonical : ndarray, shape (r,)
        Canonical values ``s`` of the saturated units, as many as the rank of ``Cxy``.
    variances : ndarray, shape (k - r,)
        Variances ``c`` of the units with slack, from 0 to below 1.
    rho : float, default 1
        Learning rate of the apical weights divided by that of ``W1``.
    tau_ratio : float, default 1
        Learning rate of ``W1`` divided by that of ``Q``.
    """
    found: list[Complex] = []
    for c in np.asarray(variances, dtype=np.float64):
        found.append(np.full(len(variances), (c - 1.0) / tau_ratio, dtype=np.complex128))
        for s in np.asarray(canonical, dtype=np.float64):
            found.append(_pair_modes(float(s), float(c), rho, tau_ratio))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.complex128)


def _pair_modes(s: float, c: float, rho: float, tau_ratio: float) -> Complex:
    """Return the three modes of a pair that are not a rotation.

    The states are the component of the slack unit along the saturated direction, its apical weight along that
    target, its inhibition by the interneuron of the saturated unit, and the component of the saturated unit along
    the slack direction.
    """
    d = c**0.5
    jacobian = np.array(
        [
            [0.0, s, -s, 0.0],
            [rho * s, -rho, 0.0, 0.0],
            [s / tau_ratio, 0.0, (c - 1.0) / tau_ratio, s * d / tau_ratio],
            [0.0, 0.0, -s * d, -(s**2)],
        ]
    )
    values = np.linalg.eigvals(jacobian).astype(np.complex128)
    return np.delete(values, np.argmin(np.abs(values)))
