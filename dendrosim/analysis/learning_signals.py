"""Gradient and Gauss-Newton updates of a layered network, and angles between them and other updates.

The network is ``h_i = s(W_i h_{i-1})`` for ``i = 1 ... L``, with input ``h_0 = x`` and targets ``y``; its loss is
the mean over samples of ``|h_L - y|^2 / 2``. In all functions

- ``weights`` is ``[W_1, ..., W_L]``, with ``W_i`` of shape ``(n_i, n_{i-1})``,
- ``x`` has shape ``(n_0, samples)`` and ``y`` has shape ``(n_L, samples)``,
- ``transfer`` is the name of ``s`` (see `dendrosim.equations.transfer`), and ``output``, if given, the name of the
  transfer function of the last layer,
- ``a_i = W_i h_{i-1}`` is the pre-activation, ``D_i = diag(s'(a_i))`` and ``e = h_L - y``,
- lists with an entry per layer have the order of ``weights``: entry ``k`` belongs to layer ``k + 1``.

An update is added to the weights, with learning rate 1. `angle` compares a learning rule with an update: 0 degrees
is the same direction, and small steps within 90 degrees of the gradient update decrease the loss.

Sources
-------
Meulemans et al. (2020), "A theoretical framework for target propagation", NeurIPS 33: section 2 (Gauss-Newton with
Tikhonov damping, eq. 5) and section 3.4, condition 2 (Gauss-Newton targets). Kahan (2006), "How futile are
mindless assessments of roundoff in floating-point computation?", section "Mangled Angles": accurate angles between
vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError, ShapeError

_RANK_TOLERANCE = 1e-10
"""Singular values below this fraction of the largest one count as zero."""


@dataclass(frozen=True)
class Forward(ShortRepr):
    """Activities and slopes of a forward pass through the network.

    Attributes
    ----------
    activities : tuple of L + 1 ndarray, shapes (n_i, samples)
        ``h_0 ... h_L``, input first.
    slopes : tuple of L ndarray, shapes (n_i, samples)
        ``s'(a_i)`` of layers 1 to L.
    """

    activities: tuple[Array, ...]
    slopes: tuple[Array, ...]


@dataclass(frozen=True)
class FeedbackAlignment(ShortRepr):
    """Comparison of feedback weights ``Q`` with the forward weights ``W`` that they should invert.

    Attributes
    ----------
    inverse, pseudo_inverse, transpose : float
        Angles in degrees between ``Q`` and ``W^-1`` (NaN unless ``W`` is square and of full rank), ``W^+`` and
        ``W^T``.
    reconstruction_error : float
        Spectral norm of ``Q W - W^+ W``. ``W^+ W`` is the projection onto the row space of ``W``, the best that
        any ``Q`` can reconstruct; it is the identity if ``W`` loses no direction.
    """

    inverse: float
    pseudo_inverse: float
    transpose: float
    reconstruction_error: float


def forward(
    weights: Sequence[ArrayLike], x: ArrayLike, transfer: str, output: str | None = None
) -> Forward:
    """Return activities and slopes of all layers.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    x : array_like, shape (n_0, samples)
    transfer : str
        Name of the transfer function.
    output : str, optional
        Name of the transfer function of the last layer (default: `transfer`).

    Raises
    ------
    ShapeError
        If the shapes of the weights do not fit together, or `x` does not fit the first weights.
    ParameterError
        If a value is not finite.
    UnknownMemberError
        If there is no such transfer function.
    """
    matrices = _weights(weights)
    activities, slopes = [_samples("x", x, "n_0", matrices[0].shape[1])], []
    for k, w in enumerate(matrices):
        last = k == len(matrices) - 1
        function = numeric_transfer(output if last and output is not None else transfer)
        a = w @ activities[-1]
        activities.append(function.s(a))
        slopes.append(function.ds(a))
    return Forward(tuple(activities), tuple(slopes))


def loss(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    transfer: str,
    output: str | None = None,
) -> float:
    """Return the mean over samples of ``|h_L - y|^2 / 2``.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    x : array_like, shape (n_0, samples)
    y : array_like, shape (n_L, samples)
    transfer : str
        Name of the transfer function.
    output : str, optional
        Name of the transfer function of the last layer (default: `transfer`).

    Raises
    ------
    ShapeError, ParameterError, UnknownMemberError
        The errors of `forward`; also ShapeError if `y` does not fit the output.
    """
    error = _error(forward(weights, x, transfer, output), y)
    return float(np.sum(error**2) / (2 * error.shape[1]))


def jacobians(weights: Sequence[ArrayLike], forward: Forward) -> list[Array]:
    """Return the derivatives of the output with respect to each layer's activity, for each sample.

    ``J_i = dh_L/dh_i = D_L W_L ... D_{i+1} W_{i+1}`` for ``i = 1 ... L``; ``J_L`` is the identity.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    forward : Forward
        Forward pass with the same weights.

    Returns
    -------
    list of L ndarray, shapes (samples, n_L, n_i)
        Entry ``k`` is ``J_{k+1}``.

    Raises
    ------
    ShapeError
        If the shapes of the weights do not fit together, or `forward` is a pass with other weights.
    """
    matrices = _weights(weights)
    if [len(w) for w in matrices] != [len(d) for d in forward.slopes]:
        raise ShapeError(
            f"forward has layers of {[len(d) for d in forward.slopes]} units, but the weights lead to "
            f"{[len(w) for w in matrices]}: compute it with the same weights"
        )
    outputs, samples = forward.slopes[-1].shape
    found = [np.array(np.broadcast_to(np.eye(outputs), (samples, outputs, outputs)))]
    for w, slope in zip(reversed(matrices[1:]), reversed(forward.slopes[1:]), strict=True):
        found.append((found[-1] * slope.T[:, None, :]) @ w)
    return found[::-1]


def gradient_update(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    transfer: str,
    output: str | None = None,
) -> list[Array]:
    """Return the negative gradient of the loss with respect to each layer's weights, by back-propagation.

    Parameters are those of `loss`.

    Returns
    -------
    list of L ndarray, shapes (n_i, n_{i-1})

    Raises
    ------
    ShapeError, ParameterError, UnknownMemberError
        The errors of `loss`.
    """
    passed = forward(weights, x, transfer, output)
    return descent_update(weights, passed, -_error(passed, y))


def descent_update(
    weights: Sequence[ArrayLike], forward: Forward, errors: ArrayLike
) -> list[Array]:
    """Return the negative gradient of a mean loss with respect to each layer's weights, by back-propagation.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    forward : Forward
        Forward pass with the same weights.
    errors : array_like, shape (n_L, samples)
        Minus the derivative of each sample's loss with respect to the output ``h_L``.

    Returns
    -------
    list of L ndarray, shapes (n_i, n_{i-1})
    """
    changes = [np.asarray(errors, dtype=np.float64)]
    above = zip(reversed(_weights(weights)[1:]), reversed(forward.slopes[1:]), strict=True)
    for w, slope in above:
        changes.append(w.T @ (slope * changes[-1]))
    return _updates(forward, changes[::-1])


def gauss_newton_update(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    transfer: str,
    output: str | None = None,
    damping: float = 0.0,
) -> list[Array]:
    """Return updates that move each layer's activity towards its Gauss-Newton target.

    For each sample, the difference between target and activity is ``dh_i = -J_i^+ e``, or, with damping, ``dh_i =
    -J_i^T (J_i J_i^T + damping I)^-1 e``. The update is one gradient step towards the target, the mean over
    samples of ``(D_i dh_i) h_{i-1}^T``. For large `damping`, the update approaches the gradient update divided by
    `damping`.

    Parameters
    ----------
    weights, x, y, transfer, output
        See `loss`.
    damping : float, default 0
        The damping, not negative. At 0, the pseudo-inverse leaves out singular values of ``J_i`` below ``1e-10``
        times the largest.

    Returns
    -------
    list of L ndarray, shapes (n_i, n_{i-1})

    Raises
    ------
    ShapeError, ParameterError, UnknownMemberError
        The errors of `loss`; also ParameterError if `damping` is negative or not finite.

    References
    ----------
    Meulemans et al. (2020), eq. 5 and section 3.4.
    """
    if not 0.0 <= damping < np.inf:
        raise ParameterError(f"damping must be a number from 0 up, not {damping}")
    matrices = _weights(weights)
    passed = forward(matrices, x, transfer, output)
    error = _error(passed, y).T[:, :, None]
    targets = [-_pull_back(j, error, damping) for j in jacobians(matrices, passed)[:-1]]
    changes = [change[:, :, 0].T for change in (*targets, -error / (1.0 + damping))]
    return _updates(passed, changes)


def angle(a: ArrayLike, b: ArrayLike) -> float:
    """Return the angle in degrees between two arrays as vectors, ``acos(<a, b> / (|a| |b|))``.

    The angle is computed from the sum and the difference of the unit vectors (Kahan 2006), so that angles near 0
    and 180 degrees are as accurate as all other angles.

    Parameters
    ----------
    a, b : array_like
        Arrays of the same shape.

    Returns
    -------
    float
        From 0 to 180; NaN if an array is zero or not finite.

    Raises
    ------
    ShapeError
        If the shapes of `a` and `b` differ.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ShapeError(f"angle: a has shape {first.shape}, but b {second.shape}")
    if not all(v.any() and np.isfinite(v).all() for v in (first, second)):
        return np.nan
    u, v = _unit(first.ravel()), _unit(second.ravel())
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))


