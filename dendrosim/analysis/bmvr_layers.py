"""Optimum of linear layers of BMVR microcircuits, and the modes of learning at this optimum.

Layer i of L hidden layers learns the regression of its targets on the layer below, under the constraint that its
rates have a covariance of at most the identity. Its targets are the labels y (teaching ``label``), or the apical
potentials of the layer above (teaching ``targets``; y for the highest layer).

With the singular values ``s_1 >= s_2 >= ...`` of ``Cxx^(-1/2) Cxy``, both kinds of targets have a joint fixed
point in which the saturated rates of each layer are the leading canonical coordinates of the inputs:

    label      apical weights have the gains s_j and Q_i Q_i^T the eigenvalues s_j^2, in all layers
    targets    apical_L,j = s_j y_j, so apical weights of layer L-1 have the gains s_j^2, and so on: those of layer
               i have the gains s_j^(2^(L-i)), and Q_i Q_i^T the eigenvalues s_j^(2^(L-i+1))

y_j are the coordinates of the labels along the right singular vectors. With ``targets``, layers i + 1 and i
alternate as a power iteration: the span of the apical weights is multiplied by ``Cyx Cxx^-1 Cxy``, so the leading
coordinates are the attractor. The loss is that of reduced-rank regression with the rank of the narrowest layer.

Sources
-------
BMVR workshop abstract (NeurIPS 2020), eq. 5-7 and 19, for one layer; layers are derived here.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from dendrosim.analysis.bmvr_flow import flow_modes
from dendrosim.analysis.bmvr_slack import target_rank
from dendrosim.analysis.regression import Covariances, canonical_values, optimal_loss
from dendrosim.arrays import Array, Complex
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError

Teaching = Literal["label", "targets"]


def layer_gains(
    cov: Covariances, widths: Sequence[int], teaching: Teaching, tolerance: float = 1e-10
) -> list[Array]:
    """Return the eigenvalues of ``Q_i Q_i^T`` of each hidden layer at the joint optimum, largest first.

    Parameters
    ----------
    cov : Covariances
        Covariances of inputs and labels.
    widths : sequence of int
        Units of the hidden layers, the lowest first.
    teaching : {"label", "targets"}
        Targets of the layers.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.

    Returns
    -------
    list of ndarray, shapes (widths[i],)
        Zero for units beyond the rank of their targets, which have slack.

    Raises
    ------
    ParameterError
        If there is no layer, or one has no unit.
    """
    _check(widths)
    values = canonical_values(cov, tolerance)
    rank, depth = target_rank(cov, tolerance), len(widths)
    found = []
    for i, units in enumerate(widths, 1):
        # With passed targets, a narrow layer above leaves the layers below it no more directions to predict.
        others = widths[:i] if teaching == "label" else widths
        saturated = min(rank, *others)
        exponent = 2 if teaching == "label" else 2 ** (depth - i + 1)
        gains = np.zeros(units)
        gains[:saturated] = values[:saturated] ** exponent
        found.append(gains)
    return found


def layered_loss(cov: Covariances, widths: Sequence[int], tolerance: float = 1e-10) -> float:
    """Return the mean squared error of the output at the joint optimum.

    Parameters
    ----------
    cov : Covariances
        Covariances of inputs and labels.
    widths : sequence of int
        Units of the hidden layers.
    tolerance : float, default 1e-10
        Input directions whose variance is below this fraction of the largest variance are left out.

    Raises
    ------
    ParameterError
        If there is no layer, or one has no unit.
    """
    _check(widths)
    return optimal_loss(cov, min(widths), tolerance)


def label_modes(
    cov: Covariances, widths: Sequence[int], *, rho: float = 1.0, tau_ratio: float = 1.0
) -> Complex:
    """Return the modes of learning of all layers with teaching ``label``, in units of ``eta``.

    Layers do not depend on those above, so the modes are those of single layers: of the first with the inputs, and
    of each other one with the white rates of the layer below, in canonical coordinates. Zero modes of rotations,
    and the decay of read-out weights at the rate ``rho``, are left out.

    Parameters
    ----------
    cov : Covariances
        Covariances of inputs and labels.
    widths : sequence of int
        Units of the hidden layers, in an order that does not increase, at most the rank of ``Cxy``.
    rho : float, default 1
        Learning rate of the apical weights divided by that of basal weights.
    tau_ratio : float, default 1
        Learning rate of basal weights divided by that of ``Q``.

    Raises
    ------
    ParameterError
        If a layer is wider than the one below or than the rank of ``Cxy``, so that units have slack.
    """
    _check(widths)
    if any(wide > below for below, wide in pairwise(widths)):
        raise ParameterError(
            f"widths is {list(widths)}; no layer may be wider than the one below it, because its further units "
            "would have slack"
        )
    found, below = [], cov
    values = canonical_values(cov)
    for units in widths:
        found.append(flow_modes(below, units, rho=rho, tau_ratio=tau_ratio).eigenvalues)
        cross = np.zeros((units, len(cov.yy)))
        np.fill_diagonal(cross, values[:units])
        below = Covariances(np.eye(units), cross, cov.yy)
    modes = np.concatenate(found)
    return modes[np.argsort(-modes.real, kind="stable")]


def layered_rates(
    weights: Sequence[Array], means: Sequence[Array | float], x: Array, transfer: str
) -> list[Array]:
    """Return the rates of all hidden layers at rest, ``h_i = s(W_i h_(i-1)) - m_i``, the lowest first.

    Parameters
    ----------
    weights : sequence of ndarray, shapes (n_i, n_(i-1))
        Basal weights of the hidden layers.
    means : sequence of ndarray of shape (n_i, 1), or float
        Running means that somata lose; 0 without `centred`.
    x : ndarray, shape (n_0, samples)
        Inputs.
    transfer : str
        Name of the transfer function of the hidden layers.
    """
    s, found, below = numeric_transfer(transfer).s, [], x
    for w, m in zip(weights, means, strict=True):
        below = s(w @ below) - m
        found.append(below)
    return found


def _check(widths: Sequence[int]) -> None:
    if not widths or min(widths) < 1:
        raise ParameterError(
            f"widths is {list(widths)}; give the number of units of at least one hidden layer"
        )
