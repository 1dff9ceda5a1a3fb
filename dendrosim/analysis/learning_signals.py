"""Gradient and Gauss-Newton updates of a layered network, with which learning rules are compared.

The network is ``h_i = s(W_i h_{i-1})`` for ``i = 1 ... L``, with input ``h_0 = x`` and targets ``y``; its loss is
the mean over samples of ``|h_L - y|^2 / 2``. In all functions

- ``weights`` is ``[W_1, ..., W_L]``, with ``W_i`` of shape ``(n_i, n_{i-1})``,
- ``x`` has shape ``(n_0, samples)`` and ``y`` has shape ``(n_L, samples)``,
- ``transfer`` is the name of ``s`` (see `dendrosim.equations.transfer`), and ``output``, if given, the name of the
  transfer function of the last layer,
- all of them may have further axes in front, the same for all, such as one for the trials of a recording,
- ``a_i = W_i h_{i-1}`` is the pre-activation, ``D_i = diag(s'(a_i))`` and ``e = h_L - y``,
- lists with an entry per layer have the order of ``weights``: entry ``k`` belongs to layer ``k + 1``.

An update is added to the weights, with learning rate 1. `vector_angles.angle` compares a learning rule with an
update: 0 degrees is the same direction, and small steps within 90 degrees of the gradient update decrease the
loss.

Sources
-------
Meulemans et al. (2020), "A theoretical framework for target propagation", NeurIPS 33: section 2 (Gauss-Newton with
Tikhonov damping, eq. 5) and section 3.4, condition 2 (Gauss-Newton targets).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    activities, slopes = [_samples("x", x, "n_0", matrices[0].shape[-1])], []
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
    return float(np.mean(losses(weights, x, y, transfer, output)))


def losses(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    transfer: str,
    output: str | None = None,
) -> Array:
    """Return the loss for each index of the axes in front, shape (...); all else is as in `loss`."""
    error = output_error(forward(weights, x, transfer, output), y)
    found: Array = 0.5 * np.mean(np.sum(error**2, axis=-2), axis=-1)
    return found


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
    units, led = ([a.shape[-2] for a in arrays] for arrays in (forward.slopes, matrices))
    if units != led:
        raise ShapeError(
            f"forward has layers of {units} units, but the weights lead to {led}: compute it with the same weights"
        )
    *leading, outputs, samples = forward.slopes[-1].shape
    shape = (*leading, samples, outputs, outputs)
    found = [np.array(np.broadcast_to(np.eye(outputs), shape))]
    for w, slope in zip(reversed(matrices[1:]), reversed(forward.slopes[1:]), strict=True):
        found.append((found[-1] * _transpose(slope)[..., None, :]) @ w[..., None, :, :])
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
    return descent_update(weights, passed, -output_error(passed, y))


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
        changes.append(_transpose(w) @ (slope * changes[-1]))
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
    passed = forward(weights, x, transfer, output)
    return target_update(weights, passed, -output_error(passed, y), damping)


def target_update(
    weights: Sequence[ArrayLike], forward: Forward, errors: ArrayLike, damping: float = 0.0
) -> list[Array]:
    """Return updates that move each layer's activity towards its Gauss-Newton target; see `gauss_newton_update`.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    forward : Forward
        Forward pass with the same weights.
    errors : array_like, shape (n_L, samples)
        Target minus output, ``y - h_L``.
    damping : float, default 0

    Returns
    -------
    list of L ndarray, shapes (n_i, n_{i-1})

    Raises
    ------
    ParameterError
        If `damping` is negative or not finite.
    ShapeError
        The errors of `jacobians`.
    """
    if not 0.0 <= damping < np.inf:
        raise ParameterError(f"damping must be a number from 0 up, not {damping}")
    wanted = np.asarray(errors, dtype=np.float64)
    last = wanted / (1.0 + damping)
    # Where slopes are the same for all samples, as with a linear transfer function, one Jacobian serves them all.
    first = [slope[..., :1] for slope in forward.slopes]
    if all((s == f).all() for s, f in zip(forward.slopes, first, strict=True)):
        found = jacobians(weights, replace(forward, slopes=tuple(first)))
        changes = [_pull_back(j[..., 0, :, :], wanted, damping) for j in found[:-1]]
    else:
        found, columns = jacobians(weights, forward), _transpose(wanted)[..., None]
        changes = [_transpose(_pull_back(j, columns, damping)[..., 0]) for j in found[:-1]]
    return _updates(forward, [*changes, last])


def _pull_back(jacobian: Array, error: Array, damping: float) -> Array:
    """Return the changes of activity (..., n_i, columns) that cause errors of shape (..., n_L, columns)."""
    if damping == 0.0:
        return np.linalg.pinv(jacobian, rcond=_RANK_TOLERANCE) @ error
    transposed = _transpose(jacobian)
    square = jacobian @ transposed + damping * np.eye(jacobian.shape[-2])
    return transposed @ np.linalg.solve(square, error)


def _updates(passed: Forward, changes: Sequence[Array]) -> list[Array]:
    """Return the mean over samples of ``(D_i dh_i) h_{i-1}^T``."""
    samples = passed.activities[0].shape[-1]
    below = passed.activities[:-1]
    return [
        (slope * change) @ _transpose(h) / samples
        for slope, change, h in zip(passed.slopes, changes, below, strict=True)
    ]


def _transpose(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)


def output_error(passed: Forward, y: ArrayLike) -> Array:
    """Return ``h_L - y`` of a forward pass, shape (n_L, samples); raise ShapeError if `y` does not fit."""
    reached = passed.activities[-1]
    targets = _samples("y", y, "n_L", reached.shape[-2])
    if targets.shape != reached.shape:
        raise ShapeError(f"y has {targets.shape[-1]} samples, but x {reached.shape[-1]}")
    return reached - targets


def _weights(weights: Sequence[ArrayLike]) -> list[Array]:
    """Return the weights as arrays; raise ShapeError if their shapes do not fit together."""
    matrices = [np.asarray(w, dtype=np.float64) for w in weights]
    if not matrices:
        raise ShapeError("weights: there must be at least one matrix")
    for k, w in enumerate(matrices):
        if w.ndim < 2 or not w.size:
            raise ShapeError(f"weights: W_{k + 1} {w.shape} must be (units, units below)")
        if k and (*w.shape[:-2], w.shape[-1]) != matrices[k - 1].shape[:-1]:
            raise ShapeError(
                f"weights: W_{k + 1} {w.shape} must have as many columns as W_{k} "
                f"{matrices[k - 1].shape} has rows"
            )
        _finite(f"weights: W_{k + 1}", w)
    return matrices


def _samples(name: str, given: ArrayLike, symbol: str, units: int) -> Array:
    """Return an argument as an array (units, samples); raise an error if its shape does not fit."""
    array = np.asarray(given, dtype=np.float64)
    if array.ndim < 2 or array.shape[-2] != units or not array.size:
        raise ShapeError(
            f"{name} {array.shape} must be ({symbol}, samples) with {symbol} = {units}"
        )
    _finite(name, array)
    return array


def _finite(name: str, array: Array) -> None:
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} has values that are not finite")
