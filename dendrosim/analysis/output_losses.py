"""Losses of a layered network with linear outputs: their values, their errors at the outputs, and their gradient.

The network is that of `dendrosim.analysis.learning_signals`, with a linear last layer; the losses are those of
`dendrosim.mechanisms.output_error`, whose docstring gives the formulas. In all functions

- ``h`` and ``y`` have shape ``(n_L, samples)``: outputs and targets,
- ``loss`` is `squared`, `softmax` or `hinge`, and ``balance`` the weight of wrong classes in `hinge`.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, section 3.2.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.analysis.learning_signals import descent_update, forward
from dendrosim.arrays import Array
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError
from dendrosim.mechanisms.output_error import ERRORS

_ROUNDING = 1e-9


def mean_loss(h: ArrayLike, y: ArrayLike, loss: str, balance: float = 0.5) -> float:
    """Return the mean loss over samples.

    Raises
    ------
    UnknownMemberError
        If there is no such loss.
    ShapeError, ParameterError
        If the targets do not fit the outputs or the loss (see `check_targets`).
    """
    reached, wanted = _checked(h, y, loss)
    if loss == "squared":
        each = 0.5 * (wanted - reached) ** 2
    elif loss == "softmax":
        each = -wanted * _log_softmax(reached)
    else:
        each = wanted * np.maximum(1 - reached, 0)
        each = each + balance * (1 - wanted) * np.maximum(1 + reached, 0)
    return float(np.mean(np.sum(each, axis=0)))


def output_errors(h: ArrayLike, y: ArrayLike, loss: str, balance: float = 0.5) -> Array:
    """Return minus the derivative of each sample's loss with respect to the outputs, shape (n_L, samples).

    Errors are those of `mean_loss`.
    """
    reached, wanted = _checked(h, y, loss)
    if loss == "squared":
        return wanted - reached
    if loss == "softmax":
        return np.asarray(wanted - np.exp(_log_softmax(reached)))
    return np.asarray(wanted * (reached <= 1) - balance * (1 - wanted) * (reached >= -1))


def loss_gradient_update(
    weights: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    transfer: str,
    loss: str,
    balance: float = 0.5,
) -> list[Array]:
    """Return the negative gradient of the mean loss with respect to each layer's weights, by back-propagation.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_{i-1})
    x : array_like, shape (n_0, samples)
    y : array_like, shape (n_L, samples)
    transfer : str
        Name of the transfer function of the hidden layers.
    loss, balance
        See the module.

    Returns
    -------
    list of L ndarray, shapes (n_i, n_{i-1})
    """
    passed = forward(weights, x, transfer, "linear")
    return descent_update(weights, passed, output_errors(passed.activities[-1], y, loss, balance))


def check_targets(y: ArrayLike, loss: str) -> None:
    """Check that targets fit a loss: softmax and hinge need one class per sample, with 1, the others with 0.

    Raises
    ------
    UnknownMemberError
        If there is no such loss.
    ParameterError
        If the targets do not fit.
    """
    if loss not in ERRORS:
        raise UnknownMemberError("loss", loss, ERRORS)
    if loss == "squared":
        return
    wanted = np.asarray(y, dtype=np.float64)
    one = np.abs(np.sum(wanted, axis=0) - 1) < _ROUNDING
    if not (np.isin(wanted, (0.0, 1.0)).all() and one.all()):
        raise ParameterError(
            f"loss is {loss}, which needs targets of classes: 1 for the class of a sample and 0 for all others; "
            "these targets have other values, so choose loss=squared, or give classes"
        )


def _checked(h: ArrayLike, y: ArrayLike, loss: str) -> tuple[Array, Array]:
    reached, wanted = np.asarray(h, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if reached.ndim != 2 or reached.shape != wanted.shape:
        raise ShapeError(
            f"h {reached.shape} and y {wanted.shape} must both be (n_L, samples), of the same sizes"
        )
    check_targets(wanted, loss)
    return reached, wanted


def _log_softmax(h: Array) -> Array:
    shifted = h - np.max(h, axis=0)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=0)))
