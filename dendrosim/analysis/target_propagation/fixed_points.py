"""Activities of the settled circuit, with exact inverses or with arbitrary apical weights."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.analysis.target_propagation.chain import (
    Top,
    check_circuit,
    check_nudge,
    feedback_chain,
    samples,
    solve,
    top_gain,
    weight_chain,
)
from dendrosim.analysis.target_propagation.layer_signals import gains
from dendrosim.arrays import Array
from dendrosim.errors import ShapeError


def fixed_point(
    weights: Sequence[ArrayLike], x: ArrayLike, target: ArrayLike, mu: float
) -> list[Array]:
    """Return the settled activities of the clamped circuit with exact inverses.

    The result follows from `gains`; it is derived here.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_(i-1))
        ``W_1 .. W_L``; all but the first are square and invertible.
    x : array_like, shape (n_0,) or (n_0, samples)
        Input.
    target : array_like, shape (n_L,) or (n_L, samples)
        Value at which the target is clamped.
    mu : float
        Weight of the apical dendrite, between 0 and 1.

    Returns
    -------
    list of L + 1 ndarray, shapes (n_i,) or (n_i, samples)
        The activities of all layers, input first.

    Raises
    ------
    ShapeError
        If weights, input and target do not fit together, or a weight matrix above the first is not square.
    ParameterError
        If `mu` is out of its range, or a weight matrix has no inverse.
    """
    chain = weight_chain(weights)
    share = gains(mu, len(chain))
    x, error = samples(chain, x, target)
    settled = [x]
    for w in chain:
        settled.append(w @ settled[-1])
    error = error - settled[-1]
    for i in range(len(chain), 0, -1):
        settled[i] = settled[i] + share[i] * error
        if i > 1:
            if chain[i - 1].shape[0] != chain[i - 1].shape[1]:
                raise ShapeError(f"weights[{i - 1}] is {chain[i - 1].shape}; it must be square")
            error = solve(chain[i - 1], error, f"weights[{i - 1}] has no inverse")
    return settled


def linear_fixed_point(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    mu: float,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
) -> list[Array]:
    """Return the settled activities with any apical weights, the linear solution of thesis eq. 6.5.

    Whether the circuit settles depends on its eigenvalues, which this function does not check.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_(i-1))
        ``W_1 .. W_L``.
    feedback : sequence of L - 1 array_like, shapes (n_i, n_(i+1))
        ``Q_1 .. Q_(L-1)``.
    x : array_like, shape (n_0,) or (n_0, samples)
        Input.
    y : array_like, shape (n_L,) or (n_L, samples)
        Target; it has no effect if ``top="free"``.
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    top : {"clamped", "free", "nudged"}, default "clamped"
        Type of the target at the top.
    eta_hat : float, default 0.5
        Size of the nudge, positive; used by ``top="nudged"`` only.

    Returns
    -------
    list of L + 1 ndarray, shapes (n_i,) or (n_i, samples)
        The activities of all layers, input first.

    Raises
    ------
    ShapeError
        If weights, feedback, input and target do not fit together.
    ParameterError
        If an argument is out of its range, or the circuit is marginal and has no isolated fixed point.
    """
    chain = weight_chain(weights)
    back = feedback_chain(chain, feedback)
    x, y = samples(chain, x, y)
    gain = top_gain(mu, len(chain), top, eta_hat)
    ends = np.cumsum([0] + [len(w) for w in chain])
    rows = [slice(a, b) for a, b in pairwise(ends)]
    system = np.eye(ends[-1])
    system[rows[-1], rows[-1]] *= 1.0 - mu * gain
    for (lower, upper), w, q in zip(pairwise(rows), chain[1:], back, strict=True):
        system[upper, lower] = -(1.0 - mu) * w
        system[lower, upper] = -mu * q
    drive = np.zeros((int(ends[-1]), *x.shape[1:]))
    drive[rows[0]] = (1.0 - mu) * (chain[0] @ x)
    drive[rows[-1]] += mu * (1.0 - gain) * y
    settled = solve(system, drive, "the circuit is marginal and has no isolated fixed point")
    return [x, *np.split(settled, ends[1:-1])]


def two_phase_difference(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    e: ArrayLike,
    mu: float,
    eta_hat: float,
) -> list[Array]:
    """Return the difference between nudged and free activities with any apical weights.

    ``D_i = M_i D_(i+1)`` with ``M_1 = mu Q_1``, ``M_i = (I - (1 - mu) W_i M_(i-1))^-1 mu Q_i`` and ``D_L =
    -eta_hat r (I - W_L M_(L-1))^-1 e_L``; this is exact in linear circuits and derived here. In the difference,
    the terms of thesis eq. 6.31 and 6.33 that come from errors of the inverse cancel; `feedback` still shapes the
    signal itself.

    Parameters
    ----------
    weights, feedback
        See `linear_fixed_point`; ``W_1`` has no effect.
    e : array_like, shape (n_L,) or (n_L, samples)
        Error ``e_L`` of the nudged phase.
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    eta_hat : float
        Size of the nudge, positive.

    Returns
    -------
    list of L ndarray, shapes (n_i,) or (n_i, samples)
        ``D_1 .. D_L``.

    Raises
    ------
    ShapeError
        If weights, feedback and error do not fit together.
    ParameterError
        If an argument is out of its range, or the free circuit is marginal.
    """
    chain = weight_chain(weights)
    back = feedback_chain(chain, feedback)
    check_circuit(mu, len(chain))
    check_nudge(eta_hat)
    e = np.asarray(e, dtype=np.float64)
    if e.ndim not in (1, 2) or e.shape[0] != len(chain[-1]):
        raise ShapeError(f"e is {e.shape}; its first axis must have {len(chain[-1])} units")
    marginal = "the layers below the top are marginal"
    carried: list[Array] = []
    # `echo` is the effect of a layer on itself through the layers below it; layer 1 has none, as its input is
    # fixed.
    echo = np.zeros((len(chain[0]), len(chain[0])))
    for w, q in zip(chain[1:], back, strict=True):
        carried.append(solve(np.eye(len(q)) - (1.0 - mu) * echo, mu * q, marginal))
        echo = w @ carried[-1]
    signal = -eta_hat * mu / (1.0 - mu) * e
    found = [solve(np.eye(len(echo)) - echo, signal, "the free circuit is marginal")]
    for m in reversed(carried):
        found.append(m @ found[-1])
    return found[::-1]