def feedback_alignment(q: ArrayLike, w: ArrayLike) -> FeedbackAlignment:
    """Return the angles between feedback weights and inverse, pseudo-inverse and transpose of forward weights.

    Parameters
    ----------
    q : array_like, shape (n, m)
        Feedback weights.
    w : array_like, shape (m, n)
        Forward weights. Singular values below ``1e-10`` times the largest count as zero.

    Returns
    -------
    FeedbackAlignment
        All numbers are NaN if a weight is not finite.

    Raises
    ------
    ShapeError
        If `q` does not have the shape of the transpose of `w`.
    """
    feedback, ahead = np.asarray(q, dtype=np.float64), np.asarray(w, dtype=np.float64)
    if ahead.ndim != 2 or not ahead.size or feedback.shape != ahead.T.shape:
        raise ShapeError(
            f"feedback_alignment: q {feedback.shape} must be (n, m) if w {ahead.shape} is (m, n)"
        )
    if not (np.isfinite(feedback).all() and np.isfinite(ahead).all()):
        return FeedbackAlignment(np.nan, np.nan, np.nan, np.nan)
    inverse = np.linalg.pinv(ahead, rcond=_RANK_TOLERANCE)
    to_inverse = angle(feedback, inverse)
    rank = np.linalg.matrix_rank(ahead, rtol=_RANK_TOLERANCE)
    return FeedbackAlignment(
        inverse=to_inverse if rank == len(ahead) == len(feedback) else np.nan,
        pseudo_inverse=to_inverse,
        transpose=angle(feedback, ahead.T),
        reconstruction_error=float(np.linalg.norm((feedback - inverse) @ ahead, 2)),
    )


def _pull_back(jacobian: Array, error: Array, damping: float) -> Array:
    """Return the change of activity (samples, n_i, 1) that causes `error` (samples, n_L, 1)."""
    if damping == 0.0:
        return np.linalg.pinv(jacobian, rcond=_RANK_TOLERANCE) @ error
    transposed = jacobian.transpose(0, 2, 1)
    square = jacobian @ transposed + damping * np.eye(jacobian.shape[1])
    return transposed @ np.linalg.solve(square, error)


def _updates(passed: Forward, changes: Sequence[Array]) -> list[Array]:
    """Return the mean over samples of ``(D_i dh_i) h_{i-1}^T``."""
    samples = passed.activities[0].shape[1]
    below = passed.activities[:-1]
    return [
        (slope * change) @ h.T / samples
        for slope, change, h in zip(passed.slopes, changes, below, strict=True)
    ]


def _unit(vector: Array) -> Array:
    """Return a vector scaled to length 1; squares in the calculation neither overflow nor underflow."""
    scaled = vector / np.max(np.abs(vector))
    return scaled / np.linalg.norm(scaled)


def _error(passed: Forward, y: ArrayLike) -> Array:
    """Return ``h_L - y``; raise ShapeError if `y` does not fit."""
    reached = passed.activities[-1]
    targets = _samples("y", y, "n_L", len(reached))
    if targets.shape != reached.shape:
        raise ShapeError(f"y has {targets.shape[1]} samples, but x {reached.shape[1]}")
    return reached - targets


def _weights(weights: Sequence[ArrayLike]) -> list[Array]:
    """Return the weights as arrays; raise ShapeError if their shapes do not fit together."""
    matrices = [np.asarray(w, dtype=np.float64) for w in weights]
    if not matrices:
        raise ShapeError("weights: there must be at least one matrix")
    for k, w in enumerate(matrices):
        if w.ndim != 2 or not w.size:
            raise ShapeError(f"weights: W_{k + 1} {w.shape} must be (units, units below)")
        if k and w.shape[1] != len(matrices[k - 1]):
            raise ShapeError(
                f"weights: W_{k + 1} {w.shape} must have as many columns as W_{k} "
                f"{matrices[k - 1].shape} has rows"
            )
        _finite(f"weights: W_{k + 1}", w)
    return matrices


def _samples(name: str, given: ArrayLike, symbol: str, units: int) -> Array:
    """Return an argument as an array (units, samples); raise an error if its shape does not fit."""
    array = np.asarray(given, dtype=np.float64)
    if array.ndim != 2 or len(array) != units or not array.size:
        raise ShapeError(
            f"{name} {array.shape} must be ({symbol}, samples) with {symbol} = {units}"
        )
    _finite(name, array)
    return array


def _finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} has values that are not finite")
